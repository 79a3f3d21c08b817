/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_lookup.h"

#include <string.h>

#include "common/base/ident.h"
#include "producer/answer.h"

void call_lookup_refuse(struct exchange *x)
{
    exchange_error(x, 404, CODE_CALL_NOT_FOUND, "There is no such call.", NULL);
}

bool call_lookup_read(struct exchange *x, const char *id, char ret_batch[LIMIT_BATCH_ID_LEN + 1], uint64_t *ret_ordinal)
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    bool is_ours = ident_split_call(id, strlen(id), ret_batch, ret_ordinal) == 0 &&
                   *ret_ordinal < (uint64_t)LIMIT_COUNT && ident_batch_cell(ret_batch, strlen(ret_batch), cell) == 0 &&
                   strcmp(cell, exchange_identity(x)->cell) == 0;
    if (!is_ours)
        call_lookup_refuse(x);
    return is_ours;
}
