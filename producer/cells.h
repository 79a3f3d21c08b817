/* SPDX-License-Identifier: Apache-2.0
 *
 * The cells this process serves: each is opened before it is used, so that a process which speaks another schema than
 * what lies in Redis stops instead of writing.
 */
#ifndef CARILLON_PRODUCER_CELLS_H
#define CARILLON_PRODUCER_CELLS_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/daemon/daemon.h"

struct cells;

int cells_create(struct daemon *d, struct cells **ret_cells) MUST_CHECK;
/* Accepts NULL. Only when the Redis connection is freed. */
void cells_free(struct cells *c);

/* Opens all of them, at the start and after each reconnect: Redis may be another one. A schema that does not fit ends
 * the process.
 */
void cells_open(struct cells *c);
/* Whether all of them are. */
bool cells_are_open(const struct cells *c);

#endif
