/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/ident.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/parse.h"

#define BATCH_PREFIX "batch_"
#define BATCH_PREFIX_LEN (sizeof BATCH_PREFIX - 1)
#define RANDOM_AT_ONCE 32 /* bytes: one call of the system for an id */
#define BATCH_RANDOM_LEN 20 /* 36^20: a guess has one chance in 10^31 */

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool ident_is_valid(const char *text, size_t len, size_t max)
{
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(text[i]) && text[i] != '_' && text[i] != '-')
            return false;
    }
    return true;
}

bool ident_is_cell(const char *text, size_t len)
{
    if (len == 0 || len > LIMIT_CELL_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_alnum(text[i]))
            return false;
    }
    return true;
}

int ident_make_random(const char *prefix, size_t n, char *ret, size_t cap)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned n_letters = sizeof alphabet - 1;
    const unsigned n_fair = 256 / n_letters * n_letters; /* the bytes above would make the first letters likelier */
    size_t prefix_len = strlen(prefix);
    if (prefix_len >= cap || n >= cap - prefix_len)
        return ERR_TOO_LARGE;
    memcpy(ret, prefix, prefix_len + 1);
    char *end = ret + prefix_len + n;
    for (char *to = ret + prefix_len; to < end;) {
        uint8_t drawn[RANDOM_AT_ONCE];
        int rc = random_bytes(drawn, sizeof drawn);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < sizeof drawn && to < end; i++) {
            if (drawn[i] < n_fair)
                *to++ = alphabet[drawn[i] % n_letters];
        }
    }
    *end = '\0';
    return 0;
}

int ident_make_batch(const char *cell, char ret_id[LIMIT_BATCH_ID_LEN + 1])
{
    char prefix[BATCH_PREFIX_LEN + LIMIT_CELL_ID_LEN + 2];
    if (!ident_is_cell(cell, strlen(cell)))
        return ERR_INVALID;
    snprintf(prefix, sizeof prefix, BATCH_PREFIX "%s_", cell);
    return ident_make_random(prefix, BATCH_RANDOM_LEN, ret_id, LIMIT_BATCH_ID_LEN + 1);
}

int ident_batch_cell(const char *batch_id, size_t len, char ret_cell[LIMIT_CELL_ID_LEN + 1])
{
    if (len > LIMIT_BATCH_ID_LEN || len <= BATCH_PREFIX_LEN || memcmp(batch_id, BATCH_PREFIX, BATCH_PREFIX_LEN) != 0)
        return ERR_INVALID;
    const char *cell = batch_id + BATCH_PREFIX_LEN;
    size_t rest_len = len - BATCH_PREFIX_LEN;
    const char *end = memchr(cell, '_', rest_len);
    if (!end || !ident_is_cell(cell, (size_t)(end - cell)))
        return ERR_INVALID;
    size_t cell_len = (size_t)(end - cell);
    if (cell_len + 1 == rest_len)
        return ERR_INVALID;
    for (size_t i = cell_len + 1; i < rest_len; i++) {
        if (!is_alnum(cell[i]))
            return ERR_INVALID;
    }
    memcpy(ret_cell, cell, cell_len);
    ret_cell[cell_len] = '\0';
    return 0;
}

int ident_make_call(const char *batch_id, uint64_t ordinal, char ret_id[LIMIT_CALL_ID_LEN + 1])
{
    char cell[LIMIT_CELL_ID_LEN + 1], id[LIMIT_CALL_ID_LEN + 1];
    int err = ident_batch_cell(batch_id, strlen(batch_id), cell);
    if (err)
        return err;
    int n = snprintf(id, sizeof id, "%s-%" PRIu64, batch_id, ordinal);
    if (n < 0 || (size_t)n >= sizeof id)
        return ERR_RANGE;
    memcpy(ret_id, id, (size_t)n + 1);
    return 0;
}

int ident_split_call(const char *call_id, size_t len, char ret_batch[LIMIT_BATCH_ID_LEN + 1], uint64_t *ret_ordinal)
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    uint64_t ordinal;
    const char *dash = len <= LIMIT_CALL_ID_LEN ? memchr(call_id, '-', len) : NULL;
    if (!dash)
        return ERR_INVALID;
    size_t batch_len = (size_t)(dash - call_id);
    size_t digits = len - batch_len - 1;
    bool has_leading_zero = digits > 1 && dash[1] == '0'; /* one call has one id */
    if (has_leading_zero || parse_u64(dash + 1, digits, UINT64_MAX, &ordinal) ||
        ident_batch_cell(call_id, batch_len, cell))
        return ERR_INVALID;
    memcpy(ret_batch, call_id, batch_len);
    ret_batch[batch_len] = '\0';
    *ret_ordinal = ordinal;
    return 0;
}

int ident_parse_cells(const char *text, char ret_cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1], size_t *ret_n,
                      const char **ret_why)
{
    size_t n = 0;
    for (const char *at = text;;) {
        size_t len = strcspn(at, ",");
        if (!ident_is_cell(at, len)) {
            *ret_why = "a cell is 1 to 8 characters of a-z and 0-9; cells are separated by commas";
            return ERR_INVALID;
        }
        if (n == LIMIT_CELLS) {
            *ret_why = "a process serves at most 16 cells";
            return ERR_TOO_LARGE;
        }
        for (size_t i = 0; i < n; i++) {
            if (strlen(ret_cells[i]) == len && memcmp(ret_cells[i], at, len) == 0) {
                *ret_why = "a cell is named twice";
                return ERR_EXISTS;
            }
        }
        memcpy(ret_cells[n], at, len);
        ret_cells[n++][len] = '\0';
        if (at[len] == '\0')
            break;
        at += len + 1;
    }
    *ret_n = n;
    return 0;
}
_Static_assert(LIMIT_CELLS == 16, "the fault of too many cells names the limit");
