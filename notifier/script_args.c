/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/script_args.h"

#include <stdlib.h>

void script_args_clear(struct script_args *args)
{
    args->n = 0;
}

static void add(struct script_args *args, struct redis_arg arg)
{
    if (args->n == SCRIPT_ARGS_MAX)
        abort();
    args->items[args->n++] = arg;
}

void script_args_str(struct script_args *args, const char *text)
{
    add(args, redis_arg_str(text));
}

void script_args_mem(struct script_args *args, const void *data, size_t len)
{
    add(args, redis_arg_mem(data, len));
}

void script_args_i64(struct script_args *args, int64_t value)
{
    if (args->n == SCRIPT_ARGS_MAX)
        abort();
    add(args, redis_arg_i64(value, args->numbers[args->n]));
}
