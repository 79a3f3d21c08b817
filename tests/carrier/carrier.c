/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/carrier.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "tests/carrier/numbers.h"

struct carrier {
    struct carrier_config config;
    struct calls *calls;
    struct numbers *numbers;
    struct exchange *exchange;
};

/* ---- what the exchange tells ---- */

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
    witness_take(c->config.witness, line);
    c->config.listener->on_ended(call, c->config.listener_arg);
}

static void on_analyzed(struct call *call, void *arg)
{
    struct carrier *c = arg;
    c->config.listener->on_analyzed(call, c->config.listener_arg);
}

static const struct exchange_listener EXCHANGE_LISTENER = {on_answered, on_ended, on_analyzed};

/* ---- making ---- */

int carrier_create(struct loop *loop, const struct carrier_config *config, struct carrier **ret_carrier)
{
    struct carrier *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    int err = exchange_create(loop, &config->timing, CALLS_MAX, &EXCHANGE_LISTENER, c, &c->exchange);
    if (err) {
        free(c);
        return err;
    }
    c->calls = calls_create(CALLS_MAX, CALLS_BYTES_MAX);
    c->numbers = numbers_create();
    *ret_carrier = c;
    return 0;
}

void carrier_free(struct carrier *c)
{
    if (!c)
        return;
    exchange_free(c->exchange);
    calls_free(c->calls);
    numbers_free(c->numbers);
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
    unsigned faults;
    int status;
};

static void witness_create(struct carrier *c, const struct request_line *request)
{
    cJSON *line = witness_line(request->started_us, "create", request->to, request->id, request->token);
    json_add_str(line, "from", request->from);
    if (request->counts) {
        /* The dial that this request makes, or would have made. */
        json_add_i64(line, "n", (int64_t)request->counts->dials + (request->id ? 0 : 1));
        json_add_i64(line, "request", (int64_t)request->counts->requests);
    }
    json_add_i64(line, "status", request->status);
    cJSON *faults = line ? cJSON_AddArrayToObject(line, "faults") : NULL;
    for (unsigned i = 0; faults && i < FAULT_KINDS; i++)
        if (request->faults & FAULT_BIT(i))
            cJSON_AddItemToArray(faults, cJSON_CreateString(fault_name((enum fault)i)));
    witness_take(c->config.witness, line);
}

static void witness_placed(struct carrier *c, const struct call *call)
{
    cJSON *line = witness_line_of_call(clock_wall_us(), "placed", call);
    json_add_i64(line, "n", (int64_t)call->dial);
    witness_take(c->config.witness, line);
}

static void witness_refused(struct carrier *c, const struct request_line *request, const char *why)
{
    cJSON *line = witness_line(clock_wall_us(), "refused", request->to, NULL, request->token);
    json_add_i64(line, "status", request->status);
    json_add_str(line, "why", why);
    witness_take(c->config.witness, line);
}

void carrier_refuse(struct carrier *c, int64_t started_us, const char *to, int status, const char *why)
{
    const struct request_line line = {.started_us = started_us, .to = to, .status = status};
    witness_create(c, &line);
    witness_refused(c, &line, why);
}

/* ---- placing ---- */

static int draw_fate(struct carrier *c, const char *to, uint64_t dial, enum fate *ret_fate, bool *ret_agent)
{
    int err = fate_draw(&c->config.fates, to, dial, ret_fate);
    return err ? err : fate_draw_agent_hangs_up(&c->config.fates, to, dial, ret_agent);
}

static int call_start(struct carrier *c, struct call_order *order, struct number_counts *counts, unsigned faults,
                      struct call **ret_call)
{
    enum fate fate;
    bool agent_hangs_up;
    int err = draw_fate(c, order->to, counts->dials + 1, &fate, &agent_hangs_up);
    if (err)
        return err;
    uint64_t dropped = calls_dropped(c->calls);
    struct call *call;
    err = calls_add(c->calls, order, &call);
    if (err)
        return err;
    if (dropped == 0 && calls_dropped(c->calls) > 0)
        log_warn("carrier.forgets_calls", log_i64("kept", (int64_t)calls_count(c->calls)));
    call->dial = counts->dials + 1;
    call->faults = faults;
    call->fate = fate;
    call->agent_hangs_up = agent_hangs_up;
    err = exchange_place(c->exchange, call);
    if (err) {
        calls_take_back(c->calls, call, order);
        return err;
    }
    counts->dials++;
    *ret_call = call;
    return 0;
}

/* NULL where a call was placed; otherwise why none was. */
static const char *try_to_place(struct carrier *c, struct call_order *order, struct number_counts *counts,
                                unsigned *ret_faults, enum carrier_verdict *ret_verdict, struct call **ret_call)
{
    *ret_verdict = CARRIER_UNAVAILABLE;
    if (!counts)
        return "too many numbers";
    counts->requests++;
    int err = fault_draw(&c->config.faults, order->to, counts->requests, ret_faults);
    if (err)
        return err_name(err);
    if (*ret_faults & FAULT_BIT(FAULT_UNAVAILABLE))
        return fault_name(FAULT_UNAVAILABLE);
    if (*ret_faults & FAULT_BIT(FAULT_THROTTLE)) {
        *ret_verdict = CARRIER_THROTTLED;
        return fault_name(FAULT_THROTTLE);
    }
    err = call_start(c, order, counts, *ret_faults, ret_call);
    if (err)
        return err_name(err);
    *ret_verdict = CARRIER_PLACED;
    return NULL;
}

enum carrier_verdict carrier_place(struct carrier *c, const struct carrier_request *request, struct call_order *order,
                                   struct call **ret_call)
{
    struct number_counts *counts = numbers_at(c->numbers, order->to);
    struct request_line line = {.started_us = request->started_us, .counts = counts};
    enum carrier_verdict verdict;
    struct call *call = NULL;
    const char *why = try_to_place(c, order, counts, &line.faults, &verdict, &call);

    const struct call_order *held = call ? &call->order : order;
    line.to = held->to;
    line.from = held->from;
    line.token = held->token;
    line.id = call ? call->id : NULL;
    switch (verdict) {
    case CARRIER_PLACED:
        line.status = line.faults & FAULT_BIT(FAULT_RESET) ? 0 : request->placed_status;
        break;
    case CARRIER_THROTTLED:
        line.status = request->throttled_status;
        break;
    case CARRIER_UNAVAILABLE:
        line.status = request->unavailable_status;
        break;
    }
    witness_create(c, &line);
    if (call) {
        witness_placed(c, call);
        *ret_call = call;
    } else {
        witness_refused(c, &line, why);
    }
    return verdict;
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
