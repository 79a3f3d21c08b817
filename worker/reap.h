/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of a cell's calls that stay silent: each due one is leased and looked up at its platform, by its id or by
 * our token, and settled, seen, found absent, or, at its deadline, ended as UNKNOWN.
 */
#ifndef CARILLON_WORKER_REAP_H
#define CARILLON_WORKER_REAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "worker/settle.h"
#include "worker/worker.h"

struct reap;

int reap_create(struct worker_cell *cell, struct reap **ret_reap) MUST_CHECK;
/* After the connection was freed. Accepts NULL. */
void reap_free(struct reap *r);

/* Redis is ready again: what waits is sent. */
void reap_flush(struct reap *r);
/* A check falls due at `at_ms` (Redis's clock). */
void reap_expect(struct reap *r, int64_t at_ms);

/* A create request whose outcome is not known: to be looked up `in_ms` from now. reason: the platform's words, or the
 * transport's. Its trunk is silent for `hold_ms`. */
void reap_doubt(struct reap *r, const struct settle_dial *dial, const char *reason, int64_t in_ms, int64_t hold_ms);
/* The platform says that it has the call, and that it goes on (answered: somebody is on the telephone): records its id;
 * the next look is as after an accept. */
void reap_seen(struct reap *r, const struct settle_dial *dial, const char *provider_id, bool is_answered,
               int64_t in_ms);

/* No lookup under way and nothing to tell Redis. */
bool reap_is_idle(const struct reap *r);
/* Lookups under way. */
size_t reap_checks(const struct reap *r);

#endif
