/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers that become part of Redis keys (data-model.md): [A-Za-z0-9_-]{1,64}, with no dot and no slash, because
 * members are joined with those. A batch id names its cell: "batch_<cell>_<random>"; a call id is "<batch>-<ordinal>".
 */
#ifndef CARILLON_BASE_IDENT_H
#define CARILLON_BASE_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

/* True for [A-Za-z0-9_-]{1,max}. */
bool ident_is_valid(const char *text, size_t len, size_t max);
/* True for [a-z0-9]{1,8}. */
bool ident_is_cell(const char *text, size_t len);

/* Reads "c0,c1" into `ret_cells`. ERR_INVALID, ERR_TOO_LARGE for more than LIMIT_CELLS, ERR_EXISTS where one is named
 * twice; `ret_why`, a static text, is written on failure only. */
int ident_parse_cells(const char *text, char ret_cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1], size_t *ret_n,
                      const char **ret_why) MUST_CHECK;

/* Makes "batch_<cell>_<20 random characters>". */
int ident_make_batch(const char *cell, char ret_id[LIMIT_BATCH_ID_LEN + 1]) MUST_CHECK;
/* Reads the cell out of a batch id: "batch_", a cell, "_" and letters or digits. ERR_INVALID for anything else. */
int ident_batch_cell(const char *batch_id, size_t len, char ret_cell[LIMIT_CELL_ID_LEN + 1]) MUST_CHECK;

/* Joins and splits a call id. `ret_ordinal` is the contact's place in its batch, from 0, written without leading
 * zeros. ERR_INVALID where it holds no batch id; ERR_RANGE for an ordinal that makes it too long. */
int ident_make_call(const char *batch_id, uint64_t ordinal, char ret_id[LIMIT_CALL_ID_LEN + 1]) MUST_CHECK;
int ident_split_call(const char *call_id, size_t len, char ret_batch[LIMIT_BATCH_ID_LEN + 1],
                     uint64_t *ret_ordinal) MUST_CHECK;

/* `prefix` followed by `n` random characters of [a-z0-9]: worker ids, request ids. `ret` holds cap bytes;
 * ERR_TOO_LARGE where they are too few; ERR_IO as random_bytes(). */
int ident_make_random(const char *prefix, size_t n, char *ret, size_t cap) MUST_CHECK;

#endif
