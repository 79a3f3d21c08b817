/* SPDX-License-Identifier: Apache-2.0
 *
 * The families of keys that Carillon keeps in Redis, as `carillon inspect key` decodes them: the same as the rows of
 * docs/redis-keys.md, which a test holds against this table.
 */
#ifndef CARILLON_PRODUCER_CLI_KEY_FAMILY_H
#define CARILLON_PRODUCER_CLI_KEY_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

/* How a hash's values read that are not shown by their pattern. */
#define KEY_VALUE_CONTACT "@contact"
#define KEY_VALUE_STATE "@state"
#define KEY_VALUE_ATTEMPTS "@attempts"

struct key_family {
    bool is_directory; /* of "carillon:{dir}:", not of a cell */
    const char *pattern; /* behind the prefix: "batch:<batch>:retry:<lane>" */
    const char *type; /* as Redis calls it */
    const char
        *member; /* pattern of a member, an element, a hash's field; NULL: fields or texts with names of their own */
    const char *value; /* pattern or KEY_VALUE_* of a hash's values; "ms" or "score" of a sorted set; NULL: by name */
};

/* A key's place: its cell ("dir" for the directory), and what stands behind the prefix. */
struct key_place {
    char cell[16];
    const char *rest; /* borrowed from the key */
};

/* "carillon:{c0}:live". False for what is no key of Carillon's. */
bool key_place_of(const char *key, struct key_place *ret_place);
/* The key's family, or NULL where it is of none. */
const struct key_family *key_family_of(const struct key_place *place);

#endif
