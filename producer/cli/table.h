/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists for people: an array of flat JSON objects as a table on stdout, one object as a column of names and values.
 */
#ifndef CARILLON_PRODUCER_CLI_TABLE_H
#define CARILLON_PRODUCER_CLI_TABLE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "common/base/err.h"

struct table_column {
    const char *name; /* of the member */
    const char *heading;
};

/* With a heading line; the columns as wide as what they hold. ERR_NOMEM. */
int table_print(const cJSON *rows, const struct table_column *columns, size_t n_columns) MUST_CHECK;
/* A line for each member of an object. */
int table_print_one(const cJSON *object) MUST_CHECK;

#endif
