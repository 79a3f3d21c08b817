/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of common/http's client and server: a network in which requests take a drawn time to arrive, may be refused,
 * or be lost on either way. Handlers, routes and everything above are the real ones.
 *
 * A server is found by its name ("http://carrier"); the name "http://fleet" is that of any server that was added to the
 * fleet, as behind a load balancer.
 */
#ifndef CARILLON_SIM_WIRE_HTTP_H
#define CARILLON_SIM_WIRE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http/client.h"
#include "common/http/server.h"

#define WIRE_FLEET_URL "http://fleet"

/* What may happen to a request, in percent. */
struct wire_http_weather {
    double refused; /* no connection */
    double lost; /* it was sent, and nobody got it */
    double unanswered; /* it arrived, and the connection breaks before the answer is back */
    double slow; /* either way takes seconds */
    /* Told of each request that is sent at most once (HTTP_ONCE), when it leaves. */
    void (*on_once)(const char *body, size_t len, void *arg);
    void *arg;
};

/* For a world; borrowed until the next. Requests of the world before are forgotten. */
void wire_http_begin(struct wire_http_weather *weather);
void wire_http_end(void);

/* Makes it answer to WIRE_FLEET_URL too. */
void wire_http_join_fleet(struct http_server *s);
/* Somebody waits for an answer. */
bool wire_http_is_waited_for(void);

#endif
