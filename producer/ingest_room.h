/* SPDX-License-Identifier: Apache-2.0
 *
 * How many bytes of contacts a producer has under way, in all and of one tenant: one tenant's do not fill it.
 */
#ifndef CARILLON_PRODUCER_INGEST_ROOM_H
#define CARILLON_PRODUCER_INGEST_ROOM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/metrics/metrics.h"

struct exchange;
struct ingest_room;
struct ingest_stay;

int ingest_room_create(struct metrics *metrics, struct ingest_room **ret_room) MUST_CHECK;
/* Accepts NULL. After every stay is over. */
void ingest_room_free(struct ingest_room *room);

/* Whether `len` bytes more would fit, of all (LIMIT_INGEST_BYTES_IN_FLIGHT) and of the tenant (_TENANT). */
bool ingest_room_has(const struct ingest_room *room, const char *tenant, size_t len);

/* One request's share, empty at first. NULL where memory ran out. */
struct ingest_stay *ingest_room_enter(struct ingest_room *room, const char *tenant);
/* Takes more; false where that is too much: nothing is taken. */
bool ingest_room_take(struct ingest_stay *stay, size_t len);
/* Gives everything back. Accepts NULL. */
void ingest_room_leave(struct ingest_stay *stay);

/* Answers 503: what is under way leaves no room for more. */
void ingest_room_refuse(struct exchange *x);

#endif
