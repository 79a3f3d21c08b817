/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges a simulated campaign by what the platform saw, what left the workers, and what Redis was told, each with its
 * exact instant. Where nature breaks a promise (docs/failure-model.md) the drawn fault is known, and the break is
 * counted as allowed.
 */
#ifndef CARILLON_SIM_JUDGE_H
#define CARILLON_SIM_JUDGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/campaign.h"
#include "tests/sim/server.h"

/* One counter a promise. */
enum promise {
    PROMISE_LOST, /* a contact without an end */
    PROMISE_DIALED_TWICE, /* a dial that was sent or placed more than once */
    PROMISE_WITHOUT_INTENT, /* sent before Redis knew of it, or too early, or too late for its instant */
    PROMISE_OVERLAPPING, /* two calls to a tenant's number at once */
    PROMISE_TOO_SOON, /* sooner than the retry delay */
    PROMISE_OVER_ATTEMPTS, /* more calls than attempts, or one after a final outcome */
    PROMISE_OVER_LIMIT, /* of calls a second, by the begins; of calls at once, by the platform */
    PROMISE_OUT_OF_HOURS, /* outside of the window, after the expiry, while paused or cancelled */
    PROMISE_UNTRUE, /* an outcome that is not the platform's */
    PROMISE_MISCOUNTED, /* counters that do not add up */
    PROMISE_UNTOLD, /* an event that is missing, or there twice */
    PROMISE_AUDIT, /* faults that audit.lua finds */
    PROMISE_ERRORS, /* what a worker logs as an error */
};
#define PROMISES (PROMISE_ERRORS + 1)

struct tally {
    uint64_t calls; /* placed */
    uint64_t contacts;
    uint64_t broken[PROMISES];
    uint64_t allowed;
    uint64_t unknown; /* dials that ended as UNKNOWN, their platform not to be asked */
};

const char *promise_name(enum promise promise);

/* For a world. */
void judge_begin(struct campaign *campaign);
/* What is left to judge when all is over; adds to `tally` what was found. */
void judge_end(struct server *server, struct tally *tally);

/* A promise was broken. */
void judge_broken(enum promise promise, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True where one was. */
bool judge_found_any(void);

/* ---- what is told of while it happens ---- */
void judge_note_script(enum lua_script script, const char *const *args, const size_t *lens, size_t n,
                       const redisReply *reply);
void judge_note_sent(const char *body, size_t len);
void judge_note_witness(const cJSON *line);
void judge_note_error(const char *text);
/* A call in doubt was put off: who, and until when. To say the same again and again is a loop that should rest. */
void judge_note_later(const char *text);
/* A call in doubt was found at the platform: "doubt.found batch=... ordinal=...". What was rung once is not found for
 * ever. */
void judge_note_found(const char *text);

#endif
