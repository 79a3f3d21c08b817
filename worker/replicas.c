/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/replicas.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/redis.h"
#include "common/redis/reply.h"

#define ANSWER_DEADLINE_MS 5000 /* beyond the wait itself, as any command */
#define DETAIL_LEN 128

enum replicas_state {
    REPLICAS_UNKNOWN, /* since the connection is there: they are being asked */
    REPLICAS_ENOUGH,
    REPLICAS_SHORT,
};

struct replicas {
    struct worker *worker;
    int64_t wanted;
    int64_t wait_ms;
    struct replicas_owner owner;
    enum replicas_state state;
    int64_t n_seen; /* as of the last answer */
    char detail[DETAIL_LEN]; /* what Redis said instead; "" where it told a number */
    struct dial *gathered; /* answered in this turn */
    bool is_deferred;
    struct loop_timer *again;
};

/* One WAIT under way, and whose begins it covers: those that Redis had answered when it was sent. */
struct round {
    struct replicas *replicas;
    struct dial *dials;
    int64_t asked_us;
};

static void answer_dials(const struct replicas *r, struct dial *first, const char *why_not)
{
    for (struct dial *dial = first, *next; dial; dial = next) {
        next = dial->next_awaiting;
        dial->next_awaiting = NULL;
        r->owner.on_answer(dial, why_not);
    }
}

static void enough(struct replicas *r)
{
    enum replicas_state was = r->state;
    r->state = REPLICAS_ENOUGH;
    loop_timer_disarm(r->again);
    if (was == REPLICAS_SHORT)
        log_warn("replicas.enough", log_i64("wanted", r->wanted), log_i64("seen", r->n_seen));
    if (was != REPLICAS_ENOUGH)
        r->owner.on_enough(r->worker);
}

static void too_few(struct replicas *r)
{
    if (r->state != REPLICAS_SHORT)
        log_warn("replicas.short", log_i64("wanted", r->wanted), log_i64("seen", r->n_seen),
                 log_i64("wait_ms", r->wait_ms), log_str("detail", r->detail));
    r->state = REPLICAS_SHORT;
    metric_add(r->worker->metrics.waits_short, 1);
    loop_timer_arm_us(r->again, REPLICAS_AGAIN_MS * INT64_C(1000));
}

static void take_answer(struct replicas *r, const struct redisReply *reply)
{
    const char *fault = reply_error(reply);
    (void)snprintf(r->detail, sizeof r->detail, "%s", fault ? fault : ""); /* a cut detail is good enough */
    if (reply_i64(reply, &r->n_seen) != 0)
        r->n_seen = 0;
    metric_set(r->worker->metrics.replicas_missing, (double)(r->n_seen < r->wanted ? r->wanted - r->n_seen : 0));
}

static void on_waited(const struct redisReply *reply, int err, void *arg)
{
    struct round *round = arg;
    struct replicas *r = round->replicas;
    const char *why_not = "redis_away";
    if (err == 0) {
        take_answer(r, reply);
        metric_observe(r->worker->metrics.wait_seconds, (double)(clock_mono_us() - round->asked_us) / 1e6);
        why_not = r->n_seen < r->wanted ? "replicas" : NULL;
    }
    answer_dials(r, round->dials, why_not);
    free(round);
    if (err != 0)
        return;
    if (why_not)
        too_few(r);
    else
        enough(r);
}

/* `dials`: a list that is answered in any case. */
static void ask(struct replicas *r, struct dial *dials)
{
    char wanted[REDIS_I64_LEN], wait[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str("WAIT"), redis_arg_i64(r->wanted, wanted),
                                     redis_arg_i64(r->wait_ms, wait)};
    struct round *round = calloc(1, sizeof *round);
    if (round) {
        *round = (struct round){.replicas = r, .dials = dials, .asked_us = clock_mono_us()};
        if (redis_command(r->worker->redis, args, 3, r->wait_ms + ANSWER_DEADLINE_MS, on_waited, round) == 0)
            return;
        free(round);
    }
    answer_dials(r, dials, "redis_away");
    loop_timer_arm_us(r->again, REPLICAS_AGAIN_MS * INT64_C(1000));
}

static void on_turn_end(void *arg)
{
    struct replicas *r = arg;
    struct dial *dials = r->gathered;
    r->is_deferred = false;
    r->gathered = NULL;
    ask(r, dials);
}

static void on_again(void *arg)
{
    struct replicas *r = arg;
    if (redis_is_ready(r->worker->redis)) /* else replicas_on_ready() asks */
        ask(r, NULL);
}

void replicas_on_ready(struct replicas *r)
{
    if (r->wanted == 0)
        return;
    if (r->state == REPLICAS_ENOUGH)
        r->state = REPLICAS_UNKNOWN; /* of this Redis, or this connection */
    loop_timer_disarm(r->again);
    ask(r, NULL);
}

void replicas_await(struct replicas *r, struct dial *dial)
{
    dial->next_awaiting = r->gathered;
    r->gathered = dial;
    if (r->is_deferred)
        return;
    r->is_deferred = loop_defer(r->worker->loop, on_turn_end, r) == 0;
    if (!r->is_deferred)
        on_turn_end(r);
}

bool replicas_are_wanted(const struct replicas *r)
{
    return r->wanted > 0;
}

bool replicas_permit(const struct replicas *r)
{
    return r->wanted == 0 || r->state == REPLICAS_ENOUGH;
}

bool replicas_are_enough(const struct replicas *r, struct buf *why)
{
    if (r->state != REPLICAS_SHORT)
        return true;
    (void)!buf_printf(why,
                      "%" PRId64 " of the %" PRId64 " replicas of Redis that must have a begin answered within %" PRId64
                      " ms (--redis-wait-replicas): nothing is dialed%s%s",
                      r->n_seen, r->wanted, r->wait_ms, r->detail[0] ? ": " : "", r->detail);
    return false;
}

int replicas_create(struct worker *worker, int64_t wanted, int64_t wait_ms, const struct replicas_owner *owner,
                    struct replicas **ret_replicas)
{
    struct replicas *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    *r = (struct replicas){.worker = worker, .wanted = wanted, .wait_ms = wait_ms, .owner = *owner};
    int rc = loop_timer_create(worker->loop, on_again, r, &r->again);
    if (rc != 0) {
        replicas_free(r);
        return rc;
    }
    *ret_replicas = r;
    return 0;
}

void replicas_free(struct replicas *r)
{
    if (!r)
        return;
    loop_timer_free(r->again);
    free(r);
}
