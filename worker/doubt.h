/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in doubt: Redis lost its tail, and whoever had claimed one may have placed it in that time and died. Before
 * such a call is begun the platform is asked for each dial number that may have been used. Found: Redis is told of that
 * dial and nothing is sent. Absent, late enough after: the call goes on. Not to be asked: it is given back for later.
 */
#ifndef CARILLON_WORKER_DOUBT_H
#define CARILLON_WORKER_DOUBT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "worker/dial.h"
#include "worker/worker.h"

struct doubt;

/* `may_begin`: nobody placed it. Otherwise the dial is over: Redis has the call elsewhere. */
typedef void (*doubt_fn)(struct dial *dial, bool may_begin, void *arg);

/* `fn` is called once for each doubt_settle(), possibly from inside. */
int doubt_create(struct worker_cell *cell, doubt_fn fn, void *arg, struct doubt **ret_doubt) MUST_CHECK;
/* After the connection was freed; nothing is called back. Accepts NULL. */
void doubt_free(struct doubt *d);

/* A dial whose batch is loaded and whose doubt.first is not 0. */
void doubt_settle(struct doubt *d, struct dial *dial);
/* Redis is ready again: what waits is sent. */
void doubt_flush(struct doubt *d);

#endif
