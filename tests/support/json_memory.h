/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that runs out while JSON trees are built: cJSON gets a number of allocations, and none after them. Included by
 * one test program each.
 */
#ifndef CARILLON_TESTS_SUPPORT_JSON_MEMORY_H
#define CARILLON_TESTS_SUPPORT_JSON_MEMORY_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdlib.h>

/* More than any of the tests' trees needs: a loop that tries every number ends here at the latest. */
#define JSON_MEMORY_MAX 10000

static size_t json_memory_left;

static void *json_memory_take(size_t size)
{
    if (json_memory_left == 0)
        return NULL;
    json_memory_left--;
    return malloc(size);
}

/* From now on the first `n` allocations succeed. */
static void json_memory_limit(size_t n)
{
    cJSON_Hooks hooks = {.malloc_fn = json_memory_take, .free_fn = free};
    json_memory_left = n;
    cJSON_InitHooks(&hooks);
}

static void json_memory_restore(void)
{
    cJSON_InitHooks(NULL);
}

#endif
