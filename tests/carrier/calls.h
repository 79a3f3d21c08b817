/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that the carrier remembers: by id, by token, and newest first. Bounded in number and bytes: where it is
 * full, the oldest call that is over makes room, and the table counts it.
 */
#ifndef CARILLON_CARRIER_CALLS_H
#define CARILLON_CARRIER_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "tests/carrier/call.h"

#define CALLS_MAX 1000000
#define CALLS_BYTES_MAX ((size_t)2 << 30)

struct calls;

/* Makes a new random id. */
typedef int (*calls_id_fn)(char ret_id[CALL_ID_CAP]);

/* Bounded to `max` calls and `max_bytes`. */
struct calls *calls_create(size_t max, size_t max_bytes, calls_id_fn make_id);
/* Frees every call. Accepts NULL. */
void calls_free(struct calls *calls);

/* Adds a call under a new id and takes over the texts of `order`, which is then empty. The call is queued, and belongs
 * to the table. ERR_NOMEM where nothing over can make room; then `order` is the caller's still. */
int calls_add(struct calls *calls, struct call_order *order, struct call **ret_call) MUST_CHECK;

/* Forgets a call that could not be placed after all, and gives its texts back. */
void calls_take_back(struct calls *calls, struct call *call, struct call_order *ret_order);

/* A held call is not dropped. Holds count. */
void calls_hold(struct call *call);
void calls_release(struct call *call);

/* NULL where there is none. */
struct call *calls_find(const struct calls *calls, const char *id);
/* The newest of all, and from there on by call->older; the oldest, and by call->newer. */
struct call *calls_newest(const struct calls *calls);
struct call *calls_oldest(const struct calls *calls);
/* The newest whose token is `token`, and from there on by call->older_of_token. More than one is a dial placed twice.
 */
struct call *calls_newest_of_token(const struct calls *calls, const char *token);

size_t calls_count(const struct calls *calls);
/* How many calls were dropped so far to make room. */
uint64_t calls_dropped(const struct calls *calls);

#endif
