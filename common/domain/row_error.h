/* SPDX-License-Identifier: Apache-2.0
 *
 * What a batch did not take: a line of its list of errors (common/lua/lib/rows.lua), "<chunk> <row> <code> <field>
 * <value>".
 */
#ifndef CARILLON_DOMAIN_ROW_ERROR_H
#define CARILLON_DOMAIN_ROW_ERROR_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct row_text {
    const char *text; /* into the line */
    size_t len;
};

struct row_error {
    uint64_t chunk; /* 0: of the creation itself */
    uint64_t row; /* from 1 */
    struct row_text code;
    struct row_text field; /* empty: the whole row */
    struct row_text value; /* what stood there; empty where nothing did */
};

/* ERR_INVALID for what is no such line. */
int row_error_read(const char *line, size_t len, struct row_error *ret_error) MUST_CHECK;
/* {chunk, row, field, value, code, message}; `field` is null for the whole row, `value` where nothing stood there, or
 * no text. NULL where memory ran out. */
cJSON *row_error_json(const struct row_error *e);

#endif
