/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/supply.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/redis/keys.h"

#define AMPLE_US (LIMIT_HORIZON_MS * INT64_C(500)) /* so far ahead others have seen to it */
#define SPREAD_US (LIMIT_HORIZON_MS * UINT64_C(250)) /* within so long all workers look */

struct supply {
    struct worker_cell *cell;
    void (*on_low)(void *arg);
    void *arg;
    struct loop_timer *timer;
    int64_t look_at_us; /* what the timer is armed for; INT64_MAX: nothing */
};

void supply_expect(struct supply *s, int64_t at_us)
{
    int64_t look_at_us = at_us - AMPLE_US + (int64_t)random_below(SPREAD_US);
    if (look_at_us >= s->look_at_us)
        return;
    s->look_at_us = look_at_us;
    loop_timer_arm_at_us(s->timer, look_at_us);
}

/* The member and the score of the least, or nothing where no trunk has work. */
static void on_head(const struct redisReply *reply, int err, void *arg)
{
    struct supply *s = arg;
    int64_t head_ms;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0 && reply_len(reply) == 0)
        return;
    if (err == 0)
        err = reply_i64(reply_at(reply, 1), &head_ms);
    int64_t head_us = err == 0 ? worker_mono_us(s->cell->worker, head_ms) : 0;
    if (err == 0 && head_us - clock_mono_us() > AMPLE_US)
        supply_expect(s, head_us);
    else
        s->on_low(s->arg);
}

static void on_timer(void *arg)
{
    struct supply *s = arg;
    s->look_at_us = INT64_MAX;
    struct key key = key_trunks(s->cell->id);
    const struct redis_arg args[] = {redis_arg_str("ZRANGE"), key_arg(&key), redis_arg_str("0"), redis_arg_str("0"),
                                     redis_arg_str("WITHSCORES")};
    if (redis_command(s->cell->worker->redis, args, 5, WORKER_READ_DEADLINE_MS, on_head, s) != 0)
        s->on_low(s->arg);
}

int supply_create(struct worker_cell *cell, void (*on_low)(void *arg), void *arg, struct supply **ret_supply)
{
    struct supply *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    *s = (struct supply){.cell = cell, .on_low = on_low, .arg = arg, .look_at_us = INT64_MAX};
    int rc = loop_timer_create(cell->worker->loop, on_timer, s, &s->timer);
    if (rc == 0)
        *ret_supply = s;
    else
        free(s);
    return rc;
}

void supply_free(struct supply *s)
{
    if (!s)
        return;
    loop_timer_free(s->timer);
    free(s);
}
