/* SPDX-License-Identifier: Apache-2.0
 *
 * A series of commands each of which may be sent again: where the connection breaks, it goes on from the last one that
 * is known to be done, for a while. Part of the state of an exchange.
 */
#ifndef CARILLON_PRODUCER_INGEST_STEPS_H
#define CARILLON_PRODUCER_INGEST_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "producer/exchange.h"

struct ingest_steps_config {
    struct exchange *x; /* borrowed */
    /* Sends what is to be sent next, from the last step that is known to be done. */
    void (*go_on)(void *arg);
    /* An error that will not pass, with the reply that told it, or NULL; or ERR_UNAVAILABLE: given up. Once. */
    void (*fail)(int err, const struct redisReply *reply, void *arg);
    void *arg;
};

/* Plain value; the fields are read through the functions below. */
struct ingest_steps {
    struct ingest_steps_config config;
    struct loop_timer *timer;
    size_t in_flight; /* commands */
    bool is_idle; /* all that was sent is answered */
    bool is_interrupted; /* a command's outcome is not known: nothing is sent until all are answered */
    bool is_to_repeat; /* so it is, but Redis is there: no need to wait then */
    int64_t progress_us;
};

int ingest_steps_init(struct ingest_steps *s, const struct ingest_steps_config *config) MUST_CHECK;
/* Also after a failed init, or none ({0}). Only when no reply is to come any more. */
void ingest_steps_free(struct ingest_steps *s);

/* Calls go_on at the end of this turn of the loop. */
void ingest_steps_start(struct ingest_steps *s);
size_t ingest_steps_in_flight(const struct ingest_steps *s);
/* True where nothing may be sent now: go_on is called when it may. */
bool ingest_steps_is_waiting(const struct ingest_steps *s);
/* Counts what came of sending a command. What could not be sent is tried again once the replies under way are in, or
 * after a while. */
void ingest_steps_sent(struct ingest_steps *s, int err);
/* Ends the series with an error. */
void ingest_steps_fail(struct ingest_steps *s, int err, const struct redisReply *reply);
/* Counts a reply. True where it may be read; otherwise it has been dealt with. `is_unknown`: its error leaves open
 * whether it was done. */
bool ingest_steps_take(struct ingest_steps *s, const struct redisReply *reply, int err, bool is_unknown);

/* Instead of what a reply that was taken stood for: the same is sent again, in another form. */
void ingest_steps_repeat(struct ingest_steps *s);

#endif
