/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that may be sent as often as need be, and are: where the connection breaks, the producer is away, or says
 * that it wants to be asked later, they are sent again, further and further apart, until they are answered or patience
 * ends.
 */
#ifndef CARILLON_PRODUCER_CLI_PATIENCE_H
#define CARILLON_PRODUCER_CLI_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/cli/api_client.h"

/* Plain value. */
struct patience {
    struct session *session; /* borrowed */
    struct api_client *api; /* borrowed */
    int64_t wait_ms; /* for how long it is tried without an answer */
    /* Called before something is told on stderr, so that what is drawn there goes away. May be NULL. */
    void (*before_telling)(void *arg);
    void *arg;
    bool has_answered; /* ever: one that never did is most likely not there */
    bool is_away; /* and that was told */
    int64_t heard_us; /* when it last answered with anything but "later" */
    uint64_t retries;
};

void patience_init(struct patience *p, struct session *s, struct api_client *api, int64_t wait_ms);

/* As api_client_send(), again and again. An answer that says "later" (429, 503, 408, or with Retry-After) is given only
 * where patience ended, or would have by then. ERR_TIMEOUT where a signal came. */
int patience_ask(struct patience *p, const struct api_request *request, struct api_answer *ret_answer) MUST_CHECK;

#endif
