/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks a process whether it lives, or may work: for images without a shell, where nothing else could.
 */
#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

#define TIMEOUT_MS 2500 /* whoever runs this has a deadline of its own, often of 3 s */
#define SETTLE_MS 500
#define BODY_MOST 4096
#define HTTP_OK 200

struct probe {
    bool is_done;
    int status; /* 0: no answer */
    char text[BODY_MOST + 1]; /* what it said, or why it did not */
};

static void on_answer(const struct http_result *result, void *arg)
{
    struct probe *p = arg;
    p->is_done = true;
    p->status = result->fail == HTTP_FAIL_NONE ? result->status : 0;
    if (p->status != 0)
        snprintf(p->text, sizeof p->text, "%.*s", (int)result->body_len, result->body);
    else
        snprintf(p->text, sizeof p->text, "%s", result->detail ? result->detail : "no answer");
}

/* `p` is told of the answer, or that none came, before this returns. */
static int ask(struct session *s, const char *path, struct probe *p)
{
    struct http_client *http = NULL;
    struct buf url;
    buf_init(&url, LIMIT_URL_LEN);
    int rc = buf_printf(&url, "%s%s", conf_str(session_conf(s), "url"), path);
    if (rc == 0)
        rc = http_client_create(session_loop(s), 1, &http);
    const struct http_outgoing out = {
        .method = "GET", .url = buf_str(&url), .timeout_ms = TIMEOUT_MS, .max_body_bytes = BODY_MOST};
    if (rc == 0)
        rc = http_client_send(http, &out, on_answer, p, NULL);
    if (rc == 0)
        rc = session_wait(s, &p->is_done, TIMEOUT_MS + SETTLE_MS);
    http_client_free(http);
    buf_free(&url);
    return rc;
}

static enum cli_exit tell(const struct session *s, const struct probe *p, const char *path)
{
    const char *url = conf_str(session_conf(s), "url");
    bool is_good = p->status == HTTP_OK;
    if (session_is_json(s)) {
        cJSON *object = cJSON_CreateObject();
        json_add_str(object, "url", url);
        cJSON_AddBoolToObject(object, "ok", is_good);
        json_add_i64(object, "status", p->status);
        enum cli_exit status = out_json_take(object);
        return is_good ? status : CLI_FAILED;
    }
    if (is_good)
        out_line("%s%s: ok", url, path);
    else if (p->status != 0)
        out_complain("%s%s: %d: %s", url, path, p->status, p->text);
    else
        out_complain("%s%s: %s", url, path, p->text);
    return is_good ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_health(struct session *s)
{
    const char *path = conf_bool(session_conf(s), "ready") ? "/readyz" : "/healthz";
    struct probe p = {.text = "no answer"};
    int rc = ask(s, path, &p);
    if (rc == ERR_NOMEM) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    return tell(s, &p, path);
}

static const struct conf_option options[] = {
    {.name = "ready",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "whether it may work, too: Redis is there and fit, and whatever else it needs"},
};

const struct cli_verb *cli_health_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "health",
            .subjects = "",
            .options = options,
            .n_options = 1,
            .help = "ask a process whether it lives",
            .about = "--url names the process, whichever it is: http://127.0.0.1:8081 for a worker. For health checks "
                     "in\n"
                     "images, which have nothing else to ask with. Exit status 1 where it does not, within 3 seconds.",
            .run = run_health,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
