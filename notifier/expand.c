/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/redis/reply.h"
#include "notifier/cell.h"
#include "notifier/hook_entry.h"
#include "notifier/notifier.h"
#include "notifier/render.h"

/* The places in hook_read's and hook_expand's replies. */
enum { READ_MORE, READ_MADE, READ_ITEMS, READ_TORN };
enum { EXPAND_NOW, EXPAND_DUE, EXPAND_DROPPED, EXPAND_CODES };
enum { CODE_TORN = -2, CODE_NO_ENDPOINT = -1, CODE_KNOWN = 0, CODE_QUEUED = 1, CODE_SKIPPED = 2 };

/* What the arguments of one delivery borrow. */
struct item {
    char id[EVENT_DELIVERY_ID_LEN + 1];
    char endpoint[ENDPOINT_ID_LEN + 1];
};

/* The call that is being put together. */
struct expansion {
    size_t n; /* events */
    char *bodies[LIMIT_EVENTS_READ]; /* NULL: skipped */
    size_t n_items;
    struct item items[HOOK_TARGETS * LIMIT_EVENTS_READ];
};

static void end_reading(struct cell *cell)
{
    cell->is_reading = false;
    cell_work(cell);
}

/* ---- queueing ---- */

static void tell_torn(struct cell *cell)
{
    metric_add(cell->notifier->stats.faults[STATS_FAULT_SCRIPT], 1);
    log_error("hooks.torn", log_str("cell", cell->name), log_str("script", "hook_expand"));
}

static void count_codes(struct cell *cell, const struct redisReply *reply)
{
    struct stats *stats = &cell->notifier->stats;
    for (size_t i = EXPAND_CODES; i < reply_len(reply); i++) {
        int64_t code;
        if (reply_i64(reply_at(reply, i), &code) < 0)
            continue;
        if (code == CODE_TORN)
            tell_torn(cell);
        else if (code == CODE_QUEUED)
            metric_add(stats->events[STATS_EVENT_QUEUED], 1);
        else if (code == CODE_KNOWN)
            metric_add(stats->events[STATS_EVENT_KNOWN], 1);
        else if (code == CODE_SKIPPED)
            metric_add(stats->events[STATS_EVENT_SKIPPED], 1);
        else
            metric_add(stats->events[STATS_EVENT_NO_ENDPOINT], 1);
    }
}

/* The entries stay pending and are taken up again when they have been idle for a while. Where the script itself failed,
 * one of them may be at fault: fewer at a time leave it alone in the end, and let the others through. */
static void put_off(struct cell *cell, int err)
{
    cell->is_held = true;
    if (!err_is_retryable(err))
        cell->read_most = 1;
}

static void on_expand(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t now_ms, due_ms, dropped;
    if (!cell_check_reply(cell, "hook_expand", reply, err, &err)) {
        put_off(cell, err);
    } else if (reply_i64(reply_at(reply, EXPAND_NOW), &now_ms) == 0 &&
               reply_i64(reply_at(reply, EXPAND_DUE), &due_ms) == 0 &&
               reply_i64(reply_at(reply, EXPAND_DROPPED), &dropped) == 0) {
        count_codes(cell, reply);
        metric_add(cell->notifier->stats.dropped, (double)dropped);
        cell_sooner(cell, now_ms, due_ms);
        cell->read_most = 2 * cell->read_most < LIMIT_EVENTS_READ ? 2 * cell->read_most : LIMIT_EVENTS_READ;
    }
    end_reading(cell);
}

/* ---- rendering ---- */

static void add_text(struct script_args *args, struct render_text text)
{
    script_args_mem(args, text.data ? text.data : "", text.len);
}

static void add_head(struct script_args *args, const struct hook_entry *entry, const char *verdict)
{
    add_text(args, entry->shard);
    add_text(args, entry->stream_id);
    script_args_str(args, verdict);
}

/* An event that can never become a delivery is acknowledged: it would only be read again and again. */
static void add_skip(struct cell *cell, struct expansion *x, const struct hook_entry *entry, const char *why)
{
    struct script_args *args = &cell->notifier->args;
    log_error("webhook.event_skipped", log_str("cell", cell->name), log_str("why", why),
              log_strn("event_id", entry->event_id.data ? entry->event_id.data : "", entry->event_id.len),
              log_strn("entry", entry->stream_id.data, entry->stream_id.len));
    add_head(args, entry, "skip");
    add_text(args, entry->again.data ? entry->again : entry->event_id);
    for (int i = 0; i < 4; i++)
        script_args_str(args, "");
    x->n++;
}

/* The first of an event's deliveries bears its id, another the mark behind it. */
static void name_delivery(struct item *item, const struct hook_entry *entry, size_t i)
{
    (void)snprintf(item->id, sizeof item->id, "%.*s%s", (int)entry->event_id.len, entry->event_id.data,
                   i == 0 ? "" : EVENT_DELIVERY_MARK);
}

/* Which of an event's URLs the delivery that is made again goes to: the one at the endpoint where it went; where its
 * batch has none there any more, the one that a delivery of its name goes to now, or the only one. `n_targets`: none.
 */
static size_t place_of_again(const struct hook_entry *entry)
{
    size_t best = entry->n_targets;
    int best_fit = entry->n_targets == 1 ? -1 : 0;
    for (size_t i = 0; i < entry->n_targets; i++) {
        struct item named;
        name_delivery(&named, entry, i);
        bool is_there =
            entry->again_endpoint.data && strcmp(entry->targets[i].endpoint_id, entry->again_endpoint.data) == 0;
        int fit = 2 * is_there + (strcmp(named.id, entry->again.data) == 0);
        if (fit > best_fit) {
            best = i;
            best_fit = fit;
        }
    }
    return best;
}

static void add_delivery(struct script_args *args, struct expansion *x, const struct hook_entry *entry, size_t i,
                         size_t body_len)
{
    const struct hook_target *target = &entry->targets[i];
    struct item *item = &x->items[x->n_items++];
    if (entry->again.data)
        g_strlcpy(item->id, entry->again.data, sizeof item->id);
    else
        name_delivery(item, entry, i);
    g_strlcpy(item->endpoint, target->endpoint_id, sizeof item->endpoint);
    add_head(args, entry, entry->again.data ? "again" : "deliver");
    script_args_str(args, item->id);
    script_args_str(args, item->endpoint);
    script_args_str(args, event_type_name(entry->event.ref.type));
    add_text(args, target->url);
    script_args_mem(args, x->bodies[x->n], body_len);
}

static int add_event(struct cell *cell, struct expansion *x, const struct hook_entry *entry)
{
    struct buf body;
    size_t body_len;
    buf_init(&body, RENDER_BUF_BYTES);
    int err = render_body(&entry->event, &body);
    if (!err && !(x->bodies[x->n] = buf_take(&body, &body_len)))
        err = ERR_NOMEM;
    buf_free(&body);
    if (err)
        return err;
    for (size_t i = 0; i < entry->n_targets; i++) {
        if (!entry->again.data || i == place_of_again(entry))
            add_delivery(&cell->notifier->args, x, entry, i, body_len);
    }
    x->n++;
    return 0;
}

static void add_item(struct cell *cell, struct expansion *x, const struct redisReply *item)
{
    struct notifier *n = cell->notifier;
    struct hook_entry entry;
    const char *why = "its body cannot be rendered";
    int err = hook_entry_read(item, &n->contact, &entry, &why);
    if (!err && entry.again.data && place_of_again(&entry) == entry.n_targets) {
        err = ERR_INVALID;
        why = "its batch has no such URL any more";
    }
    if (!err) {
        err = add_event(cell, x, &entry);
        if (err && err != ERR_NOMEM)
            metric_add(n->stats.faults[STATS_FAULT_RENDER], 1);
    }
    if (err == ERR_INVALID || err == ERR_TOO_LARGE) {
        add_skip(cell, x, &entry, why);
    } else if (err) { /* it stays pending */
        metric_add(n->stats.faults[STATS_FAULT_LOCAL], 1);
        log_error("webhook.event_put_off", log_str("cell", cell->name), log_err(err));
    }
}

static int queue_items(struct cell *cell, const struct redisReply *items)
{
    struct notifier *n = cell->notifier;
    struct expansion x = {.n = 0, .n_items = 0};
    _Static_assert(6 + LIMIT_EVENTS_READ * HOOK_TARGETS * 8 <= SCRIPT_ARGS_MAX, "the longest expansion");
    script_args_clear(&n->args);
    script_args_i64(&n->args, LIMIT_DELIVERED_KEEP_MS);
    script_args_i64(&n->args, LIMIT_DEAD_KEEP_MS);
    script_args_i64(&n->args, LIMIT_ENDPOINT_LOG);
    script_args_i64(&n->args, LIMIT_ENDPOINT_DEAD);
    script_args_i64(&n->args, LIMIT_ENDPOINT_PENDING);
    script_args_i64(&n->args, LIMIT_ENDPOINT_BYTES);
    for (size_t i = 0; i < reply_len(items) && x.n < LIMIT_EVENTS_READ; i++)
        add_item(cell, &x, reply_at(items, i));
    int err = ERR_NOT_FOUND;
    if (x.n > 0)
        err = script_run(n->redis, LUA_HOOK_EXPAND, cell->prefix.text, n->args.items, n->args.n,
                         NOTIFIER_SCRIPT_DEADLINE_MS, on_expand, cell);
    for (size_t i = 0; i < x.n; i++)
        free(x.bodies[i]);
    return err;
}

/* ---- reading ---- */

static void on_read(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t is_more = 0, made = 0;
    if (!cell_check_reply(cell, "hook_read", reply, err, NULL) || reply_i64(reply_at(reply, READ_MORE), &is_more) < 0 ||
        reply_i64(reply_at(reply, READ_MADE), &made) < 0) {
        cell->is_held = true;
        end_reading(cell);
        return;
    }
    if (is_more)
        cell->wants_read = true;
    metric_add(cell->notifier->stats.groups_made, (double)made);
    cell_tell_torn(cell, "entry", reply_at(reply, READ_TORN));
    err = queue_items(cell, reply_at(reply, READ_ITEMS));
    if (!err)
        return; /* goes on in on_expand() */
    if (err != ERR_NOT_FOUND)
        put_off(cell, err);
    end_reading(cell);
}

void expand_start(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    if (cell->is_reading || cell->n_shards == 0)
        return;
    script_args_clear(&n->args);
    script_args_str(&n->args, n->id);
    script_args_i64(&n->args, (int64_t)cell->read_most);
    script_args_i64(&n->args, cell->reclaim_idle_ms);
    for (size_t i = 0; i < cell->n_shards; i++)
        script_args_i64(&n->args, cell->shards[(cell->turn + i) % cell->n_shards]);
    if (script_run(n->redis, LUA_HOOK_READ, cell->prefix.text, n->args.items, n->args.n, NOTIFIER_SCRIPT_DEADLINE_MS,
                   on_read, cell) < 0)
        return;
    cell->turn++;
    cell->is_reading = true;
    cell->wants_read = false;
    cell->reclaim_idle_ms = -1;
}
