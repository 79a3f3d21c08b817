/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/redis/keys.h"
#include "common/redis/redis_options.h"
#include "common/redis/reply.h"
#include "common/redis/schema.h"
#include "producer/cli/out.h"

#define REDIS_CONNECT_MS 5000
#define REDIS_START_MS (REDIS_CONNECT_MS + 2000) /* so that what the connection says of its failure is heard */
#define REDIS_DEADLINE_MS 10000

static const int caught[] = {SIGINT, SIGTERM};
#define CAUGHT (sizeof caught / sizeof caught[0])

struct session {
    const struct conf *conf; /* borrowed */
    const char *cell; /* borrowed; NULL: --cell */
    struct loop *loop;
    struct loop_signal *signals[CAUGHT];
    int signo; /* that came */
    struct redis *redis;
    struct redis_secrets redis_secrets;
    char redis_problem[256];
    bool is_redis_settled; /* ready, or refused for a reason that waiting does not change */
    bool has_cell; /* the one that was opened has something in it */
    bool is_not_permitted; /* that reason: the user lacks a permission */
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
    for (size_t i = 0; i < CAUGHT; i++)
        loop_signal_free(s->signals[i]);
    loop_free(s->loop);
    redis_secrets_free(&s->redis_secrets);
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

const char *session_cell(const struct session *s)
{
    return s->cell ? s->cell : conf_str(s->conf, "cell");
}

void session_enter(struct session *s, const char *cell)
{
    s->cell = cell;
}

/* ---- waiting ---- */

struct loop *session_loop(struct session *s)
{
    return s->loop;
}

static void raise_flag(void *arg)
{
    *(bool *)arg = true;
}

int session_wait(struct session *s, const bool *done, int64_t timeout_ms)
{
    bool is_over = false;
    struct loop_timer *timer;
    int rc = loop_timer_create(s->loop, raise_flag, &is_over, &timer);
    if (rc != 0)
        return rc;
    rc = loop_timer_arm_us(timer, timeout_ms * 1000);
    while (rc == 0 && !*done && !is_over && s->signo == 0)
        rc = loop_run_once(s->loop);
    loop_timer_free(timer);
    return rc != 0 ? rc : *done ? 0 : ERR_TIMEOUT;
}

int session_pause(struct session *s, int64_t ms)
{
    bool never = false;
    int rc = session_wait(s, &never, ms);
    return rc == ERR_TIMEOUT ? 0 : rc;
}

static void on_signal(int signo, void *arg)
{
    struct session *s = arg;
    s->signo = signo;
}

int session_catch_signals(struct session *s)
{
    int rc = 0;
    for (size_t i = 0; i < CAUGHT && rc == 0; i++)
        rc = s->signals[i] ? 0 : loop_signal_create(s->loop, caught[i], on_signal, s, &s->signals[i]);
    return rc;
}

int session_signal(const struct session *s)
{
    return s->signo;
}

/* ---- connecting ---- */

static void on_ready(void *arg)
{
    struct session *s = arg;
    s->is_redis_settled = true;
}

static void on_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct session *s = arg;
    snprintf(s->redis_problem, sizeof s->redis_problem, "%s", detail);
    s->is_redis_settled = why != REDIS_REFUSAL_LOADING;
    s->is_not_permitted = why == REDIS_REFUSAL_PERMISSION;
}

static enum cli_exit connect_redis(struct session *s)
{
    const char *why = NULL;
    struct redis_config config;
    const char *option;
    if (redis_options_read(s->conf, &config, &s->redis_secrets, &option) != 0) {
        out_complain("--%s: no password can be read from %s", option, conf_str(s->conf, option));
        return CLI_CONFIGURATION;
    }
    config.name = "carillon-cli";
    config.connect_timeout_ms = REDIS_CONNECT_MS;
    int rc = redis_create(s->loop, &config, on_ready, on_down, s, &s->redis, &why);
    if (rc == 0)
        return CLI_DONE;
    out_complain("--redis-url: %s", why ? why : err_name(rc));
    return CLI_CONFIGURATION;
}

static enum cli_exit open_redis(struct session *s)
{
    enum cli_exit status = s->redis ? CLI_DONE : connect_redis(s);
    if (status != CLI_DONE)
        return status;
    (void)!session_wait(s, &s->is_redis_settled, REDIS_START_MS);
    if (redis_is_ready(s->redis))
        return CLI_DONE;
    out_complain("Redis at %s: %s", conf_str(s->conf, "redis-url"),
                 s->redis_problem[0] ? s->redis_problem : "no answer");
    return s->is_not_permitted ? CLI_CONFIGURATION : CLI_NO_REDIS;
}

static enum cli_exit refuse_schema(const struct session *s, const char *schema)
{
    out_complain("cell %s speaks schema %s, this tool %d to %d", session_cell(s), schema, SCHEMA_OLDEST, SCHEMA_NEWEST);
    return CLI_CONFIGURATION;
}

struct schema {
    char text[32]; /* "" where the cell is empty */
};

static bool is_spoken(const struct schema *schema)
{
    int64_t version;
    return parse_i64(schema->text, strlen(schema->text), SCHEMA_OLDEST, SCHEMA_NEWEST, &version) == 0;
}

static int take_schema(const struct redisReply *reply, void *arg)
{
    struct schema *schema = arg;
    const char *text;
    size_t len;
    if (reply_is_nil(reply))
        return 0;
    int rc = reply_str(reply, &text, &len);
    if (rc == 0)
        snprintf(schema->text, sizeof schema->text, "%s", text);
    return rc;
}

static enum cli_exit make_cell(struct session *s)
{
    char oldest[REDIS_I64_LEN], newest[REDIS_I64_LEN], closed[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_i64(SCHEMA_OLDEST, oldest), redis_arg_i64(SCHEMA_NEWEST, newest),
                                     redis_arg_str(redis_run_id(s->redis)), redis_arg_i64(LIMIT_CELL_CLOSED_MS, closed),
                                     redis_arg_str("")};
    int rc = session_script(s, LUA_CELL_OPEN, args, 5, NULL, NULL);
    if (rc == ERR_STATE)
        return refuse_schema(s, "of another kind");
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

enum cli_exit session_open_cell(struct session *s, bool will_write)
{
    enum cli_exit status = open_redis(s);
    if (status != CLI_DONE)
        return status;
    struct schema schema = {""};
    struct key key = key_cell(session_cell(s));
    const struct redis_arg ask[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("schema")};
    if (session_command(s, ask, 3, take_schema, &schema) != 0)
        return CLI_FAILED;
    if (schema.text[0] && !is_spoken(&schema))
        return refuse_schema(s, schema.text);
    s->has_cell = schema.text[0] != '\0';
    return s->has_cell || !will_write ? CLI_DONE : make_cell(s);
}

enum cli_exit session_need_cell(const struct session *s)
{
    if (s->has_cell)
        return CLI_DONE;
    out_complain("Redis at %s has no cell %s", conf_str(s->conf, "redis-url"), session_cell(s));
    return CLI_FAILED;
}

const char *session_run_id(const struct session *s)
{
    return redis_run_id(s->redis);
}

/* ---- asking ---- */

struct asked {
    const char *user;
    bool is_done;
    int rc;
    session_reply_fn fn;
    void *arg;
};

static const char *redis_user(const struct session *s)
{
    const char *user = conf_str(s->conf, "redis-user");
    return user ? user : "default";
}

static bool means_something(int rc)
{
    return rc == ERR_EXISTS || rc == ERR_NOT_FOUND || rc == ERR_STATE;
}

static void on_reply(const struct redisReply *reply, int err, void *arg)
{
    struct asked *asked = arg;
    asked->is_done = true;
    asked->rc = err ? err : reply_to_err(reply);
    if (err)
        out_complain("Redis: %s", err == ERR_TIMEOUT ? "no answer in time; what became of it is not known"
                                                     : "the connection broke; what became of it is not known");
    else if (reply_is_denied(reply))
        out_complain("Redis: the user %s lacks a permission: %s", asked->user, reply_error(reply));
    else if (asked->rc != 0 && asked->rc != ERR_TOO_LARGE && !means_something(asked->rc))
        out_complain("Redis: %s", reply_error(reply));
    if (asked->rc != 0 || !asked->fn)
        return;
    asked->rc = asked->fn(reply, asked->arg);
    if (asked->rc != 0 && !means_something(asked->rc))
        out_complain("Redis: an answer that makes no sense (%s)", err_name(asked->rc));
}

/* `asked` lives on the stack: it must be answered before it goes. */
static int await(struct session *s, struct asked *asked, int rc)
{
    if (rc != 0) {
        out_complain("Redis: %s", err_name(rc));
        return rc;
    }
    rc = session_wait(s, &asked->is_done, INT64_C(2) * REDIS_DEADLINE_MS);
    if (!asked->is_done)
        session_drop_redis(s); /* answers it */
    return asked->is_done ? asked->rc : rc;
}

int session_command(struct session *s, const struct redis_arg *args, size_t n, session_reply_fn fn, void *arg)
{
    struct asked asked = {.user = redis_user(s), .fn = fn, .arg = arg};
    if (!s->redis)
        return ERR_CLOSED;
    return await(s, &asked, redis_command(s->redis, args, n, REDIS_DEADLINE_MS, on_reply, &asked));
}

static int run_script(struct session *s, const struct key *prefix, enum lua_script script, const struct redis_arg *args,
                      size_t n, session_reply_fn fn, void *arg)
{
    struct asked asked = {.user = redis_user(s), .fn = fn, .arg = arg};
    if (!s->redis)
        return ERR_CLOSED;
    return await(s, &asked, script_run(s->redis, script, prefix->text, args, n, REDIS_DEADLINE_MS, on_reply, &asked));
}

int session_script(struct session *s, enum lua_script script, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg)
{
    struct key prefix = key_cell_prefix(session_cell(s));
    return run_script(s, &prefix, script, args, n, fn, arg);
}

struct redis *session_redis(struct session *s)
{
    return s->redis;
}

void session_drop_redis(struct session *s)
{
    redis_free(s->redis);
    s->redis = NULL;
}

int session_script_dir(struct session *s, enum lua_script script, const struct redis_arg *args, size_t n,
                       session_reply_fn fn, void *arg)
{
    struct key prefix = key_dir_prefix();
    return run_script(s, &prefix, script, args, n, fn, arg);
}
