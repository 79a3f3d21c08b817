/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaigns are submitted: in one request where that takes all of it, else as a draft that is filled in chunks
 * (upload.h). Either way the request has an Idempotency-Key that follows from what the files hold: the same command
 * again submits nothing twice, and goes on with what is not complete.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/csv_chunks.h"
#include "producer/cli/out.h"
#include "producer/cli/patience.h"
#include "producer/cli/submission.h"
#include "producer/cli/upload.h"
#include "producer/cli/verbs.h"
#include "producer/cli/watch.h"

#define SUBMIT_TIMEOUT_MS 150000 /* beyond what the producer allows itself for a body */
#define KEY_PREFIX "carillon-submit-"
#define KEY_LEN_MOST 96

static const struct conf_option submit_options[] = {
    {.name = "contacts",
     .kind = CONF_FILE,
     .flags = CONF_FLAG_ONLY,
     .help = "CSV file with the contacts, where the campaign has none of its own (-: standard input)"},
    {.name = "watch",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "watch it until it ends"},
    {.name = "draft",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "leave it a draft, which dials nothing: 'carillon start batch ID' starts it"},
    {.name = "dry-run",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "only say what would become of it; of up to 100,000 contacts"},
    {.name = "run",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .default_text = "",
     .help = "a name for this time, such as a date: the same files under another go in once more"},
    {.name = "chunk-bytes",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .default_text = "4194304",
     .min = CSV_CHUNK_LEAST,
     .max = CSV_CHUNK_MOST,
     .help = "how much of a large CSV file goes into one request"},
    {.name = "patience-s",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .default_text = "300",
     .min = 0,
     .max = 86400,
     .help = "for how long a producer that went away is waited for"},
};

/* What is submitted, and how. */
struct submitting {
    struct session *session; /* borrowed */
    struct patience patience;
    struct contacts_file contacts; /* {0}: the campaign has its own */
    struct submission submission;
    char key[KEY_LEN_MOST];
    bool is_draft;
    bool is_dry_run;
};

/* ---- the key ---- */

/* Told by contents, not by names and times: a copy is the same, an edited file is another. */
static int make_key(struct submitting *t)
{
    const struct conf *conf = session_conf(t->session);
    const struct submission *s = &t->submission;
    struct digest_stream *digest;
    struct buf how;
    char hex[2 * DIGEST_SHA256_LEN + 1];
    int rc = digest_stream_create(&digest);
    if (rc != 0)
        return rc;
    buf_init(&how, 4096);
    if (s->is_chunked)
        rc = buf_printf(&how, "chunks %lld %s\n", (long long)conf_i64(conf, "chunk-bytes"), t->contacts.digest);
    else
        rc = buf_printf(&how, "whole %s\n", t->is_draft ? "draft" : "");
    if (rc == 0)
        rc = buf_printf(&how, "%s\n", conf_str(conf, "run"));
    if (rc == 0)
        rc = digest_stream_add(digest, buf_str(&how), buf_len(&how));
    if (rc == 0)
        rc = digest_stream_add(digest, s->body, s->len);
    if (rc == 0)
        rc = digest_stream_hex(digest, hex);
    if (rc == 0)
        snprintf(t->key, sizeof t->key, KEY_PREFIX "%s", hex);
    digest_stream_free(digest);
    buf_free(&how);
    return rc;
}

/* ---- in one request ---- */

static enum cli_exit tell_made(struct submitting *t, struct api_answer *answer)
{
    const struct submission *s = &t->submission;
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(answer->body, "total");
    double contacts = cJSON_IsNumber(total) ? total->valuedouble : (double)s->n_contacts;
    api_answer_warnings(answer, submission_place, &t->submission);
    if (answer->is_replay)
        out_note(
            "%s was submitted before with the same files: nothing is sent again (--run NAME submits them once more)",
            api_answer_text(answer, "batchId"));
    if (!session_is_json(t->session)) {
        out_line("%s %s, %.0f contact%s", api_answer_text(answer, "batchId"), api_answer_text(answer, "status"),
                 contacts, contacts == 1 ? "" : "s");
        return CLI_DONE;
    }
    if (answer->is_replay)
        (void)cJSON_AddTrueToObject(answer->body, "replayed");
    if (s->rows)
        json_add_i64(answer->body, "rejectedRows", (int64_t)s->n_rejected);
    return out_json(answer->body);
}

static enum cli_exit tell_unanswered(const struct submitting *t)
{
    if (session_signal(t->session) != 0)
        out_complain("interrupted before the answer: the same command again says whether the campaign was taken");
    else
        api_client_complain(t->patience.api);
    return CLI_FAILED;
}

static enum cli_exit send_whole(struct submitting *t, char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    const struct api_request request = {
        .method = "POST",
        .path = t->is_draft ? "/api/v1/batch?draft=true" : "/api/v1/batch",
        .idempotency_key = t->key,
        .body = t->submission.body,
        .len = t->submission.len,
        .timeout_ms = SUBMIT_TIMEOUT_MS,
    };
    struct api_answer answer;
    char cell[LIMIT_CELL_ID_LEN + 1];
    enum cli_exit status = CLI_FAILED;
    if (patience_ask(&t->patience, &request, &answer) != 0)
        return tell_unanswered(t);
    const char *id = api_answer_text(&answer, "batchId");
    if (api_answer_is(&answer, 202) && ident_batch_cell(id, strlen(id), cell) == 0) {
        snprintf(ret_batch, LIMIT_BATCH_ID_LEN + 1, "%s", id);
        status = tell_made(t, &answer);
    } else {
        api_answer_refusal(&answer, session_is_json(t->session), submission_place, &t->submission);
    }
    api_answer_clear(&answer);
    (void)fflush(stdout); /* main() looks at what became of it */
    return status;
}

/* ---- not at all ---- */

static double number_of(const struct api_answer *answer, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(answer->body, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void tell_errors(struct submitting *t, const struct api_answer *answer)
{
    const cJSON *error;
    cJSON_ArrayForEach(error, cJSON_GetObjectItemCaseSensitive(answer->body, "errors"))
    {
        const struct api_answer item = {.body = (cJSON *)error};
        char place[512];
        submission_place(api_answer_text(&item, "path"), place, sizeof place, &t->submission);
        out_note("%s%s%s", place, place[0] ? " " : "", api_answer_text(&item, "message"));
    }
}

static enum cli_exit tell_dry_run(struct submitting *t, struct api_answer *answer)
{
    bool would_be_taken = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer->body, "wouldBeTaken"));
    enum cli_exit status = would_be_taken ? CLI_DONE : CLI_FAILED;
    tell_errors(t, answer);
    api_answer_warnings(answer, submission_place, &t->submission);
    if (session_is_json(t->session)) {
        if (t->submission.rows)
            json_add_i64(answer->body, "rejectedRows", (int64_t)t->submission.n_rejected);
        return out_json(answer->body) == CLI_DONE ? status : CLI_FAILED;
    }
    out_line("%s: %.0f to call, %.0f on a do-not-call list, %.0f twice, %.0f bad",
             would_be_taken ? "would be taken" : "would be refused",
             number_of(answer, "accepted") - number_of(answer, "suppressed"), number_of(answer, "suppressed"),
             number_of(answer, "duplicates"), number_of(answer, "rejected"));
    const char *start = api_answer_text(answer, "earliestStart"), *end = api_answer_text(answer, "earliestEnd");
    if (start[0] && end[0])
        out_line("from %s to %s at the earliest", start, end);
    return status;
}

static enum cli_exit try_it(struct submitting *t)
{
    const struct api_request request = {
        .method = "POST",
        .path = "/api/v1/batch?dryRun=true",
        .body = t->submission.body,
        .len = t->submission.len,
        .timeout_ms = SUBMIT_TIMEOUT_MS,
    };
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    if (t->submission.is_chunked) {
        out_complain("%s: more than 100,000 contacts: --dry-run takes no more", t->contacts.name);
        return CLI_FAILED;
    }
    if (patience_ask(&t->patience, &request, &answer) != 0) {
        api_client_complain(t->patience.api);
        return CLI_FAILED;
    }
    if (api_answer_is(&answer, 200))
        status = tell_dry_run(t, &answer);
    else
        api_answer_refusal(&answer, session_is_json(t->session), submission_place, &t->submission);
    api_answer_clear(&answer);
    return status;
}

/* ---- in chunks ---- */

static enum cli_exit send_chunks(struct submitting *t, char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    const struct upload_config config = {
        .session = t->session,
        .patience = &t->patience,
        .contacts = &t->contacts,
        .body = t->submission.body,
        .len = t->submission.len,
        .idempotency_key = t->key,
        .chunk_bytes = (size_t)conf_i64(session_conf(t->session), "chunk-bytes"),
        .is_draft = t->is_draft,
    };
    return upload_run(&config, ret_batch);
}

/* ---- the files ---- */

static int open_files(struct submitting *t)
{
    const struct conf *conf = session_conf(t->session);
    const char *campaign = conf_rest(conf, 0), *contacts = conf_str(conf, "contacts");
    if (contacts && strcmp(campaign, "-") == 0 && strcmp(contacts, "-") == 0) {
        out_complain("only one of campaign and contacts can be standard input");
        return ERR_INVALID;
    }
    int rc = contacts ? contacts_file_open(contacts, &t->contacts) : 0;
    if (rc != 0)
        return rc;
    size_t whole_bytes = t->is_dry_run ? LIMIT_BODY_BYTES : (size_t)conf_i64(conf, "chunk-bytes");
    return submission_read(campaign, contacts ? &t->contacts : NULL, whole_bytes, &t->submission);
}

static enum cli_exit submit(struct submitting *t, char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    if (open_files(t) != 0)
        return CLI_FAILED;
    if (make_key(t) != 0 || session_catch_signals(t->session) != 0) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    if (t->is_dry_run)
        return try_it(t);
    return t->submission.is_chunked ? send_chunks(t, ret_batch) : send_whole(t, ret_batch);
}

static enum cli_exit run_submit(struct session *s)
{
    const struct conf *conf = session_conf(s);
    struct submitting t = {
        .session = s, .is_draft = conf_bool(conf, "draft"), .is_dry_run = conf_bool(conf, "dry-run")};
    struct api_client *api;
    char batch[LIMIT_BATCH_ID_LEN + 1];
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    patience_init(&t.patience, s, api, conf_i64(conf, "patience-s") * 1000);
    status = submit(&t, batch);
    submission_clear(&t.submission);
    contacts_file_close(&t.contacts);
    if (status == CLI_DONE && conf_bool(conf, "watch") && !t.is_draft && !t.is_dry_run)
        status = watch_batch(s, api, batch, true);
    api_client_close(api);
    return status;
}

const struct cli_verb *cli_submit_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "submit",
            .subjects = "FILE",
            .n_subjects = 1,
            .options = submit_options,
            .n_options = sizeof submit_options / sizeof submit_options[0],
            .help = "submit a campaign",
            .about =
                "FILE holds the JSON body of POST /api/v1/batch; - is standard input. A CSV file needs a column\n"
                "phoneNumber; id, name, email, company and timezone are known, any other column becomes metadata.\n"
                "Rows that cannot be contacts are told by number and left out; the rest goes in. A large file goes\n"
                "in chunks, with a bar on a terminal, into a draft that is started when it is complete.\n"
                "Where the connection breaks or the producer restarts, it goes on by itself; where the command\n"
                "itself was ended, the same command goes on. What was submitted in the last 24 hours is not\n"
                "submitted again: the batch is named instead.\n"
                "Prints the batch's id, its state and the number of its contacts.",
            .run = run_submit,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
