/* SPDX-License-Identifier: Apache-2.0
 *
 * The epochs of the cells: a cell is closed for LIMIT_CELL_CLOSED_MS when its Redis is another than before
 * (cell_open.lua sees to that), or when Redis's clock jumps forward against this worker's monotonic one, which is
 * watched here. A worker that hears of a new epoch re-asserts what it has begun.
 */
#ifndef CARILLON_WORKER_EPOCH_H
#define CARILLON_WORKER_EPOCH_H

#include <stdint.h>

#include "worker/worker.h"

/* Redis read its clock, as `redis_now_us`, for a command that was asked for at `asked_us` and whose answer has just
 * come (both monotonic). A jump of more than LIMIT_CLOCK_STEP_MS closes every cell of this worker. */
void epoch_watch(struct worker *worker, int64_t asked_us, int64_t answered_us, int64_t redis_now_us);

/* Redis told the cell's epoch, and until when it is closed (Redis's clock; 0: it is open). */
void epoch_heard(struct worker_cell *cell, int64_t epoch, int64_t closed_until_ms);

/* Redis's clock may have jumped: until the cell is open again no call is out of time by its deadline, which those who
 * began it tell anew (cell_reassert.lua). An answer that was long on its way may look like a jump here: to wait does no
 * harm. */
void epoch_doubt_deadlines(struct worker_cell *cell);

#endif
