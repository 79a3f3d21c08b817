/* SPDX-License-Identifier: Apache-2.0
 *
 * A platform that takes next to no time, in the place of worker/provider_http.c: carillon-worker-instant is the shipped
 * worker but for this file. A create request is rendered as ever and goes nowhere; a turn later it was taken, and
 * TALK_US later the call is over, which is reported as a callback would have it.
 */
#include "worker/provider_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "worker/dial.h"
#include "worker/settle.h"
#include "worker/worker.h"

#define TALK_US 10000 /* so that what is told of its acceptance is told before its end, as with any platform */

struct call {
    struct call *next;
    int64_t over_us; /* monotonic */
    provider_start_fn fn;
    void *arg;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    uint64_t ordinal;
    uint32_t number;
    char provider_id[LIMIT_ID_LEN + 1];
};

struct calls {
    struct call *first;
    struct call **last;
};

struct provider_http {
    struct worker_cell *cell; /* whose settle was made last: this worker serves one */
    struct calls asked, taken;
    struct loop_timer *over; /* the first of those taken */
    uint64_t n_started;
};

static struct provider_http platform; /* one process, one platform */

static void push(struct calls *calls, struct call *call)
{
    call->next = NULL;
    *calls->last = call;
    calls->last = &call->next;
}

static struct call *pop(struct calls *calls)
{
    struct call *call = calls->first;
    if (call) {
        calls->first = call->next;
        if (!calls->first)
            calls->last = &calls->first;
    }
    return call;
}

static void report(const struct provider_http *p, const struct call *call)
{
    struct provider_result result;
    const struct settle_dial dial = {call->batch_id, call->ordinal, call->number};
    provider_result_init(&result);
    result.kind = PROVIDER_ANALYZED;
    result.verdict = VERDICT_ACCEPTED;
    result.outcome = OUTCOME_COMPLETED;
    memcpy(result.provider_id, call->provider_id, sizeof call->provider_id);
    result.start_ms = result.end_ms = worker_redis_now_ms(p->cell->worker);
    result.duration_s = 1;
    result.success = 1;
    memcpy(result.reason, "user_hangup", sizeof "user_hangup");
    settle_report(p->cell->settle, &dial, &result, SETTLE_BY_CALLBACK, NULL, NULL);
    provider_result_clear(&result);
}

static void report_over(void *arg)
{
    struct provider_http *p = arg;
    int64_t now_us = clock_mono_us();
    while (p->taken.first && p->taken.first->over_us <= now_us) {
        struct call *call = pop(&p->taken);
        report(p, call);
        free(call);
    }
    if (p->taken.first)
        loop_timer_arm_at_us(p->over, p->taken.first->over_us);
}

/* Which loop and which settle: the platform itself is only told of an HTTP client. */
int __real_settle_create(struct worker_cell *cell, struct settle **ret_settle);
int __wrap_settle_create(struct worker_cell *cell, struct settle **ret_settle);
int __wrap_settle_create(struct worker_cell *cell, struct settle **ret_settle)
{
    platform.cell = cell;
    int rc = loop_timer_create(cell->worker->loop, report_over, &platform, &platform.over);
    return rc == 0 ? __real_settle_create(cell, ret_settle) : rc;
}

int provider_http_create(struct http_client *client, struct provider_http **ret_http)
{
    (void)client;
    platform.asked.last = &platform.asked.first;
    platform.taken.last = &platform.taken.first;
    *ret_http = &platform;
    return 0;
}

static void drop(struct calls *calls)
{
    struct call *call;
    while ((call = pop(calls)))
        free(call);
}

void provider_http_free(struct provider_http *p)
{
    if (p) {
        loop_timer_free(p->over);
        drop(&p->asked);
        drop(&p->taken);
    }
}

static void accept_all(void *arg)
{
    struct provider_http *p = arg;
    int64_t over_us = clock_mono_us() + TALK_US;
    struct call *call;
    while ((call = pop(&p->asked))) {
        struct provider_start start = {.verdict = VERDICT_ACCEPTED, .http_status = 201, .retry_after_ms = -1};
        memcpy(start.provider_id, call->provider_id, sizeof call->provider_id);
        call->over_us = over_us;
        call->fn(&start, call->arg);
        push(&p->taken, call);
    }
    if (!loop_timer_is_armed(p->over))
        loop_timer_arm_at_us(p->over, over_us);
}

int provider_http_start(struct provider_http *p, const struct provider_profile *profile,
                        const struct provider_trunk *trunk, const struct dial_request *request, int64_t leave_by_us,
                        provider_start_fn fn, void *arg, struct provider_exchange **ret_exchange)
{
    (void)leave_by_us;
    (void)ret_exchange;
    const struct dial *dial = arg;
    struct provider_request rendered;
    int rc = provider_render_start(profile, trunk, request, &rendered);
    if (rc != 0)
        return rc;
    provider_request_clear(&rendered);
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return ERR_NOMEM;
    call->fn = fn;
    call->arg = arg;
    memcpy(call->batch_id, dial->batch_id, sizeof call->batch_id);
    call->ordinal = dial->ordinal;
    call->number = dial->number;
    (void)snprintf(call->provider_id, sizeof call->provider_id, "call_%027" PRIu64, ++p->n_started);
    if (!p->asked.first && loop_defer(p->cell->worker->loop, accept_all, p) != 0) {
        free(call);
        return ERR_NOMEM;
    }
    push(&p->asked, call);
    return 0;
}

/* Nothing stays silent here that would have to be asked for; a check that comes all the same finds no platform. */
int provider_http_poll(struct provider_http *p, const struct provider_profile *profile,
                       const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                       struct provider_exchange **ret_exchange)
{
    (void)p, (void)profile, (void)trunk, (void)provider_id, (void)fn, (void)arg, (void)ret_exchange;
    return ERR_UNAVAILABLE;
}

int provider_http_lookup(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const struct provider_lookup *lookup,
                         provider_answer_fn fn, void *arg, struct provider_exchange **ret_exchange)
{
    (void)p, (void)profile, (void)trunk, (void)lookup, (void)fn, (void)arg, (void)ret_exchange;
    return ERR_UNAVAILABLE;
}

int provider_http_cancel(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                         struct provider_exchange **ret_exchange)
{
    (void)p, (void)profile, (void)trunk, (void)provider_id, (void)fn, (void)arg, (void)ret_exchange;
    return ERR_UNAVAILABLE;
}

int provider_http_hang_up(struct provider_http *p, const struct provider_profile *profile,
                          const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                          struct provider_exchange **ret_exchange)
{
    (void)p, (void)profile, (void)trunk, (void)provider_id, (void)fn, (void)arg, (void)ret_exchange;
    return ERR_UNAVAILABLE;
}

void provider_exchange_cancel(struct provider_exchange *exchange)
{
    (void)exchange;
}

size_t provider_http_in_flight(const struct provider_http *p)
{
    (void)p;
    return 0;
}
