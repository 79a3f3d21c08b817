/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/exchange_private.h"

#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"

/* Arguments of a query that are looked at: no route has near as many. */
#define QUERY_ARGS_MAX 64

bool exchange_batch_id(struct exchange *x, char ret_id[LIMIT_BATCH_ID_LEN + 1])
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    const char *id = http_request_param(x->req, "id");
    if (!id)
        id = http_request_query(x->req, "batchId");
    if (!id || !id[0]) {
        exchange_bad_argument(x, "batchId", "is required");
        return false;
    }
    size_t len = strlen(id);
    if (len > LIMIT_BATCH_ID_LEN || ident_batch_cell(id, len, cell) != 0 || strcmp(cell, x->who.cell) != 0) {
        exchange_not_found(x);
        return false;
    }
    memcpy(ret_id, id, len + 1);
    memcpy(x->batch_id, id, len + 1);
    return true;
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool stood_before(const struct http_request *req, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(http_request_query_name(req, i), http_request_query_name(req, index)) == 0)
            return true;
    }
    return false;
}

bool exchange_knows_query(struct exchange *x, const char *const *names, size_t n)
{
    static const char user_id[] = "userId";
    const char *name;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    for (size_t i = 0; (name = http_request_query_name(x->req, i)) != NULL && i <= QUERY_ARGS_MAX; i++) {
        if (i == QUERY_ARGS_MAX)
            faults_add(&faults, "query", FAULT_TOO_MANY, "holds more than %d arguments", QUERY_ARGS_MAX);
        else if (stood_before(x->req, i))
            faults_add(&faults, name, FAULT_DUPLICATE, "was given twice in the query");
        else if (strcmp(name, user_id) != 0 && !is_among(name, names, n))
            faults_add(&faults, name, FAULT_UNKNOWN_FIELD, "is not an argument of this route");
    }
    return exchange_take_faults(x, &faults);
}

bool exchange_flag(struct exchange *x, const char *name, bool *ret_flag)
{
    const char *text = http_request_query(x->req, name);
    *ret_flag = text && strcmp(text, "true") == 0;
    if (!text || *ret_flag || strcmp(text, "false") == 0)
        return true;
    exchange_bad_argument(x, name, "must be true or false");
    return false;
}

bool exchange_is_user(const struct exchange *x, const char *user_id)
{
    if (!x->who.tenant[0])
        return false;
    return strcmp(user_id, x->who.tenant) == 0 || (x->who.alias[0] && strcmp(user_id, x->who.alias) == 0);
}
