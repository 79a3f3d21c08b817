/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of one script call, put together piece by piece. Texts are borrowed until the call is made; numbers are
 * kept here. One value is used again and again: redis_command() copies.
 */
#ifndef CARILLON_NOTIFIER_SCRIPT_ARGS_H
#define CARILLON_NOTIFIER_SCRIPT_ARGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/redis/redis.h"

#define SCRIPT_ARGS_MAX 1100 /* above the longest call: an expansion in which every event goes to two URLs */

struct script_args {
    size_t n;
    struct redis_arg items[SCRIPT_ARGS_MAX];
    char numbers[SCRIPT_ARGS_MAX][REDIS_I64_LEN];
};

void script_args_clear(struct script_args *args);
/* Adding more than SCRIPT_ARGS_MAX is a bug and aborts. */
void script_args_str(struct script_args *args, const char *text);
void script_args_mem(struct script_args *args, const void *data, size_t len);
void script_args_i64(struct script_args *args, int64_t value);

#endif
