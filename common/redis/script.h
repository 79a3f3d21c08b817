/* SPDX-License-Identifier: Apache-2.0
 *
 * The Lua scripts of common/lua, embedded at build time. They run by EVALSHA; where the server has forgotten one
 * (restart, failover, SCRIPT FLUSH) it is loaded and run once more, on the same connection and within the same
 * deadline; commands sent meanwhile may run before it.
 */
#ifndef CARILLON_REDIS_SCRIPT_H
#define CARILLON_REDIS_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/redis/redis.h"
#include "lua_scripts.h" /* generated: enum lua_script, struct lua_script_source, lua_scripts[] */

/* Told of each answer, an error's too: how long after it was asked for it came. */
typedef void (*script_time_fn)(enum lua_script script, int64_t took_us, void *arg);
void script_on_answer(struct redis *r, script_time_fn fn, void *arg);

/* Runs `script` with KEYS[1] = `prefix` (such as "carillon:{c0}:"; the scripts derive the rest, a written deviation:
 * docs/decisions) and ARGV = `args`. Deadline, copying, errors and callback as redis_command(); ERR_STATE on a
 * connection with skip_scripts. */
int script_run(struct redis *r, enum lua_script script, const char *prefix, const struct redis_arg *args, size_t n_args,
               int64_t deadline_ms, redis_reply_fn fn, void *arg) MUST_CHECK;

#endif
