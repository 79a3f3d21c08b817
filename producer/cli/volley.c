/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/volley.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/redis/keys.h"
#include "common/redis/reply.h"

#define DEADLINE_MS 10000

struct question {
    struct volley *volley;
    session_reply_fn fn;
    void *arg;
};

void volley_init(struct volley *v, struct session *s)
{
    *v = (struct volley){.session = s};
}

/* One answer that makes no sense (ERR_PROTOCOL: a key of another type too) says nothing about the others. */
static void fail(struct volley *v, int err, const char *why)
{
    bool is_fatal = err != ERR_PROTOCOL;
    if (!v->problem[0] || (is_fatal && !v->err))
        snprintf(v->problem, sizeof v->problem, "%s", why);
    if (is_fatal && !v->err)
        v->err = err;
}

static void on_reply(const struct redisReply *reply, int err, void *arg)
{
    struct question *q = arg;
    struct volley *v = q->volley;
    session_reply_fn fn = q->fn;
    void *fn_arg = q->arg;
    free(q);
    v->pending--;
    int refused = err ? err : reply_to_err(reply);
    if (err)
        fail(v, err, err == ERR_TIMEOUT ? "no answer in time" : "the connection broke");
    else if (refused && refused != ERR_NOT_FOUND)
        fail(v, refused, reply_error(reply));
    if (refused)
        return;
    int rc = fn(reply, fn_arg);
    if (rc != 0)
        fail(v, rc, "an answer that makes no sense");
}

/* `q` is given away, unless the sending failed. */
static void sent(struct volley *v, struct question *q, int rc)
{
    if (rc == 0) {
        v->pending++;
        return;
    }
    free(q);
    fail(v, rc, rc == ERR_UNAVAILABLE ? "not connected" : err_name(rc));
}

static struct question *ask(struct volley *v, session_reply_fn fn, void *arg)
{
    struct question *q = session_redis(v->session) ? malloc(sizeof *q) : NULL;
    if (q)
        *q = (struct question){v, fn, arg};
    else
        fail(v, session_redis(v->session) ? ERR_NOMEM : ERR_CLOSED, "not connected");
    return q;
}

void volley_command(struct volley *v, const struct redis_arg *args, size_t n, session_reply_fn fn, void *arg)
{
    struct question *q = ask(v, fn, arg);
    if (q)
        sent(v, q, redis_command(session_redis(v->session), args, n, DEADLINE_MS, on_reply, q));
}

void volley_script(struct volley *v, enum lua_script script, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg)
{
    struct key prefix = key_cell_prefix(session_cell(v->session));
    struct question *q = ask(v, fn, arg);
    if (q)
        sent(v, q, script_run(session_redis(v->session), script, prefix.text, args, n, DEADLINE_MS, on_reply, q));
}

int volley_wait(struct volley *v, const bool *stop)
{
    int rc = 0;
    while (rc == 0 && v->pending > 0 && session_signal(v->session) == 0 && !(stop && *stop))
        rc = loop_run_once(session_loop(v->session));
    if (v->pending > 0)
        session_drop_redis(v->session); /* answers all */
    return rc ? rc : v->err;
}
