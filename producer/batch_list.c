/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/batch_filter.h"
#include "producer/batch_report.h"
#include "producer/exchange.h"
#include "producer/list_query.h"
#include "producer/tag_report.h"

/* Batches created in one millisecond come in the order of their ids; a page that begins among them skips those it had.
 */
#define TIES_MAX 64
/* Commands under way for one list: others want to be answered meanwhile. */
#define IN_FLIGHT 64

struct list;

struct entry {
    struct list *list;
    struct list_cursor at;
    cJSON *summary; /* NULL: gone meanwhile, or not wanted */
};

struct list {
    struct tag_report *tags; /* NULL: the batches themselves are listed, not summed up */
    struct list_query query;
    struct batch_filter filter;
    size_t most; /* entries looked at: as many as are shown, or more where a filter looks inside them */
    bool has_more; /* behind them */
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
    tag_report_free(l->tags);
    free(l->entries);
    free(l);
}

/* ---- the answer ---- */

/* Moves the wanted ones into `array`, up to the limit. `ret_shown`: how many entries were gone through. */
static bool add_summaries(struct list *l, cJSON *array, size_t *ret_shown)
{
    size_t i = 0;
    for (uint64_t shown = 0; array && i < l->n && shown < l->query.limit; i++) {
        cJSON *summary = l->entries[i].summary;
        l->entries[i].summary = NULL;
        if (summary && !cJSON_AddItemToArray(array, summary)) {
            cJSON_Delete(summary);
            return false;
        }
        shown += summary != NULL;
    }
    *ret_shown = i;
    return array != NULL;
}

static void answer_list(struct exchange *x, struct list *l)
{
    char cursor[LIST_CURSOR_LEN + 1];
    size_t shown = 0;
    cJSON *array = cJSON_CreateArray();
    if (!add_summaries(l, array, &shown)) {
        cJSON_Delete(array);
        array = NULL;
    }
    if (shown > 0 && (l->has_more || shown < l->n)) {
        list_cursor_format(&l->entries[shown - 1].at, cursor);
        exchange_answer_page(x, array, cursor);
    } else {
        exchange_answer(x, 200, array);
    }
}

static void answer_tags(struct exchange *x, struct list *l)
{
    char cursor[LIST_CURSOR_LEN + 1] = "";
    cJSON *body = tag_report_json(l->tags);
    if (l->has_more)
        list_cursor_format(&l->entries[l->n - 1].at, cursor);
    if (!json_add_str(body, "nextCursor", l->has_more ? cursor : NULL)) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

/* ---- its entries ---- */

static void ask_more(struct exchange *x, struct list *l);

static int take_summary(struct entry *entry, const struct redisReply *reply)
{
    struct batch_report report;
    int err = batch_report_read(reply, entry->at.id, &report);
    if (err)
        return err == ERR_NOT_FOUND ? 0 : err;
    if (!batch_filter_wants(&entry->list->filter, &report))
        return 0;
    if (entry->list->tags)
        return tag_report_add(entry->list->tags, &report);
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
    if (l->next < l->n || l->in_flight > 0)
        return;
    if (l->tags)
        answer_tags(x, l);
    else
        answer_list(x, l);
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
    return l->query.has_cursor && place->place == l->query.cursor.place && strcmp(place->id, l->query.cursor.id) >= 0;
}

static int take_index(struct list *l, const struct redisReply *reply)
{
    l->entries = calloc(l->most, sizeof l->entries[0]);
    if (!l->entries)
        return ERR_NOMEM;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        struct list_cursor place;
        int err = read_place(reply_at(reply, i), reply_at(reply, i + 1), &place);
        if (err)
            return err;
        if (was_shown(l, &place))
            continue;
        if (l->n == l->most) {
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

/* All of the tenant's batches, or those with the tag. */
static struct key index_key(struct exchange *x, const struct list *l)
{
    const struct identity *who = exchange_identity(x);
    char hex[2 * 4 * LIMIT_TAG_LEN + 1];
    if (l->filter.of_dials)
        return key_tenant_dials(who->cell, who->tenant);
    if (!l->filter.tag)
        return key_tenant_batches(who->cell, who->tenant);
    encode_hex(l->filter.tag, strlen(l->filter.tag), hex);
    return key_tenant_tag(who->cell, who->tenant, hex);
}

static void ask_index(struct exchange *x, struct list *l)
{
    struct key key = index_key(x, l);
    int64_t last_ms = l->filter.created.to_ms - 1;
    if (l->query.has_cursor && l->query.cursor.place < last_ms)
        last_ms = l->query.cursor.place;
    char last[REDIS_I64_LEN], first[REDIS_I64_LEN], count[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str("ZRANGE"),
        key_arg(&key),
        redis_arg_i64(last_ms, last),
        redis_arg_i64(l->filter.created.from_ms, first),
        redis_arg_str("BYSCORE"),
        redis_arg_str("REV"),
        redis_arg_str("LIMIT"),
        redis_arg_str("0"),
        redis_arg_i64((int64_t)l->most + 1 + TIES_MAX, count),
        redis_arg_str("WITHSCORES"),
    };
    int err = exchange_command(x, args, sizeof args / sizeof args[0], on_index, l);
    if (err)
        exchange_fail(x, err);
}

/* ---- what is asked ---- */

static bool read_query(struct exchange *x, struct list *l, const char *const *known, size_t n)
{
    struct faults faults;
    if (!exchange_knows_query(x, known, n))
        return false;
    faults_init(&faults, LIMIT_FAULTS);
    list_query_read(exchange_request(x), &l->query, &faults);
    batch_filter_read(exchange_request(x), &l->filter, &faults);
    l->most = batch_filter_looks_inside(&l->filter) ? LIMIT_LIST : (size_t)l->query.limit;
    return exchange_take_faults(x, &faults);
}

static struct list *begin(struct exchange *x)
{
    struct list *l = calloc(1, sizeof *l);
    if (l)
        exchange_keep(x, l, list_free);
    else
        exchange_fail(x, ERR_NOMEM);
    return l;
}

static void run_list(struct exchange *x)
{
    static const char *const known[] = {"limit", "cursor", "tag", "status", "agentId", "from", "to", "kind"};
    struct list *l = begin(x);
    if (l && read_query(x, l, known, sizeof known / sizeof known[0]))
        ask_index(x, l);
}

static void run_tags(struct exchange *x)
{
    static const char *const known[] = {"limit", "cursor", "from", "to"};
    struct list *l = begin(x);
    if (!l || !read_query(x, l, known, sizeof known / sizeof known[0]))
        return;
    if (tag_report_create(&l->tags) == 0)
        ask_index(x, l);
    else
        exchange_fail(x, ERR_NOMEM);
}

void batch_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_list);
}

void batch_list_tags(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_tags);
}
