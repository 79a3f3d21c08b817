/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaigns by the producer's API: submit, pause, resume, cancel. Watching is in cmd_watch.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/ident.h"
#include "common/json/json.h"
#include "producer/cli/submission.h"
#include "producer/cli/verbs.h"

static const struct conf_option submit_options[] = {
    {.name = "contacts", .kind = CONF_FILE, .help = "CSV file of contacts, in place of contacts in the JSON"},
    {.name = "watch", .kind = CONF_BOOL, .default_text = "false", .help = "watch it until it ends"},
};

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void print_warnings(const cJSON *body)
{
    const cJSON *warning;
    cJSON_ArrayForEach(warning, cJSON_GetObjectItemCaseSensitive(body, "warnings"))
    {
        fprintf(stderr, "warning: %s: %s\n", text_of(warning, "path"), text_of(warning, "message"));
    }
}

static enum cli_exit send_submission(struct session *s, const struct submission *submission,
                                     char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    struct session_answer answer;
    if (session_http(s, "POST", "/api/v1/batch", submission->body, submission->len, &answer) != 0)
        return CLI_FAILED;
    const char *id = text_of(answer.body, "batchId");
    char cell[LIMIT_CELL_ID_LEN + 1];
    bool is_made = answer.status == 202 && ident_batch_cell(id, strlen(id), cell) == 0;
    if (!is_made) {
        session_print_error(&answer);
    } else {
        snprintf(ret_batch, LIMIT_BATCH_ID_LEN + 1, "%s", id);
        print_warnings(answer.body);
        if (session_is_json(s))
            session_print_json(answer.body);
        else
            printf("%s %s, %zu contacts\n", id, text_of(answer.body, "status"), submission->n_contacts);
    }
    session_answer_clear(&answer);
    fflush(stdout);
    return is_made ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_submit(struct session *s)
{
    const struct conf *conf = session_conf(s);
    struct submission submission;
    char batch[LIMIT_BATCH_ID_LEN + 1];
    if (submission_read(conf_rest(conf, 0), conf_str(conf, "contacts"), &submission) != 0)
        return CLI_FAILED;
    enum cli_exit status = send_submission(s, &submission, batch);
    submission_free(&submission);
    if (status == CLI_DONE && conf_bool(conf, "watch"))
        status = cli_watch_batch(s, batch);
    return status;
}

static enum cli_exit control(struct session *s, const char *verb)
{
    const char *id = conf_rest(session_conf(s), 0);
    char cell[LIMIT_CELL_ID_LEN + 1], path[LIMIT_BATCH_ID_LEN + 64];
    if (ident_batch_cell(id, strlen(id), cell) != 0) {
        fprintf(stderr, "carillon: %s is not a batch id\n", id);
        return CLI_USAGE;
    }
    snprintf(path, sizeof path, "/api/v1/batch/%s/%s", id, verb);
    struct session_answer answer;
    if (session_http(s, "POST", path, NULL, 0, &answer) != 0)
        return CLI_FAILED;
    bool is_done = answer.status == 200 || answer.status == 202;
    if (!is_done)
        session_print_error(&answer);
    else if (session_is_json(s))
        session_print_json(answer.body);
    else
        printf("%s %s\n", id, text_of(answer.body, "status"));
    session_answer_clear(&answer);
    return is_done ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_pause(struct session *s)
{
    return control(s, "pause");
}

static enum cli_exit run_resume(struct session *s)
{
    return control(s, "resume");
}

static enum cli_exit run_cancel(struct session *s)
{
    return control(s, "cancel");
}

static enum cli_exit run_watch(struct session *s)
{
    return cli_watch_batch(s, conf_rest(session_conf(s), 0));
}

const struct cli_verb *cli_batch_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {.words = "submit",
         .subjects = "FILE",
         .n_subjects = 1,
         .options = submit_options,
         .n_options = sizeof submit_options / sizeof submit_options[0],
         .help = "submit a campaign",
         .run = run_submit},
        {.words = "watch", .subjects = "BATCH", .n_subjects = 1, .help = "watch it until it ends", .run = run_watch},
        {.words = "pause", .subjects = "BATCH", .n_subjects = 1, .help = "begin no more calls", .run = run_pause},
        {.words = "resume", .subjects = "BATCH", .n_subjects = 1, .help = "go on", .run = run_resume},
        {.words = "cancel", .subjects = "BATCH", .n_subjects = 1, .help = "end it", .run = run_cancel},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
