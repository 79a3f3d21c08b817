/* SPDX-License-Identifier: Apache-2.0
 *
 * The real Redis of the simulation: a redis-server of our own, whose wall time (tests/support/clock_decree.c) is
 * decreed to the world's before each command. One command at a time, answered at once: how long a command is on its way
 * is wire_redis.c's.
 */
#ifndef CARILLON_SIM_SERVER_H
#define CARILLON_SIM_SERVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/redis/redis.h"
#include "lua_scripts.h"

struct server;

/* Starts redis-server in a directory of its own. `decree_library`: clock_decree.so. NULL where it cannot be had, which
 * stderr tells. */
struct server *server_start(const char *decree_library);
void server_stop(struct server *s);

/* Another text for a script: to see that the simulation notices. 0, or ERR_NOT_FOUND. */
int server_change_script(struct server *s, const char *name, const char *text) MUST_CHECK;

/* Empties it, for the next world. */
void server_clear(struct server *s);
/* Runs a formatted command; the caller frees the reply. Never NULL: a server that is gone ends the program. */
redisReply *server_run(struct server *s, const char *command, size_t len);
/* Formats and runs. */
redisReply *server_command(struct server *s, const char *const *args, size_t n);
redisReply *server_script(struct server *s, enum lua_script script, const char *const *args, const size_t *lens,
                          size_t n);
/* The names that EVALSHA knows the scripts by; loads them where they were flushed. */
const char *server_sha(struct server *s, enum lua_script script);
enum lua_script server_script_of_sha(const struct server *s, const char *sha);
void server_flush_scripts(struct server *s);

/* How many times the workers were called to wake since the last question. */
size_t server_take_wakes(struct server *s);

/* Remembers what it holds, and comes back with that: what was written between is lost, as with a Redis that dies. */
void server_save(struct server *s);
void server_lose_tail(struct server *s);

#endif
