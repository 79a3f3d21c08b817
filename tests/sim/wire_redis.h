/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of common/redis's connection: commands reach the simulation's server after a drawn time, in order, and their
 * answers come back after another. The connection breaks when it is told to, or when a deadline passes, and is made
 * again after a while. script.c and reply.c are the real ones.
 */
#ifndef CARILLON_SIM_WIRE_REDIS_H
#define CARILLON_SIM_WIRE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/redis/redis.h"
#include "tests/sim/server.h"

/* What all connections share. */
struct wire_redis_world {
    struct server *server;
    char run_id[41];
    int64_t away_until_us; /* nobody connects before */
    int64_t slow_until_us; /* answers take longer until then */
    /* Told of each script that a worker ran, with its arguments behind the prefix and its answer, when it runs. */
    void (*on_script)(enum lua_script script, const char *const *args, const size_t *lens, size_t n,
                      const redisReply *reply, void *arg);
    void (*on_wakes)(void *arg);
    void *arg;
};

/* For a world: `shared` is borrowed until the next. */
void wire_redis_begin(struct wire_redis_world *shared);
/* Every connection is freed: what was still on its way is forgotten. */
void wire_redis_end(void);

/* Starts connecting. */
struct redis *wire_redis_create(struct loop *loop, redis_ready_fn on_ready, redis_down_fn on_down, void *arg);
/* Cuts it: of what is on its way to the server a drawn part arrives, and no answer comes. */
void wire_redis_cut(struct redis *r);

#endif
