/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "common/loop/loop.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"

#define REDIS_START_MS 5000
#define REDIS_DEADLINE_MS 10000
#define HTTP_TIMEOUT_MS 150000
#define ANSWER_MOST (8u * 1024u * 1024u)
#define KEY_FILE_MOST 4096
#define PRINT_MOST (16u * 1024u * 1024u)

struct session {
    const struct conf *conf;
    struct loop *loop;
    struct redis *redis;
    struct http_client *http;
    char *redis_password;
    char *api_key;
    char redis_problem[256];
    bool is_redis_refused; /* reachable, and not to be used: waiting longer would not help */
};

int session_create(const struct conf *conf, struct session **ret_session)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->conf = conf;
    int rc = loop_create(&s->loop);
    if (rc != 0) {
        free(s);
        return rc;
    }
    *ret_session = s;
    return 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    redis_free(s->redis);
    http_client_free(s->http);
    loop_free(s->loop);
    file_free_secret(s->redis_password);
    file_free_secret(s->api_key);
    free(s);
}

const struct conf *session_conf(const struct session *s)
{
    return s->conf;
}

bool session_is_json(const struct session *s)
{
    return conf_bool(s->conf, "json");
}

/* ---- waiting ---- */

static void raise_flag(void *arg)
{
    *(bool *)arg = true;
}

/* Runs the loop until `done`, or until the time is up. */
static int run_until(struct session *s, const bool *done, int64_t timeout_ms)
{
    bool is_over = false;
    struct loop_timer *timer;
    int rc = loop_timer_create(s->loop, raise_flag, &is_over, &timer);
    if (rc != 0)
        return rc;
    loop_timer_arm_us(timer, timeout_ms * 1000);
    while (rc == 0 && !*done && !is_over)
        rc = loop_run_once(s->loop);
    loop_timer_free(timer);
    return rc != 0 ? rc : *done ? 0 : ERR_TIMEOUT;
}

int session_pause(struct session *s, int64_t ms)
{
    bool never = false;
    int rc = run_until(s, &never, ms);
    return rc == ERR_TIMEOUT ? 0 : rc;
}

/* ---- Redis ---- */

static void on_ready(void *arg)
{
    (void)arg;
}

static void on_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct session *s = arg;
    snprintf(s->redis_problem, sizeof s->redis_problem, "%s", detail);
    s->is_redis_refused = why == REDIS_REFUSAL_AUTH || why == REDIS_REFUSAL_REPLICA || why == REDIS_REFUSAL_POLICY;
}

static int connect_redis(struct session *s)
{
    const char *why = "";
    const char *password_file = conf_str(s->conf, "redis-password-file");
    if (password_file && file_read_secret(password_file, KEY_FILE_MOST, &s->redis_password) != 0) {
        fprintf(stderr, "carillon: cannot read %s\n", password_file);
        return ERR_IO;
    }
    const struct redis_config config = {
        .url = conf_str(s->conf, "redis-url"),
        .user = conf_str(s->conf, "redis-user"),
        .password = s->redis_password,
        .name = "carillon-cli",
    };
    int rc = redis_create(s->loop, &config, on_ready, on_down, s, &s->redis, &why);
    if (rc != 0)
        fprintf(stderr, "carillon: --redis-url: %s\n", why ? why : err_name(rc));
    return rc;
}

int session_redis_open(struct session *s)
{
    if (s->redis)
        return 0;
    int rc = connect_redis(s);
    if (rc != 0)
        return rc;
    for (int64_t waited_ms = 0; !redis_is_ready(s->redis); waited_ms += 20) {
        if (waited_ms >= REDIS_START_MS || s->is_redis_refused) {
            fprintf(stderr, "carillon: Redis at %s: %s\n", conf_str(s->conf, "redis-url"),
                    s->redis_problem[0] ? s->redis_problem : "no answer");
            return ERR_UNAVAILABLE;
        }
        rc = session_pause(s, 20);
        if (rc != 0)
            return rc;
    }
    return 0;
}

const char *session_redis_run_id(const struct session *s)
{
    return redis_run_id(s->redis);
}

struct asked {
    bool is_done;
    int rc;
    session_reply_fn fn;
    void *arg;
};

static void on_reply(const struct redisReply *reply, int err, void *arg)
{
    struct asked *asked = arg;
    asked->is_done = true;
    const char *error = reply_error(reply);
    if (err != 0)
        fprintf(stderr, "carillon: Redis: %s\n", err_name(err));
    else if (error)
        fprintf(stderr, "carillon: %s\n", error);
    asked->rc = err != 0 ? err : reply_to_err(reply);
    if (asked->rc == 0 && asked->fn)
        asked->rc = asked->fn(reply, asked->arg);
}

/* `asked` lives on the stack: it must be answered before it goes. */
static int await(struct session *s, struct asked *asked, int rc)
{
    if (rc == 0)
        rc = run_until(s, &asked->is_done, 2 * REDIS_DEADLINE_MS);
    if (!asked->is_done) {
        if (rc == 0 || rc == ERR_TIMEOUT) {
            redis_free(s->redis); /* answers it */
            s->redis = NULL;
        }
        return rc;
    }
    return asked->rc;
}

int session_command(struct session *s, const struct redis_arg *args, size_t n, session_reply_fn fn, void *arg)
{
    struct asked asked = {.fn = fn, .arg = arg};
    return await(s, &asked, redis_command(s->redis, args, n, REDIS_DEADLINE_MS, on_reply, &asked));
}

int session_script(struct session *s, enum lua_script script, const char *cell, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg)
{
    struct asked asked = {.fn = fn, .arg = arg};
    struct key prefix = key_cell_prefix(cell);
    return await(s, &asked, script_run(s->redis, script, prefix.text, args, n, REDIS_DEADLINE_MS, on_reply, &asked));
}

/* ---- the producer ---- */

struct exchange_state {
    bool is_done;
    int rc;
    struct session_answer answer;
};

static void on_answer(const struct http_result *result, void *arg)
{
    struct exchange_state *x = arg;
    x->is_done = true;
    if (result->fail != HTTP_FAIL_NONE) {
        fprintf(stderr, "carillon: the producer does not answer: %s\n", result->detail ? result->detail : "no reason");
        x->rc = ERR_UNAVAILABLE;
        return;
    }
    x->answer.status = result->status;
    if (result->body_cut || json_parse(result->body, result->body_len, &x->answer.body, NULL) != 0)
        x->answer.body = NULL;
}

static int read_api_key(struct session *s)
{
    if (s->api_key)
        return 0;
    const char *path = conf_str(s->conf, "api-key-file");
    if (!path) {
        fprintf(stderr, "carillon: --api-key-file (or CARILLON_API_KEY_FILE) is missing\n");
        return ERR_INVALID;
    }
    int rc = file_read_secret(path, KEY_FILE_MOST, &s->api_key);
    if (rc != 0)
        fprintf(stderr, "carillon: cannot read an API key from %s\n", path);
    return rc;
}

static int send_request(struct session *s, const char *method, const char *path, const char *body, size_t len,
                        struct exchange_state *x)
{
    struct buf url, bearer;
    buf_init(&url, LIMIT_URL_LEN);
    buf_init(&bearer, KEY_FILE_MOST + 16);
    int rc = s->http ? 0 : http_client_create(s->loop, 4, &s->http);
    if (rc == 0)
        rc = buf_printf(&url, "%s%s", conf_str(s->conf, "url"), path);
    if (rc == 0)
        rc = buf_printf(&bearer, "Bearer %s", s->api_key);
    const struct http_header headers[] = {{"Authorization", buf_str(&bearer)}, {"Content-Type", "application/json"}};
    const struct http_outgoing out = {
        .method = method,
        .url = buf_str(&url),
        .headers = headers,
        .n_headers = body ? 2 : 1,
        .body = body,
        .body_len = len,
        .timeout_ms = HTTP_TIMEOUT_MS,
        .max_body_bytes = ANSWER_MOST,
    };
    if (rc == 0)
        rc = http_client_send(s->http, &out, on_answer, x, NULL);
    buf_free(&bearer);
    buf_free(&url);
    return rc;
}

int session_http(struct session *s, const char *method, const char *path, const char *body, size_t len,
                 struct session_answer *ret_answer)
{
    struct exchange_state x = {0};
    int rc = read_api_key(s);
    if (rc == 0)
        rc = send_request(s, method, path, body, len, &x);
    if (rc == 0)
        rc = run_until(s, &x.is_done, HTTP_TIMEOUT_MS + 5000);
    if (rc != 0 && !x.is_done) {
        http_client_free(s->http); /* `x` is on this stack */
        s->http = NULL;
        return rc;
    }
    if (x.rc != 0)
        return x.rc;
    *ret_answer = x.answer;
    return 0;
}

void session_answer_clear(struct session_answer *answer)
{
    cJSON_Delete(answer->body);
    answer->body = NULL;
}

void session_print_error(const struct session_answer *answer)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer->body, "error");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(answer->body, "message");
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(answer->body, "details");
    fprintf(stderr, "carillon: the producer refuses (%d): %s%s%s\n", answer->status,
            cJSON_IsString(error) ? error->valuestring : "no reason given", cJSON_IsString(message) ? ": " : "",
            cJSON_IsString(message) ? message->valuestring : "");
    const cJSON *field, *text;
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(details, "fieldErrors"))
    {
        cJSON_ArrayForEach(text, field)
        {
            if (cJSON_IsString(text))
                fprintf(stderr, "  %s: %s\n", field->string, text->valuestring);
        }
    }
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(details, "more");
    if (cJSON_IsNumber(more))
        fprintf(stderr, "  and %.0f more\n", more->valuedouble);
}

void session_print_json(const cJSON *value)
{
    struct buf out;
    buf_init(&out, PRINT_MOST);
    if (json_print(value, &out) == 0)
        printf("%s\n", buf_str(&out));
    buf_free(&out);
}
