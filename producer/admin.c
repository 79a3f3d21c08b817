/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/log.h"

#define ARGUMENTS_MOST 8
#define NAMES_LEN 256 /* of a body's members, in the log */

const char *admin_cell(struct exchange *x, const char *const *names, size_t n)
{
    const char *known[ARGUMENTS_MOST + 1] = {"cell"};
    for (size_t i = 0; i < n && i < ARGUMENTS_MOST; i++)
        known[i + 1] = names[i];
    if (!exchange_knows_query(x, known, n + 1))
        return NULL;
    const char *cell = http_request_query(exchange_request(x), "cell");
    if (!cell)
        return exchange_identity(x)->cell;
    if (ident_is_cell(cell, strlen(cell)) && api_serves_cell(exchange_api(x), cell))
        return cell;
    exchange_bad_argument(x, "cell", "must be a cell that this server serves");
    return NULL;
}

const char *admin_path_id(struct exchange *x, const char *code)
{
    const char *id = http_request_param(exchange_request(x), "id");
    if (id && ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
        return id;
    admin_answer_missing(x, code);
    return NULL;
}

bool admin_read_id(const cJSON *body, const char *member, struct faults *faults)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(body, member);
    if (!id)
        faults_add(faults, member, FAULT_REQUIRED, "is required");
    else if (!cJSON_IsString(id))
        faults_add(faults, member, FAULT_TYPE, "must be a string");
    else if (!ident_is_valid(id->valuestring, strlen(id->valuestring), LIMIT_ID_LEN))
        faults_add(faults, member, FAULT_CHARACTERS, "must have 1 to %d letters, digits, _ and -", LIMIT_ID_LEN);
    else
        return true;
    return false;
}

void admin_answer_missing(struct exchange *x, const char *code)
{
    exchange_error(x, 404, code, "There is none of that id.", NULL);
}

void admin_answer_exists(struct exchange *x, const char *code)
{
    exchange_error(x, 409, code, "There is one of that id already.", NULL);
}

static int add_names(struct buf *names, const cJSON *body)
{
    const cJSON *member;
    int err = 0;
    cJSON_ArrayForEach(member, body)
    {
        if (!err)
            err = buf_printf(names, "%s%s", buf_len(names) > 0 ? "," : "", member->string);
    }
    return err;
}

/* What each line tells, and the room that it is put together in. */
struct line {
    char key[EXCHANGE_KEY_ID_LEN + 1];
    const char *request;
    struct buf names;
};

static void line_make(const struct exchange *x, const cJSON *body, struct line *ret)
{
    exchange_key_id(x, ret->key);
    ret->request = exchange_request(x) ? http_request_id(exchange_request(x)) : "";
    buf_init(&ret->names, NAMES_LEN);
    (void)!add_names(&ret->names, body); /* what is too long is cut */
}

#define LINE(l, action, id, cell)                                                                                      \
    log_str("request", (l).request), log_str("key", (l).key), log_str("action", action), log_str("id", id),            \
        log_str("cell", cell), log_str("members", buf_str(&(l).names))

void admin_log_asked(const struct exchange *x, const char *action, const char *id, const char *cell, const cJSON *body)
{
    struct line line;
    line_make(x, body, &line);
    log_info("admin.asked", LINE(line, action, id, cell));
    buf_free(&line.names);
}

void admin_log(const struct exchange *x, const char *action, const char *id, const char *cell, const cJSON *body,
               int err)
{
    struct line line;
    line_make(x, body, &line);
    if (err)
        log_warn("admin.not_done", LINE(line, action, id, cell), log_err(err));
    else
        log_info("admin.done", LINE(line, action, id, cell));
    buf_free(&line.names);
}
