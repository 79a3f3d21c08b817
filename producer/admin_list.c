/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/admin.h"
#include "producer/list_query.h"
#include "producer/tenant_settings.h"
#include "producer/trunk_settings.h"

const struct admin_view admin_view_tenants = {
    .kind = &resource_tenant, .member = "tenants", .fields = tenant_fields, .n_fields = TENANT_FIELDS};
const struct admin_view admin_view_trunks = {
    .kind = &resource_trunk, .member = "trunks", .fields = trunk_fields, .n_fields = TRUNK_FIELDS};

/* ---- one ---- */

/* ERR_NOT_FOUND where there is none. */
static int read_one(const struct admin_view *view, const char *cell, const char *id, int64_t in_flight,
                    const struct redisReply *reply, cJSON **ret_object)
{
    cJSON *object = cJSON_CreateObject();
    bool is_named = json_add_str(object, "id", id) && json_add_str(object, "cell", cell);
    int err = is_named ? resource_view_add(reply, view->fields, view->n_fields, object) : ERR_NOMEM;
    if (!err && !json_add_i64(object, "inFlight", in_flight))
        err = ERR_NOMEM;
    if (err)
        cJSON_Delete(object);
    else
        *ret_object = object;
    return err;
}

static void on_in_flight(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    int64_t *in_flight = arg;
    if (!err)
        err = reply_i64(reply, in_flight);
    if (err)
        exchange_fail(x, err);
}

/* How many calls hold its concurrency, and then its hash, which `fn` is given: replies come in order. */
static int ask_one(struct exchange *x, const struct admin_view *view, const char *cell, const char *id,
                   int64_t *in_flight, exchange_reply_fn fn, void *arg)
{
    char now[REDIS_I64_LEN];
    struct key flying = key_flying(cell, view->kind->letter[0], id), key = view->kind->key(cell, id);
    const struct redis_arg count_args[] = {redis_arg_str("ZCOUNT"), key_arg(&flying),
                                           redis_arg_i64(clock_wall_ms(), now), redis_arg_str("+inf")};
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int err = exchange_command(x, count_args, 4, on_in_flight, in_flight);
    return err ? err : exchange_command(x, args, 2, fn, arg);
}

static void on_one(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct admin_one *one = arg;
    cJSON *object = NULL;
    if (!err)
        err = read_one(one->view, one->cell, one->id, one->in_flight, reply, &object);
    if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, one->view->kind->missing_code);
    else if (err)
        exchange_fail(x, err);
    else
        exchange_answer(x, one->status, object);
}

void admin_show(struct exchange *x, struct admin_one *one)
{
    int err = ask_one(x, one->view, one->cell, one->id, &one->in_flight, on_one, one);
    if (err)
        exchange_fail(x, err);
}

void admin_run_show(struct exchange *x, const struct admin_view *view)
{
    const char *cell = admin_cell(x, NULL, 0);
    const char *id = cell ? admin_path_id(x, view->kind->missing_code) : NULL;
    struct admin_one *one = id ? malloc(sizeof *one) : NULL;
    if (one) {
        *one = (struct admin_one){.view = view, .cell = cell, .id = id, .status = 200};
        exchange_keep(x, one, free);
        admin_show(x, one);
    } else if (id) {
        exchange_fail(x, ERR_NOMEM);
    }
}

/* ---- all of a cell ---- */

struct page {
    const struct admin_view *view;
    const char *cell;
    uint64_t limit;
    char after[LIMIT_ID_LEN + 1]; /* the last one shown before; "" at the beginning */
    char (*ids)[LIMIT_ID_LEN + 1]; /* sorted */
    size_t n;
    size_t next; /* the next to ask for */
    int64_t in_flight; /* of that one */
    cJSON *list;
};

static void page_free(void *state)
{
    struct page *page = state;
    cJSON_Delete(page->list);
    free(page->ids);
    free(page);
}

static void answer_page(struct exchange *x, struct page *page)
{
    char cursor[2 * LIMIT_ID_LEN + 1] = "";
    bool has_more = page->next < page->n;
    if (has_more)
        encode_hex(page->ids[page->next - 1], strlen(page->ids[page->next - 1]), cursor);
    cJSON *body = cJSON_CreateObject();
    if (cJSON_AddItemToObject(body, page->view->member, page->list)) {
        page->list = NULL; /* now the body's */
        if (json_add_str(body, "nextCursor", has_more ? cursor : NULL)) {
            exchange_answer(x, 200, body);
            return;
        }
    }
    cJSON_Delete(body);
    exchange_fail(x, ERR_NOMEM);
}

static void ask_next(struct exchange *x, struct page *page);

static void on_next(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct page *page = arg;
    cJSON *object = NULL;
    if (!err)
        err = read_one(page->view, page->cell, page->ids[page->next], page->in_flight, reply, &object);
    if (!err && !cJSON_AddItemToArray(page->list, object)) {
        cJSON_Delete(object);
        err = ERR_NOMEM;
    }
    page->next++;
    if (err && err != ERR_NOT_FOUND) /* that one is being made */
        exchange_fail(x, err);
    else
        ask_next(x, page);
}

/* One after the other: a page is for people, and others want to be answered meanwhile. */
static void ask_next(struct exchange *x, struct page *page)
{
    if (page->next == page->n || (uint64_t)cJSON_GetArraySize(page->list) == page->limit) {
        answer_page(x, page);
        return;
    }
    int err = ask_one(x, page->view, page->cell, page->ids[page->next], &page->in_flight, on_next, page);
    if (err)
        exchange_fail(x, err);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int take_ids(struct page *page, const struct redisReply *reply)
{
    size_t n = reply_len(reply);
    page->ids = calloc(n > 0 ? n : 1, sizeof *page->ids);
    page->list = cJSON_CreateArray();
    if (!page->ids || !page->list)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        if (reply_str(reply_at(reply, i), &text, &len) != 0 || !ident_is_valid(text, len, LIMIT_ID_LEN))
            return ERR_PROTOCOL;
        if (strcmp(text, page->after) > 0)
            memcpy(page->ids[page->n++], text, len + 1);
    }
    qsort(page->ids, page->n, sizeof *page->ids, compare_ids);
    return 0;
}

static void on_ids(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct page *page = arg;
    if (!err)
        err = take_ids(page, reply);
    if (err)
        exchange_fail(x, err);
    else
        ask_next(x, page);
}

/* Answers 400 and gives false where it finds a fault. */
static bool read_query(struct exchange *x, struct page *page)
{
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    list_limit_read(exchange_request(x), LIMIT_LIST, &page->limit, &faults);
    size_t len = list_place_read(exchange_request(x), LIMIT_ID_LEN, page->after, &faults);
    if (len > 0 && !ident_is_valid(page->after, len, LIMIT_ID_LEN))
        list_cursor_refuse(&faults);
    return exchange_take_faults(x, &faults);
}

void admin_run_list(struct exchange *x, const struct admin_view *view)
{
    static const char *const names[] = {"limit", "cursor"};
    const char *cell = admin_cell(x, names, 2);
    if (!cell)
        return;
    struct page *page = calloc(1, sizeof *page);
    if (!page) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    page->view = view;
    page->cell = cell;
    exchange_keep(x, page, page_free);
    if (!read_query(x, page))
        return;
    struct key key = view->kind->index(cell);
    const struct redis_arg args[] = {redis_arg_str("SMEMBERS"), key_arg(&key)};
    int err = exchange_command(x, args, 2, on_ids, page);
    if (err)
        exchange_fail(x, err);
}
