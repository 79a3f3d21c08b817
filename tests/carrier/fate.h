/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a call: a pure function of the seed, the number, and which time the number is dialed. With
 * weights that sum to S, the value draw_value("outcome", seed, number, dial) modulo S falls into the outcomes laid end
 * to end in the order of enum fate. Who hangs up a completed call is draw_value("hangup", ..): odd for the agent.
 */
#ifndef CARILLON_CARRIER_FATE_H
#define CARILLON_CARRIER_FATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

enum fate {
    FATE_COMPLETED,
    FATE_BUSY,
    FATE_NO_ANSWER,
    FATE_FAILED,
    FATE_VOICEMAIL,
    FATE_BLOCKED, /* a machine on the way takes the caller for spam */
    FATE_INVALID_NUMBER, /* nobody has this number */
};
#define FATE_KINDS 7

struct fate_plan {
    uint64_t seed;
    uint32_t weights[FATE_KINDS];
};

/* Reads "completed=70,busy=10,..." into `weights`: names of outcomes, each at most once, with whole weights up to
 * 1,000,000 of which one at least is not 0; what is not named weighs 0. ERR_INVALID or ERR_RANGE; `ret_why` (a static
 * text) then says what is wrong. */
int fate_weights_parse(const char *text, uint32_t ret_weights[FATE_KINDS], const char **ret_why) MUST_CHECK;

/* "completed", "busy", "no_answer", "failed", "voicemail", "blocked", "invalid_number". */
const char *fate_name(enum fate fate);
/* True where somebody or something picks up. */
bool fate_is_connected(enum fate fate);

/* `dial` counts the calls placed to `number`, from 1. */
int fate_draw(const struct fate_plan *plan, const char *number, uint64_t dial, enum fate *ret_fate) MUST_CHECK;
int fate_draw_agent_hangs_up(const struct fate_plan *plan, const char *number, uint64_t dial,
                             bool *ret_agent) MUST_CHECK;

#endif
