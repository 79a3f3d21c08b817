/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/call.h"

#include <stdlib.h>
#include <string.h>

#include "tests/carrier/fault.h"

void call_order_clear(struct call_order *order)
{
    free(order->agent_id);
    free(order->agent_tag);
    free(order->callback_url);
    free(order->detection_url);
    free(order->token);
    free(order->metadata);
    free(order->variables);
    free(order->sip_headers);
    memset(order, 0, sizeof *order);
}

size_t call_order_bytes(const struct call_order *order)
{
    const char *const texts[] = {order->agent_id, order->agent_tag, order->callback_url, order->detection_url,
                                 order->token,    order->metadata,  order->variables,    order->sip_headers};
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        bytes += texts[i] ? strlen(texts[i]) + 1 : 0;
    return bytes;
}

void call_set_phase(struct call *call, enum call_phase to)
{
    static const bool STEPS[][5] = {
        [CALL_QUEUED] = {[CALL_RINGING] = true, [CALL_ENDED] = true},
        [CALL_RINGING] = {[CALL_TALKING] = true, [CALL_ENDED] = true},
        [CALL_TALKING] = {[CALL_ENDED] = true},
        [CALL_ENDED] = {[CALL_ANALYZED] = true},
        [CALL_ANALYZED] = {false},
    };
    if (!STEPS[call->phase][to])
        abort();
    call->phase = to;
}

bool call_is_forgotten(const struct call *call)
{
    return fault_is_in(call->faults, FAULT_FORGET);
}

bool call_was_connected(const struct call *call)
{
    return call->answered_ms != 0;
}

int64_t call_talk_ms(const struct call *call)
{
    return call->answered_ms && call->ended_ms ? call->ended_ms - call->answered_ms : 0;
}

const char *call_outcome_name(const struct call *call)
{
    switch (call->end) {
    case CALL_END_CALLEE_HUNG_UP:
    case CALL_END_AGENT_HUNG_UP:
    case CALL_END_MAX_DURATION:
        return fate_name(FATE_COMPLETED);
    case CALL_END_STOPPED:
        return call_was_connected(call) ? fate_name(FATE_COMPLETED) : "stopped";
    case CALL_END_BUSY:
        return fate_name(FATE_BUSY);
    case CALL_END_NO_ANSWER:
        return fate_name(FATE_NO_ANSWER);
    case CALL_END_FAILED:
        return fate_name(FATE_FAILED);
    case CALL_END_VOICEMAIL:
        return fate_name(FATE_VOICEMAIL);
    case CALL_END_BLOCKED:
        return fate_name(FATE_BLOCKED);
    case CALL_END_INVALID_NUMBER:
        return fate_name(FATE_INVALID_NUMBER);
    case CALL_END_CONCURRENCY:
        return "concurrency";
    case CALL_END_NONE:
        break;
    }
    return "none";
}
