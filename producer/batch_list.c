/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/batch_report.h"
#include "producer/exchange.h"
#include "producer/list_cursor.h"

/* Batches created in one millisecond come in the order of their ids; a page that begins among them skips those it had.
 */
#define TIES_MAX 64
/* Commands under way for one list: others want to be answered meanwhile. */
#define IN_FLIGHT 64

struct list;

struct entry {
    struct list *list;
    struct list_cursor at;
    cJSON *summary; /* NULL: gone meanwhile */
};

struct list {
    bool has_cursor;
    struct list_cursor cursor;
    uint64_t limit;
    bool has_more;
    size_t n;
    struct entry *entries;
    size_t next; /* the next entry to ask for */
    size_t in_flight;
};

static void list_free(void *state)
{
    struct list *l = state;
    for (size_t i = 0; i < l->n; i++)
        cJSON_Delete(l->entries[i].summary);
    free(l->entries);
    free(l);
}

/* ---- the answer ---- */

static void answer(struct exchange *x, struct list *l)
{
    char cursor[LIST_CURSOR_LEN + 1];
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < l->n; i++) {
        cJSON *summary = l->entries[i].summary;
        l->entries[i].summary = NULL;
        if (summary && !cJSON_AddItemToArray(array, summary)) {
            cJSON_Delete(summary);
            cJSON_Delete(array);
            array = NULL;
        }
    }
    if (l->has_more) {
        list_cursor_format(&l->entries[l->n - 1].at, cursor);
        exchange_answer_page(x, array, cursor);
    } else {
        exchange_answer(x, 200, array);
    }
}

/* ---- its entries ---- */

static void ask_more(struct exchange *x, struct list *l);

static int take_summary(struct entry *entry, const struct redisReply *reply)
{
    struct batch_report report;
    int err = batch_report_read(reply, entry->at.id, &report);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    entry->summary = batch_report_summary_json(&report);
    return entry->summary ? 0 : ERR_NOMEM;
}

static void on_batch(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct entry *entry = arg;
    entry->list->in_flight--;
    if (!err)
        err = take_summary(entry, reply);
    if (err)
        exchange_fail(x, err);
    else
        ask_more(x, entry->list);
}

static int ask_one(struct exchange *x, struct entry *entry)
{
    struct key key = key_batch(exchange_identity(x)->cell, entry->at.id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    return exchange_command(x, args, 2, on_batch, entry);
}

static void ask_more(struct exchange *x, struct list *l)
{
    while (l->next < l->n && l->in_flight < IN_FLIGHT) {
        int err = ask_one(x, &l->entries[l->next]);
        if (err) {
            exchange_fail(x, err);
            return;
        }
        l->next++;
        l->in_flight++;
    }
    if (l->next == l->n && l->in_flight == 0)
        answer(x, l);
}

/* ---- the index ---- */

/* An entry of the index: batch id and instant. */
static int read_place(const struct redisReply *id, const struct redisReply *ms, struct list_cursor *ret_place)
{
    const char *text;
    size_t len;
    int err = reply_str(id, &text, &len);
    if (!err)
        err = reply_i64(ms, &ret_place->place);
    if (!err && len > LIMIT_BATCH_ID_LEN)
        err = ERR_PROTOCOL;
    if (err)
        return err;
    memcpy(ret_place->id, text, len);
    ret_place->id[len] = '\0';
    return 0;
}

/* True for what the page before ended with, or had before that. */
static bool was_shown(const struct list *l, const struct list_cursor *place)
{
    return l->has_cursor && place->place == l->cursor.place && strcmp(place->id, l->cursor.id) >= 0;
}

static int take_index(struct list *l, const struct redisReply *reply)
{
    l->entries = calloc(l->limit, sizeof l->entries[0]);
    if (!l->entries)
        return ERR_NOMEM;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        struct list_cursor place;
        int err = read_place(reply_at(reply, i), reply_at(reply, i + 1), &place);
        if (err)
            return err;
        if (was_shown(l, &place))
            continue;
        if (l->n == l->limit) {
            l->has_more = true;
            break;
        }
        l->entries[l->n++] = (struct entry){.list = l, .at = place};
    }
    return 0;
}

static void on_index(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct list *l = arg;
    if (!err)
        err = take_index(l, reply);
    if (err)
        exchange_fail(x, err);
    else
        ask_more(x, l);
}

static void ask_index(struct exchange *x, struct list *l)
{
    struct key key = key_tenant_batches(exchange_identity(x)->cell, exchange_identity(x)->tenant);
    char from[REDIS_I64_LEN], count[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str("ZRANGE"),
        key_arg(&key),
        l->has_cursor ? redis_arg_i64(l->cursor.place, from) : redis_arg_str("+inf"),
        redis_arg_str("-inf"),
        redis_arg_str("BYSCORE"),
        redis_arg_str("REV"),
        redis_arg_str("LIMIT"),
        redis_arg_str("0"),
        redis_arg_i64((int64_t)l->limit + 1 + TIES_MAX, count),
        redis_arg_str("WITHSCORES"),
    };
    int err = exchange_command(x, args, sizeof args / sizeof args[0], on_index, l);
    if (err)
        exchange_fail(x, err);
}

/* ---- what is asked ---- */

static bool read_query(struct exchange *x, struct list *l)
{
    static const char *const known[] = {"limit", "cursor"};
    if (!exchange_knows_query(x, known, sizeof known / sizeof known[0]))
        return false;
    const char *limit = http_request_query(exchange_request(x), "limit");
    const char *cursor = http_request_query(exchange_request(x), "cursor");
    l->limit = LIMIT_LIST;
    if (limit && (parse_u64(limit, strlen(limit), LIMIT_LIST, &l->limit) != 0 || l->limit == 0)) {
        exchange_bad_argument(x, "limit", "must be an integer from 1 to 1000");
        return false;
    }
    l->has_cursor = cursor != NULL;
    if (cursor && list_cursor_parse(cursor, &l->cursor) != 0) {
        exchange_bad_argument(x, "cursor", "must be one that an answer gave");
        return false;
    }
    return true;
}

static void run(struct exchange *x)
{
    struct list *l = calloc(1, sizeof *l);
    if (!l) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, l, list_free);
    if (read_query(x, l))
        ask_index(x, l);
}

void batch_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
