/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a list goes on: an entry, by its place in the list and an id that belongs to it. Opaque to clients.
 */
#ifndef CARILLON_PRODUCER_LIST_CURSOR_H
#define CARILLON_PRODUCER_LIST_CURSOR_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

/* Two hexadecimal digits for each character of "<place>.<id>". */
#define LIST_CURSOR_LEN (2 * (20 + 1 + LIMIT_BATCH_ID_LEN))

struct list_cursor {
    int64_t place; /* in the order of the list: an instant (ms), an ordinal */
    char id[LIMIT_BATCH_ID_LEN + 1];
};

void list_cursor_format(const struct list_cursor *cursor, char ret_text[LIST_CURSOR_LEN + 1]);
/* ERR_INVALID for what list_cursor_format() did not write. */
int list_cursor_parse(const char *text, struct list_cursor *ret_cursor) MUST_CHECK;

#endif
