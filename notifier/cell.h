/* SPDX-License-Identifier: Apache-2.0
 *
 * One cell's share of the work: which shards this notifier holds, what is due when, and when to look. Idle it costs one
 * hook_poll a second over all cells; hints and due times start everything else.
 */
#ifndef CARILLON_NOTIFIER_CELL_H
#define CARILLON_NOTIFIER_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct cell;
struct notifier;
struct redisReply;

/* Fills `cell`, which is part of `n`, for the cell `name` (borrowed). The first cell_look() starts it. */
int cell_init(struct cell *cell, struct notifier *n, const char *name) MUST_CHECK;
/* Frees what it holds; requests under way are cancelled. Neither Redis nor the loop may be in use. */
void cell_clear(struct cell *cell);

/* Looks at once, and from then on every tick: once Redis is there, and each time it came back. */
void cell_look(struct cell *cell);
/* An event may have been written. */
void cell_wake(struct cell *cell);
/* Starts whatever can be started now. */
void cell_work(struct cell *cell);

/* A script said at `now_ms` (Redis's clock) that something is due at `due_ms`; -1: nothing. cell_set_due() when it
 * looked at every shard held, cell_sooner() when it saw only a part. */
void cell_set_due(struct cell *cell, int64_t now_ms, int64_t due_ms);
void cell_sooner(struct cell *cell, int64_t now_ms, int64_t due_ms);

/* True where `reply` can be used; otherwise counts and logs a script's error (`script` names it). A lost connection is
 * not logged: the daemon does. `ret_err` (may be NULL) tells which. */
bool cell_check_reply(struct cell *cell, const char *script, const struct redisReply *reply, int err, int *ret_err);

/* Counts and logs what a script set aside because nothing can be made of what Redis has of it; `kind`: what each is. */
void cell_tell_torn(struct cell *cell, const char *kind, const struct redisReply *rows);

/* Hands the shards over and takes no new work. */
void cell_drain(struct cell *cell);
bool cell_is_drained(const struct cell *cell);

#endif
