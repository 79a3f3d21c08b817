/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of common/daemon: a worker as a process of the simulated world. worker/main.c is the real one, and so is the
 * acquaintance with the cell (daemon_cells.c); signals, options and standard output are not there.
 */
#ifndef CARILLON_SIM_PROCESS_H
#define CARILLON_SIM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/seal.h"
#include "common/redis/redis.h"

struct process;

/* Starts a worker whose clocks are its own. `keys` is borrowed. */
struct process *process_start(const struct seal_keys *keys, int64_t wall_ahead_us);
/* It dies where it stands: nothing that it had in flight happens any more, but for what is on its way to others. */
void process_kill(struct process *p);
/* SIGTERM. It is over when process_has_ended(); kill it then. */
void process_drain(struct process *p);
bool process_is_draining(const struct process *p);
bool process_has_ended(const struct process *p);

/* It is told that there may be work. */
void process_wake(struct process *p);
struct redis *process_redis(struct process *p);
struct loop *process_loop(struct process *p);

#endif
