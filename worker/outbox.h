/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker has to tell Redis about calls, gathered over one turn of the loop, or a little longer where much is to
 * be told, and sent as one script call for many of them: begins, releases, accepts, aborts, rechecks, finishes. The
 * first argument of each item is its call's batch. An item stays here until Redis has answered it: where the connection
 * went away, or Redis cannot now, it is sent again, which the scripts permit (each is idempotent by dial). As long as
 * Redis cannot, one call of the script asks every 100 ms, and all the others wait behind it.
 */
#ifndef CARILLON_WORKER_OUTBOX_H
#define CARILLON_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/redis/script.h"

struct outbox;

/* What the script says behind the items' answers, one element. */
typedef void (*outbox_note_fn)(const struct redisReply *note, void *arg);

#define OUTBOX_GATHER_US 10000 /* of what is told and nobody waits for */

/* How the script takes its items. Borrowed for the outbox's life. */
struct outbox_spec {
    enum lua_script script;
    size_t fields; /* arguments of one item */
    size_t most_work; /* in one call of the script: 1 an item, and LIMIT_BATCH_WORK a batch; LIMIT_SCRIPT_CALLS items */
    size_t reply_offset; /* elements of the reply before the first item's */
    int64_t gather_us; /* calls of the script that are not full follow each other by that; 0: one each turn */
    const struct redis_arg *prologue; /* arguments before the items */
    size_t n_prologue;
    bool outlasts_denial; /* nobody else could tell it: where our user lacks a right, it waits for that too */
    outbox_note_fn note_fn; /* NULL: it says nothing there */
    void *note_arg;
};

/* An item's answer: `reply` is its element of the script's reply and `whole` all of it, borrowed for the call. `err` is
 * not 0 where the script refuses the item for good (ERR_INVALID, ERR_STATE, ...: a bug or a damaged state); then both
 * are NULL. Not called for an item that was dropped by outbox_free(). */
typedef void (*outbox_fn)(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg);

/* `prefix` is the cell's (copied). */
int outbox_create(struct loop *loop, struct redis *redis, const char *prefix, const struct outbox_spec *spec,
                  struct outbox **ret_outbox) MUST_CHECK;
/* After the connection was freed, so that no answer can come any more. What has not been answered is dropped. Accepts
 * NULL. */
void outbox_free(struct outbox *o);

/* Adds an item of spec->fields arguments, which are copied. It goes out at the end of this turn, where another went out
 * less than spec->gather_us ago by then, or once Redis is ready. ERR_NOMEM, also where LIMIT_OUTBOX_ITEMS are without
 * an answer. */
int outbox_add(struct outbox *o, const struct redis_arg *args, outbox_fn fn, void *arg) MUST_CHECK;
/* Redis is ready again: what is waiting goes out. */
void outbox_flush(struct outbox *o);
/* Redis is there, and answered last that it cannot now: what is added waits until it can. */
bool outbox_is_refused(const struct outbox *o);
/* Items without an answer. */
size_t outbox_pending(const struct outbox *o);

#endif
