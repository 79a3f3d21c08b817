/* SPDX-License-Identifier: Apache-2.0
 *
 * From connected to ready. A step of the handshake sends its commands (or none: then it is passed) and judges each
 * reply; the states follow one another in the order of enum redis_state.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/redis_private.h"

struct step {
    /* 0, or ERR_*; counts what it sends in step_sent. */
    int (*send)(struct redis *r);
    /* REDIS_REFUSAL_NONE, or why the connection is refused; explains then. */
    enum redis_refusal (*judge)(struct redis *r, const redisReply *reply);
};

static void handshake_answer(const struct redisReply *reply, int err, void *arg);

static int ask(struct redis *r, const struct redis_arg *args, size_t n_args)
{
    int rc = redis_send_args(r, args, n_args, r->give_up_us, handshake_answer, r);
    if (rc == 0)
        r->step_sent++;
    return rc;
}

enum redis_refusal redis_refuse(struct redis *r, const redisReply *reply, const char *what,
                                enum redis_refusal otherwise)
{
    if (reply_is_denied(reply)) {
        redis_explain(r, "the user %s lacks a permission for %s: %s", r->user ? r->user : "default", what,
                      reply_error(reply));
        return REDIS_REFUSAL_PERMISSION;
    }
    redis_explain(r, "%s: %s", what, reply_error(reply));
    if (reply_error_is(reply, "LOADING"))
        return REDIS_REFUSAL_LOADING;
    if (reply_to_err(reply) == ERR_AUTH)
        return REDIS_REFUSAL_AUTH;
    if (reply_error_is(reply, "MASTERDOWN") || reply_error_is(reply, "READONLY"))
        return REDIS_REFUSAL_REPLICA;
    return otherwise;
}

/* ---- TLS ---- */

static int tls_send(struct redis *r)
{
    int rc = r->tls ? redis_secure(r) : 0;
    if (r->tls && rc == 0)
        r->step_sent++; /* no command, but something to wait for: an event of the connection */
    return rc;
}

/* ---- AUTH ---- */

static int auth_send(struct redis *r)
{
    struct redis_arg args[3] = {redis_arg_str("AUTH")};
    size_t n_args = 1;
    if (!r->user && !r->password)
        return 0;
    if (r->user)
        args[n_args++] = redis_arg_str(r->user);
    args[n_args++] = redis_arg_str(r->password ? r->password : "");
    return ask(r, args, n_args);
}

static enum redis_refusal auth_judge(struct redis *r, const redisReply *reply)
{
    const char *error = reply_error(reply);
    if (!error)
        return REDIS_REFUSAL_NONE;
    if (strncmp(error, "ERR max number of clients", strlen("ERR max number of clients")) == 0) {
        redis_explain(r, "%s", error);
        return REDIS_REFUSAL_UNREACHABLE;
    }
    /* Its first word only: a server that does not know AUTH answers with the arguments, the password among them. */
    redis_explain(r, "AUTH: %.*s", (int)strcspn(error, " "), error);
    return reply_error_is(reply, "LOADING") ? REDIS_REFUSAL_LOADING : REDIS_REFUSAL_AUTH;
}

/* ---- CLIENT SETNAME, SELECT ---- */

static int session_send(struct redis *r)
{
    int rc = 0;
    if (r->name) {
        const struct redis_arg args[] = {redis_arg_str("CLIENT"), redis_arg_str("SETNAME"), redis_arg_str(r->name)};
        rc = ask(r, args, 3);
    }
    if (rc == 0 && r->url.db > 0) {
        char db[REDIS_I64_LEN];
        const struct redis_arg args[] = {redis_arg_str("SELECT"), redis_arg_i64(r->url.db, db)};
        rc = ask(r, args, 2);
    }
    return rc;
}

static enum redis_refusal session_judge(struct redis *r, const redisReply *reply)
{
    bool is_name = r->name && r->step_answered == 0;
    if (!reply_error(reply) || (is_name && reply_error_is(reply, "NOPERM")))
        return REDIS_REFUSAL_NONE; /* the name is a courtesy to operators */
    return redis_refuse(r, reply, is_name ? "CLIENT SETNAME" : "SELECT", REDIS_REFUSAL_UNREACHABLE);
}

/* ---- ROLE ---- */

static int role_send(struct redis *r)
{
    const struct redis_arg role = redis_arg_str("ROLE");
    /* What Sentinel names is asked by every connection: it may be a primary that was. */
    return r->skip_checks && !r->sentinel ? 0 : ask(r, &role, 1);
}

static enum redis_refusal role_judge(struct redis *r, const redisReply *reply)
{
    const char *role;
    size_t len;
    if (reply_error(reply))
        return redis_refuse(r, reply, "ROLE", REDIS_REFUSAL_UNREACHABLE);
    if (reply_str(reply_at(reply, 0), &role, &len) < 0) {
        redis_explain(r, "ROLE: an answer that makes no sense");
        return REDIS_REFUSAL_UNREACHABLE;
    }
    if (strcmp(role, "master") != 0) {
        redis_explain(r, "ROLE is %s, not master%s%s", role, r->sentinel ? ", of what Sentinel names: " : "",
                      r->sentinel ? r->url.host : "");
        return REDIS_REFUSAL_REPLICA;
    }
    return REDIS_REFUSAL_NONE;
}

/* ---- maxmemory-policy: anything but noeviction would lose calls in silence. INFO tells it to users who may not run
 * CONFIG GET, which would show them passwords too. ---- */

static int policy_send(struct redis *r)
{
    const struct redis_arg args[] = {redis_arg_str("INFO"), redis_arg_str("memory")};
    return r->skip_checks ? 0 : ask(r, args, 2);
}

static enum redis_refusal policy_judge(struct redis *r, const redisReply *reply)
{
    const char *policy;
    size_t len;
    if (reply_error(reply))
        return redis_refuse(r, reply, "INFO memory", REDIS_REFUSAL_UNREACHABLE);
    if (reply_info(reply, "maxmemory_policy", &policy, &len) != 0) {
        redis_explain(r, "INFO memory tells no maxmemory-policy");
        return REDIS_REFUSAL_POLICY;
    }
    if (len == strlen("noeviction") && memcmp(policy, "noeviction", len) == 0)
        return REDIS_REFUSAL_NONE;
    redis_explain(r, "maxmemory-policy is %.*s, not noeviction", (int)len, policy);
    return REDIS_REFUSAL_POLICY;
}

/* ---- the run id ---- */

static int run_id_send(struct redis *r)
{
    const struct redis_arg args[] = {redis_arg_str("INFO"), redis_arg_str("server")};
    return ask(r, args, 2);
}

static enum redis_refusal run_id_judge(struct redis *r, const redisReply *reply)
{
    const char *run_id;
    size_t len;
    r->run_id[0] = '\0';
    if (reply_info(reply, "run_id", &run_id, &len) == 0 && len <= REDIS_RUN_ID_LEN) {
        memcpy(r->run_id, run_id, len);
        r->run_id[len] = '\0';
        return REDIS_REFUSAL_NONE;
    }
    if (r->skip_checks)
        return REDIS_REFUSAL_NONE;
    if (reply_error(reply))
        return redis_refuse(r, reply, "INFO server", REDIS_REFUSAL_UNREACHABLE);
    redis_explain(r, "INFO server tells no run id");
    return REDIS_REFUSAL_UNREACHABLE;
}

/* ---- scripts ---- */

static int scripts_send(struct redis *r)
{
    int rc = 0;
    for (size_t i = 0; i < LUA_SCRIPT_COUNT && !r->skip_scripts && rc == 0; i++) {
        const struct redis_arg args[] = {redis_arg_str("SCRIPT"), redis_arg_str("LOAD"),
                                         redis_arg_mem(lua_scripts[i].source, lua_scripts[i].len)};
        rc = ask(r, args, 3);
    }
    return rc;
}

static enum redis_refusal scripts_judge(struct redis *r, const redisReply *reply)
{
    size_t script = r->step_answered;
    const char *sha;
    size_t len;
    if (reply_error(reply))
        return redis_refuse(r, reply, lua_scripts[script].name, REDIS_REFUSAL_SCRIPTS);
    if (reply_str(reply, &sha, &len) < 0 || len != REDIS_SHA_LEN) {
        redis_explain(r, "%s: SCRIPT LOAD answered no digest", lua_scripts[script].name);
        return REDIS_REFUSAL_SCRIPTS;
    }
    memcpy(r->scripts[script].sha, sha, len + 1);
    return REDIS_REFUSAL_NONE;
}

/* ---- channels ---- */

static int channels_send(struct redis *r)
{
    const struct redis_channel *channel = NULL;
    STAILQ_FOREACH(channel, &r->channels, next)
    {
        int rc = redis_channel_send(r, channel, r->give_up_us, handshake_answer, r);
        if (rc < 0)
            return rc;
        r->step_sent++;
    }
    return 0;
}

static enum redis_refusal channels_judge(struct redis *r, const redisReply *reply)
{
    return reply_error(reply) ? redis_refuse(r, reply, "SUBSCRIBE", REDIS_REFUSAL_UNREACHABLE) : REDIS_REFUSAL_NONE;
}

/* ---- the walk ---- */

static const struct step steps[REDIS_STATE_COUNT] = {
    [REDIS_STATE_TLS] = {tls_send, NULL},
    [REDIS_STATE_AUTH] = {auth_send, auth_judge},
    [REDIS_STATE_SESSION] = {session_send, session_judge},
    [REDIS_STATE_ROLE] = {role_send, role_judge},
    [REDIS_STATE_POLICY] = {policy_send, policy_judge},
    [REDIS_STATE_RUN_ID] = {run_id_send, run_id_judge},
    [REDIS_STATE_SCRIPTS] = {scripts_send, scripts_judge},
    [REDIS_STATE_CHANNELS] = {channels_send, channels_judge},
};

static void handshake_answer(const struct redisReply *reply, int err, void *arg)
{
    struct redis *r = arg;
    if (err < 0)
        return; /* redis_lose() is at work */
    enum redis_refusal why = steps[r->state].judge(r, reply);
    if (why != REDIS_REFUSAL_NONE)
        redis_lose(r, why);
    else if (++r->step_answered == r->step_sent)
        redis_handshake_walk(r);
}

void redis_handshake_walk(struct redis *r)
{
    do {
        redis_set_state(r, (enum redis_state)(r->state + 1));
        if (r->state == REDIS_STATE_READY) {
            r->ready_since_us = clock_mono_us();
            r->counts.ready++;
            r->reported = REDIS_REFUSAL_NONE;
            r->recheck_us = redis_next_recheck_us(r);
            redis_timer_update(r);
            if (r->on_ready)
                r->on_ready(r->arg);
            return;
        }
        r->step_sent = 0;
        r->step_answered = 0;
        redis_explain(r, "out of memory"); /* unless the step knows better */
        if (steps[r->state].send(r) < 0) {
            redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
            return;
        }
    } while (r->step_sent == 0);
}
