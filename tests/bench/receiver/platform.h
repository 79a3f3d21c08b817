/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver of bench_http.py as its clients see it: as much of Retell's API as a worker needs, in as little time as
 * possible, so that it is not what is measured. Over TLS where it was given a certificate.
 *
 *     POST /v2/create-phone-call    201 and the call
 *     GET /v2/get-call/{id}         200 and the call, ended and analysed
 *     GET /figures                  what came so far
 */
#ifndef CARILLON_BENCH_PLATFORM_H
#define CARILLON_BENCH_PLATFORM_H

#include <event2/event.h>

#include "common/base/err.h"
#include "common/base/openssl.h"
#include "tests/bench/receiver/calls.h"

struct platform;

/* Told of each call that was placed. */
typedef void (*platform_placed_fn)(size_t number, void *arg);

struct platform_config {
    SSL_CTX *tls; /* NULL: it speaks without */
    int64_t answer_ms; /* how long a create request waits for its answer */
    platform_placed_fn placed_fn;
    void *placed_arg;
};

/* Listens at a port of 127.0.0.1 that the system chooses. Borrows all. */
int platform_create(struct event_base *base, const struct platform_config *config, struct calls *calls,
                    struct platform **ret_platform) MUST_CHECK;
/* Accepts NULL. */
void platform_free(struct platform *p);
unsigned platform_port(const struct platform *p);

#endif
