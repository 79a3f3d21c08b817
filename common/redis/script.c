/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/script.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/redis/redis_private.h"

/* A call under way. It keeps its command as it was sent, so that it can be sent once more. */
struct script_call {
    struct redis *r;
    enum lua_script script;
    char *command;
    size_t command_len;
    int64_t asked_us;
    int64_t deadline_us;
    bool is_repeated;
    redis_reply_fn fn;
    void *arg;
};

static void call_free(struct script_call *call)
{
    if (call) {
        free(call->command);
        free(call);
    }
}

static void loaded(const struct redisReply *reply, int err, void *arg)
{
    struct redis_script *script = arg;
    (void)reply;
    (void)err; /* where it failed, the calls behind it hear NOSCRIPT again and hand that on */
    script->is_loading = false;
}

static void answered(const struct redisReply *reply, int err, void *arg);

/* Replies come in order, so the call need not wait for the load's; and while a load is under way, every NOSCRIPT that
 * arrives is older than it. */
static int repeat(struct script_call *call)
{
    struct redis *r = call->r;
    struct redis_script *script = &r->scripts[call->script];
    if (!script->is_loading) {
        const struct lua_script_source *source = &lua_scripts[call->script];
        const struct redis_arg args[] = {redis_arg_str("SCRIPT"), redis_arg_str("LOAD"),
                                         redis_arg_mem(source->source, source->len)};
        int rc = redis_send_args(r, args, 3, call->deadline_us, loaded, script);
        if (rc < 0)
            return rc;
        script->is_loading = true;
    }
    call->is_repeated = true;
    return redis_send(r, call->command, call->command_len, call->deadline_us, answered, call);
}

static void answered(const struct redisReply *reply, int err, void *arg)
{
    struct script_call *call = arg;
    if (reply_error_is(reply, "NOSCRIPT") && !call->is_repeated && repeat(call) == 0)
        return;
    const struct redis *r = call->r;
    if (reply && r->script_time)
        r->script_time(call->script, clock_mono_us() - call->asked_us, r->script_time_arg);
    redis_reply_fn fn = call->fn;
    void *fn_arg = call->arg;
    call_free(call);
    if (fn)
        fn(reply, err, fn_arg);
}

void script_on_answer(struct redis *r, script_time_fn fn, void *arg)
{
    r->script_time = fn;
    r->script_time_arg = arg;
}

int script_run(struct redis *r, enum lua_script script, const char *prefix, const struct redis_arg *args, size_t n_args,
               int64_t deadline_ms, redis_reply_fn fn, void *arg)
{
    const struct redis_arg head[] = {redis_arg_str("EVALSHA"), redis_arg_str(r->scripts[script].sha),
                                     redis_arg_str("1"), redis_arg_str(prefix)};
    struct script_call *call = NULL;
    int64_t deadline_us;
    int rc = redis_deadline(deadline_ms, &deadline_us);
    if (rc < 0)
        return rc;
    rc = r->skip_scripts ? ERR_STATE : redis_admit(r, 0);
    if (rc < 0)
        return rc;
    call = calloc(1, sizeof *call);
    if (!call)
        return ERR_NOMEM;
    *call = (struct script_call){.r = r,
                                 .script = script,
                                 .asked_us = deadline_us - deadline_ms * 1000,
                                 .deadline_us = deadline_us,
                                 .fn = fn,
                                 .arg = arg};
    rc = redis_format(head, 4, args, n_args, &call->command, &call->command_len);
    if (rc < 0)
        goto cleanup;
    rc = redis_admit(r, call->command_len);
    if (rc < 0)
        goto cleanup;
    rc = redis_send(r, call->command, call->command_len, deadline_us, answered, call);
    if (rc == 0)
        call = NULL;

cleanup:
    call_free(call);
    return rc;
}
