/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaigns by the producer's API: submit, pause, resume, cancel. Watching is in cmd_watch.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/submission.h"
#include "producer/cli/verbs.h"
#include "producer/cli/watch.h"

#define SUBMIT_TIMEOUT_MS 150000 /* beyond what the producer allows itself for a body */
#define CONTROL_TIMEOUT_MS 30000
#define WARNINGS_TOLD 50

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
};

/* ---- submit ---- */

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* `submission`: what their paths lead into; NULL: they say it themselves. */
static void tell_warnings(const cJSON *body, struct submission *submission)
{
    const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(body, "warnings"), *warning;
    int n = 0, total = cJSON_GetArraySize(warnings);
    cJSON_ArrayForEach(warning, warnings)
    {
        char place[512];
        if (n++ == WARNINGS_TOLD) {
            out_note("and %d warnings more", total - WARNINGS_TOLD);
            break;
        }
        if (submission)
            submission_place(text_of(warning, "path"), place, sizeof place, submission);
        else
            snprintf(place, sizeof place, "%s", text_of(warning, "path"));
        out_note("warning: %s%s%s", place, place[0] ? " " : "", text_of(warning, "message"));
    }
}

static enum cli_exit tell_made(const struct session *s, struct api_answer *answer, struct submission *submission)
{
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(answer->body, "total");
    double contacts = cJSON_IsNumber(total) ? total->valuedouble : (double)submission->n_contacts;
    tell_warnings(answer->body, submission);
    if (!session_is_json(s)) {
        out_line("%s %s, %.0f contact%s", api_answer_text(answer, "batchId"), api_answer_text(answer, "status"),
                 contacts, contacts == 1 ? "" : "s");
        return CLI_DONE;
    }
    if (submission->rows)
        json_add_i64(answer->body, "rejectedRows", (int64_t)submission->n_rejected);
    return out_json(answer->body);
}

static enum cli_exit tell_unanswered(const struct session *s, const struct api_client *api)
{
    if (session_signal(s) != 0)
        out_complain("interrupted before the answer: whether the campaign was taken is not known");
    else
        api_client_complain(api);
    return CLI_FAILED;
}

static enum cli_exit send_submission(struct session *s, struct api_client *api, struct submission *submission,
                                     char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    struct api_answer answer;
    char cell[LIMIT_CELL_ID_LEN + 1];
    enum cli_exit status = CLI_FAILED;
    int rc = session_catch_signals(s);
    if (rc == 0)
        rc =
            api_client_ask(api, "POST", "/api/v1/batch", submission->body, submission->len, SUBMIT_TIMEOUT_MS, &answer);
    if (rc != 0)
        return tell_unanswered(s, api);
    const char *id = api_answer_text(&answer, "batchId");
    if (api_answer_is(&answer, 202) && ident_batch_cell(id, strlen(id), cell) == 0) {
        snprintf(ret_batch, LIMIT_BATCH_ID_LEN + 1, "%s", id);
        status = tell_made(s, &answer, submission);
    } else {
        api_answer_refusal(&answer, session_is_json(s), submission_place, submission);
    }
    api_answer_clear(&answer);
    (void)fflush(stdout); /* main() looks at what became of it */
    return status;
}

static enum cli_exit run_submit(struct session *s)
{
    const struct conf *conf = session_conf(s);
    struct api_client *api;
    struct submission submission;
    char batch[LIMIT_BATCH_ID_LEN + 1];
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    if (submission_read(conf_rest(conf, 0), conf_str(conf, "contacts"), &submission) == 0) {
        status = send_submission(s, api, &submission, batch);
        submission_clear(&submission);
    } else {
        status = CLI_FAILED;
    }
    if (status == CLI_DONE && conf_bool(conf, "watch"))
        status = watch_batch(s, api, batch, true);
    api_client_close(api);
    return status;
}

/* ---- control ---- */

static const struct conf_option cancel_options[] = {
    {.name = "in-flight",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "hang up the calls on the line too"},
};

/* What is asked for: the route's verb, and a body (NULL: none). */
struct control {
    const char *verb;
    const char *body;
};

/* `arg`: a struct control. */
static enum cli_exit send_control(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    const struct control *c = arg;
    char path[LIMIT_BATCH_ID_LEN + 64];
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    snprintf(path, sizeof path, "/api/v1/batch/%s/%s", id, c->verb);
    if (api_client_ask(api, "POST", path, c->body, c->body ? strlen(c->body) : 0, CONTROL_TIMEOUT_MS, &answer) != 0) {
        api_client_complain(api);
        return CLI_FAILED;
    }
    if (!api_answer_is(&answer, 200) && !api_answer_is(&answer, 202)) {
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    } else if (session_is_json(s)) {
        status = out_json(answer.body);
    } else {
        tell_warnings(answer.body, NULL);
        out_line("%s %s", id, api_answer_text(&answer, "status"));
        status = CLI_DONE;
    }
    api_answer_clear(&answer);
    return status;
}

static enum cli_exit run_pause(struct session *s)
{
    return batch_verb_run(s, send_control, &(const struct control){.verb = "pause"});
}

static enum cli_exit run_resume(struct session *s)
{
    return batch_verb_run(s, send_control, &(const struct control){.verb = "resume"});
}

static enum cli_exit run_cancel(struct session *s)
{
    bool is_in_flight = conf_bool(session_conf(s), "in-flight");
    const struct control control = {.verb = "cancel", .body = is_in_flight ? "{\"cancelInFlight\":true}" : NULL};
    return batch_verb_run(s, send_control, &control);
}

const struct cli_verb *cli_batch_verbs(size_t *ret_n)
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
                "Rows that cannot be contacts are told by number and left out; the rest goes in.\n"
                "Prints the batch's id, its state and the number of its contacts.",
            .run = run_submit,
        },
        {
            .words = "pause",
            .subjects = "BATCH",
            .n_subjects = 1,
            .help = "begin no more calls of a batch",
            .about = "Calls under way come to their end.",
            .run = run_pause,
        },
        {
            .words = "resume",
            .subjects = "BATCH",
            .n_subjects = 1,
            .help = "go on with a paused batch",
            .run = run_resume,
        },
        {
            .words = "cancel",
            .subjects = "BATCH",
            .n_subjects = 1,
            .options = cancel_options,
            .n_options = sizeof cancel_options / sizeof cancel_options[0],
            .help = "end a batch",
            .about = "Calls under way come to their end, unless --in-flight has them hung up; contacts not called yet "
                     "count\n"
                     "as CANCELLED.",
            .run = run_cancel,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
