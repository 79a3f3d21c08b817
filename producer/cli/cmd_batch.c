/* SPDX-License-Identifier: Apache-2.0
 *
 * Campaigns by the producer's API: pause, resume, cancel. Submitting is in cmd_submit.c, watching in cmd_watch.c.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "producer/cli/api_client.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

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
    if (api_client_ask(api, "POST", path, c->body, c->body ? strlen(c->body) : 0, API_TIMEOUT_MS, &answer) != 0) {
        api_client_complain(api);
        return CLI_FAILED;
    }
    if (!api_answer_is(&answer, 200) && !api_answer_is(&answer, 202)) {
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    } else if (session_is_json(s)) {
        status = out_json(answer.body);
    } else {
        api_answer_warnings(&answer, NULL, NULL);
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

enum cli_exit batch_verb_start(struct session *s, const char *id)
{
    return batch_verb_run_on(s, id, send_control, &(const struct control){.verb = "start"});
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
