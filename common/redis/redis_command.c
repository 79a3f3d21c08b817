/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/redis_private.h"

#define DEADLINE_MAX_MS 86400000

/* ---- arguments ---- */

struct redis_arg redis_arg_str(const char *text)
{
    return (struct redis_arg){.data = text, .len = strlen(text)};
}

struct redis_arg redis_arg_mem(const void *data, size_t len)
{
    return (struct redis_arg){.data = data, .len = len};
}

struct redis_arg redis_arg_i64(int64_t value, char space[REDIS_I64_LEN])
{
    int len = snprintf(space, REDIS_I64_LEN, "%" PRId64, value);
    return (struct redis_arg){.data = space, .len = (size_t)len};
}

/* ---- sending ---- */

int redis_deadline(int64_t deadline_ms, int64_t *ret_deadline_us)
{
    if (deadline_ms < 1 || deadline_ms > DEADLINE_MAX_MS)
        return ERR_RANGE;
    *ret_deadline_us = clock_mono_us() + deadline_ms * 1000;
    return 0;
}

int redis_send_args(struct redis *r, const struct redis_arg *args, size_t n_args, int64_t deadline_us,
                    redis_reply_fn fn, void *arg)
{
    char *command;
    size_t len;
    int rc = redis_format(r, NULL, 0, args, n_args, &command, &len);
    if (rc < 0)
        return rc;
    rc = redis_send(r, command, len, deadline_us, fn, arg);
    redisFreeCommand(command);
    return rc;
}

int redis_command(struct redis *r, const struct redis_arg *args, size_t n_args, int64_t deadline_ms, redis_reply_fn fn,
                  void *arg)
{
    int64_t deadline_us;
    char *command;
    size_t len;
    int rc = redis_deadline(deadline_ms, &deadline_us);
    if (rc < 0)
        return rc;
    rc = redis_admit(r, 0);
    if (rc < 0)
        return rc;
    rc = redis_format(r, NULL, 0, args, n_args, &command, &len);
    if (rc < 0)
        return rc;
    rc = redis_admit(r, len);
    if (rc == 0)
        rc = redis_send(r, command, len, deadline_us, fn, arg);
    redisFreeCommand(command);
    return rc;
}
