/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/carrier.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "tests/carrier/draw.h"

#define US_PER_MS 1000

struct carrier {
    struct carrier_config config;
    const struct carrier_world *world;
    struct calls *calls;
    struct exchange *exchange;
    int64_t next_ring_us; /* clock_mono_us(): no call begins to ring before */
};

/* ---- what the exchange tells ---- */

static void witness_placed(const struct carrier *c, const struct call *call)
{
    cJSON *line = witness_line_of_call(clock_wall_us(), "placed", call);
    json_add_i64(line, "n", (int64_t)call->dial);
    witness_take(c->world->witness, line);
}

static void on_ringing(struct call *call, void *arg)
{
    struct carrier *c = arg;
    witness_placed(c, call);
    c->config.listener->on_ringing(call, c->config.listener_arg);
}

static void on_answered(struct call *call, void *arg)
{
    struct carrier *c = arg;
    c->config.listener->on_answered(call, c->config.listener_arg);
}

static void on_ended(struct call *call, void *arg)
{
    struct carrier *c = arg;
    cJSON *line = witness_line_of_call(clock_wall_us(), "ended", call);
    json_add_i64(line, "n", (int64_t)call->dial);
    json_add_str(line, "outcome", call_outcome_name(call));
    json_add_i64(line, "talk_ms", call_talk_ms(call));
    witness_take(c->world->witness, line);
    c->config.listener->on_ended(call, c->config.listener_arg);
}

static void on_analyzed(struct call *call, void *arg)
{
    struct carrier *c = arg;
    c->config.listener->on_analyzed(call, c->config.listener_arg);
}

static const struct exchange_listener EXCHANGE_LISTENER = {on_ringing, on_answered, on_ended, on_analyzed};

/* ---- making ---- */

int carrier_create(struct loop *loop, const struct carrier_config *config, struct carrier **ret_carrier)
{
    struct carrier *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    c->world = config->world;
    int err = exchange_create(loop, &c->world->timing, CALLS_MAX, &EXCHANGE_LISTENER, c, &c->exchange);
    if (err) {
        free(c);
        return err;
    }
    c->calls = calls_create(CALLS_MAX, CALLS_BYTES_MAX, config->make_id);
    *ret_carrier = c;
    return 0;
}

void carrier_free(struct carrier *c)
{
    if (!c)
        return;
    exchange_free(c->exchange);
    calls_free(c->calls);
    free(c);
}

/* ---- the witness's lines about requests ---- */

/* A create request as it came and as it is answered. */
struct request_line {
    int64_t started_us;
    const char *to;
    const char *from;
    const char *id;
    const char *token;
    const struct number_counts *counts; /* NULL where the number is not known */
    uint64_t dial; /* that the request makes, or would have made */
    unsigned faults;
    int status;
};

static void witness_create(struct carrier *c, const struct request_line *request)
{
    cJSON *line = witness_line(request->started_us, "create", request->to, request->id, request->token);
    json_add_str(line, "from", request->from);
    if (request->counts) {
        json_add_i64(line, "n", (int64_t)request->dial);
        json_add_i64(line, "request", (int64_t)request->counts->requests);
    }
    json_add_i64(line, "status", request->status);
    cJSON *faults = line ? cJSON_AddArrayToObject(line, "faults") : NULL;
    for (unsigned i = 0; faults && i < FAULT_KINDS; i++)
        if (fault_is_in(request->faults, (enum fault)i))
            cJSON_AddItemToArray(faults, cJSON_CreateString(fault_name((enum fault)i)));
    witness_take(c->world->witness, line);
}

static void witness_refused(struct carrier *c, const struct request_line *request, const char *why)
{
    cJSON *line = witness_line(clock_wall_us(), "refused", request->to, request->id, request->token);
    json_add_i64(line, "status", request->status);
    json_add_str(line, "why", why);
    witness_take(c->world->witness, line);
}

void carrier_refuse(struct carrier *c, int64_t started_us, const char *to, int status, const char *why)
{
    const struct request_line line = {.started_us = started_us, .to = to, .status = status};
    witness_create(c, &line);
    witness_refused(c, &line, why);
}

/* ---- placing ---- */

/* What the placing of one call works on. */
struct placing {
    struct carrier *c;
    struct call_order *order;
    struct number_counts *counts; /* NULL where no more numbers can be known */
    struct carrier_answer *answer;
};

static int draw_fate(const struct carrier *c, const char *to, uint64_t dial, struct call *call)
{
    int err = fate_draw(&c->world->fates, to, dial, &call->fate);
    return err ? err : fate_draw_agent_hangs_up(&c->world->fates, to, dial, &call->agent_hangs_up);
}

/* Takes the next turn to ring: how long from now, in microseconds. */
static int64_t take_turn(struct carrier *c)
{
    int64_t now_us = clock_mono_us();
    int64_t turn_us = c->next_ring_us > now_us ? c->next_ring_us : now_us;
    c->next_ring_us = turn_us + c->config.interval_us;
    return turn_us - now_us;
}

static int call_start(struct placing *p)
{
    struct carrier *c = p->c;
    uint64_t dropped = calls_dropped(c->calls);
    struct call *call;
    int err = calls_add(c->calls, p->order, &call);
    if (err)
        return err;
    if (dropped == 0 && calls_dropped(c->calls) > 0)
        log_warn("carrier.forgets_calls", log_i64("kept", (int64_t)calls_count(c->calls)));
    call->dial = p->counts->dials + 1;
    call->faults = p->answer->faults;
    call->is_turned_away = fault_is_in(call->faults, FAULT_CONCURRENCY);
    int64_t queue_us = call->is_turned_away ? 0 : take_turn(c);
    call->queue_ms = queue_us / US_PER_MS;
    err = draw_fate(c, call->order.to, call->dial, call);
    if (!err)
        err = exchange_place(c->exchange, call, queue_us);
    if (err) {
        calls_take_back(c->calls, call, p->order);
        return err;
    }
    p->counts->dials += !call->is_turned_away;
    p->answer->call = call;
    return 0;
}

/* Whether the request comes so far that a call is placed: CARRIER_PLACED, or why not. */
static enum carrier_verdict judge(const struct carrier *c, unsigned faults)
{
    if (fault_is_in(faults, FAULT_UNAVAILABLE))
        return CARRIER_UNAVAILABLE;
    if (fault_is_in(faults, FAULT_THROTTLE))
        return CARRIER_THROTTLED;
    if (fault_is_in(faults, FAULT_CONCURRENCY))
        return c->config.turns_away ? CARRIER_PLACED : CARRIER_CONCURRENCY;
    if (fault_is_in(faults, FAULT_NO_CREDITS))
        return CARRIER_NO_CREDITS;
    if (fault_is_in(faults, FAULT_UNPLACED) && fault_loses_answer(faults))
        return CARRIER_LOST;
    return CARRIER_PLACED;
}

static const char *verdict_why(enum carrier_verdict verdict)
{
    static const enum fault FAULTS[CARRIER_VERDICTS] = {
        [CARRIER_THROTTLED] = FAULT_THROTTLE,    [CARRIER_CONCURRENCY] = FAULT_CONCURRENCY,
        [CARRIER_NO_CREDITS] = FAULT_NO_CREDITS, [CARRIER_UNAVAILABLE] = FAULT_UNAVAILABLE,
        [CARRIER_LOST] = FAULT_UNPLACED,
    };
    return fault_name(FAULTS[verdict]);
}

/* NULL where a telephone rings, or will; otherwise why none does. */
static const char *try_to_place(struct placing *p)
{
    struct carrier_answer *answer = p->answer;
    answer->verdict = CARRIER_UNAVAILABLE;
    if (!p->counts)
        return "too many numbers";
    uint64_t request = ++p->counts->requests;
    int err = fault_draw(&p->c->world->faults, p->order->to, request, &answer->faults);
    if (!err)
        err = draw_value("answer", p->c->world->faults.seed, p->order->to, request, &answer->chance);
    if (err)
        return err_name(err);
    enum carrier_verdict verdict = judge(p->c, answer->faults);
    if (verdict == CARRIER_PLACED)
        err = call_start(p);
    if (err)
        return err_name(err);
    answer->verdict = verdict;
    if (answer->call && answer->call->is_turned_away)
        return fault_name(FAULT_CONCURRENCY);
    return verdict == CARRIER_PLACED ? NULL : verdict_why(verdict);
}

/* The status of the answer that the client gets to see; 0 for none. */
static int status_seen(const struct carrier_request *request, const struct carrier_answer *answer)
{
    if (answer->verdict != CARRIER_PLACED && answer->verdict != CARRIER_LOST)
        return request->statuses[answer->verdict];
    if (fault_is_in(answer->faults, FAULT_RESET) || fault_is_in(answer->faults, FAULT_HANG))
        return 0;
    return fault_is_in(answer->faults, FAULT_ERROR) ? 500 : request->statuses[CARRIER_PLACED];
}

struct carrier_answer carrier_place(struct carrier *c, const struct carrier_request *request, struct call_order *order)
{
    struct carrier_answer answer = {.verdict = CARRIER_UNAVAILABLE};
    struct placing placing = {
        .c = c,
        .order = order,
        .counts = numbers_at(c->world->numbers, order->to),
        .answer = &answer,
    };
    uint64_t dial = placing.counts ? placing.counts->dials + 1 : 0;
    const char *why = try_to_place(&placing);
    const struct call_order *held = answer.call ? &answer.call->order : order;
    const struct request_line line = {
        .started_us = request->started_us,
        .to = held->to,
        .from = held->from,
        .id = answer.call ? answer.call->id : NULL,
        .token = held->token,
        .counts = placing.counts,
        .dial = dial,
        .faults = answer.faults,
        .status = status_seen(request, &answer),
    };
    witness_create(c, &line);
    if (why)
        witness_refused(c, &line, why);
    else if (answer.call && answer.call->phase == CALL_RINGING)
        witness_placed(c, answer.call);
    return answer;
}

int carrier_stop(struct carrier *c, struct call *call)
{
    return exchange_stop(c->exchange, call);
}

const struct calls *carrier_calls(const struct carrier *c)
{
    return c->calls;
}

size_t carrier_open_calls(const struct carrier *c)
{
    return exchange_open_calls(c->exchange);
}
