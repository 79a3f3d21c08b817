/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/outbox.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/redis/reply.h"

#define SCRIPT_DEADLINE_MS 5000
#define RETRY_US 100000 /* Redis answered that it cannot now: out of memory, loading, busy */
#define DENIED_US 1000000 /* our user lacks a right, until an operator gives it */

/* The arguments lie behind the struct, each NUL-terminated. */
struct item {
    struct item *next;
    uint64_t number; /* in the order of adding */
    outbox_fn fn;
    void *arg;
    struct redis_arg args[];
};

struct queue {
    struct item *first;
    struct item **last;
    size_t len;
};

/* One script call under way: the items it carries. */
struct group {
    struct outbox *outbox;
    struct queue items;
    size_t work;
};

struct outbox {
    struct loop *loop;
    struct redis *redis;
    const struct outbox_spec *spec;
    struct loop_timer *again; /* when what waits is sent, if nothing sends it before */
    char *prefix;
    struct redis_arg *scratch; /* the arguments of one call */
    struct queue waiting; /* by number */
    uint64_t n_added;
    size_t n_under_way; /* items in script calls without an answer */
    size_t group_most; /* 1 after a group was refused whole: to find which item it was */
    int64_t sent_us; /* monotonic: when the last group went out */
    bool is_refused; /* Redis answered last that it cannot now: one group at a time asks whether it can again */
    bool is_deferred;
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
    q->len = 0;
}

static void queue_push(struct queue *q, struct item *item)
{
    item->next = NULL;
    *q->last = item;
    q->last = &item->next;
    q->len++;
}

static struct item *queue_pop(struct queue *q)
{
    struct item *item = q->first;
    if (!item)
        return NULL;
    q->first = item->next;
    if (!q->first)
        q->last = &q->first;
    q->len--;
    return item;
}

/* Puts the items of a group, which were once popped in a row, back where they came from: their order is that of events,
 * also where several groups come back. */
static void queue_restore(struct queue *to, struct queue *from)
{
    struct item **at = &to->first;
    while (*at && (*at)->number < from->first->number)
        at = &(*at)->next;
    *from->last = *at;
    if (!*at)
        to->last = from->last;
    *at = from->first;
    to->len += from->len;
    queue_init(from);
}

static void queue_drop(struct queue *q)
{
    struct item *item;
    while ((item = queue_pop(q)))
        free(item);
}

static void send_waiting(struct outbox *o, size_t least);

static void on_again(void *arg)
{
    send_waiting(arg, 1);
}

/* What little came since the last group waits for more: a script call costs the same whatever it carries, and under
 * load they become few and full. What comes after a pause goes at once. */
static void on_turn_end(void *arg)
{
    struct outbox *o = arg;
    o->is_deferred = false;
    if (o->is_refused)
        return;
    int64_t due_us = o->sent_us + o->spec->gather_us;
    bool is_time = o->spec->gather_us == 0 || clock_mono_us() >= due_us;
    send_waiting(o, is_time ? 1 : o->group_most);
    if (o->waiting.len > 0 && !loop_timer_is_armed(o->again) && redis_is_ready(o->redis))
        loop_timer_arm_at_us(o->again, due_us);
}

static void answer_items(struct group *group, const struct redisReply *reply, size_t offset, int err)
{
    struct item *item;
    for (size_t i = 0; (item = queue_pop(&group->items)); i++) {
        const struct redisReply *element = err == 0 ? reply_at(reply, offset + i) : NULL;
        item->fn(element, err == 0 ? reply : NULL, err, item->arg);
        free(item);
    }
}

static void take_notes(const struct outbox *o, const struct redisReply *reply, size_t from)
{
    for (size_t i = from; o->spec->note_fn && i < reply_len(reply); i++)
        o->spec->note_fn(reply_at(reply, i), o->spec->note_arg);
}

static void on_group_reply(const struct redisReply *reply, int err, void *arg)
{
    struct group *group = arg;
    struct outbox *o = group->outbox;
    size_t n_items = group->items.len;
    bool was_refused = o->is_refused;
    o->n_under_way -= n_items;
    if (err == 0)
        err = reply_to_err(reply);
    bool is_denied = err == ERR_AUTH && o->spec->outlasts_denial;
    o->is_refused = err_is_retryable(err) && redis_is_ready(o->redis);
    if (err_is_retryable(err) || is_denied) {
        queue_restore(&o->waiting, &group->items);
        if (redis_is_ready(o->redis))
            loop_timer_arm_us(o->again, is_denied ? DENIED_US : RETRY_US);
    } else if (err != 0 && group->items.len > 1) {
        o->group_most = 1;
        queue_restore(&o->waiting, &group->items);
        loop_timer_arm_us(o->again, 0);
    } else {
        if (err == 0)
            take_notes(o, reply, o->spec->reply_offset + n_items);
        answer_items(group, reply, o->spec->reply_offset, err);
        if (o->waiting.len == 0)
            o->group_most = LIMIT_SCRIPT_CALLS;
        else if (was_refused)
            loop_timer_arm_us(o->again, 0);
    }
    free(group);
}

static int send_group(struct outbox *o, struct group *group)
{
    const struct outbox_spec *spec = o->spec;
    size_t n = 0;
    for (size_t i = 0; i < spec->n_prologue; i++)
        o->scratch[n++] = spec->prologue[i];
    for (const struct item *item = group->items.first; item; item = item->next)
        for (size_t i = 0; i < spec->fields; i++)
            o->scratch[n++] = item->args[i];
    return script_run(o->redis, spec->script, o->prefix, o->scratch, n, SCRIPT_DEADLINE_MS, on_group_reply, group);
}

/* What the item adds to the work of the group. */
static size_t work_of(const struct group *group, const struct item *item)
{
    for (const struct item *other = group->items.first; other; other = other->next)
        if (strcmp(other->args[0].data, item->args[0].data) == 0)
            return 1;
    return 1 + LIMIT_BATCH_WORK;
}

/* Moves the first of those that wait into the group. False where it does not fit, or none waits. */
static bool group_take(struct group *group, struct outbox *o)
{
    struct item *item = o->waiting.first;
    if (!item || group->items.len >= o->group_most)
        return false;
    size_t work = work_of(group, item);
    if (group->items.len > 0 && group->work + work > o->spec->most_work)
        return false;
    group->work += work;
    queue_push(&group->items, queue_pop(&o->waiting));
    return true;
}

/* In groups of `least` items or more; at least 1. */
static void send_waiting(struct outbox *o, size_t least)
{
    while (o->waiting.len >= least && redis_is_ready(o->redis) && !(o->is_refused && o->n_under_way > 0)) {
        struct group *group = calloc(1, sizeof *group);
        if (!group) {
            loop_timer_arm_us(o->again, RETRY_US);
            return;
        }
        group->outbox = o;
        queue_init(&group->items);
        while (group_take(group, o))
            ;
        if (send_group(o, group) != 0) {
            queue_restore(&o->waiting, &group->items);
            free(group);
            loop_timer_arm_us(o->again, RETRY_US);
            return;
        }
        o->n_under_way += group->items.len;
        o->sent_us = clock_mono_us();
    }
}

int outbox_create(struct loop *loop, struct redis *redis, const char *prefix, const struct outbox_spec *spec,
                  struct outbox **ret_outbox)
{
    int rc = ERR_NOMEM;
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        goto cleanup;
    o->loop = loop;
    o->redis = redis;
    o->spec = spec;
    o->group_most = LIMIT_SCRIPT_CALLS;
    queue_init(&o->waiting);
    o->prefix = strdup(prefix);
    o->scratch = calloc(spec->n_prologue + spec->fields * LIMIT_SCRIPT_CALLS, sizeof *o->scratch);
    if (!o->prefix || !o->scratch)
        goto cleanup;
    rc = loop_timer_create(loop, on_again, o, &o->again);
    if (rc != 0)
        goto cleanup;
    *ret_outbox = o;
    return 0;
cleanup:
    outbox_free(o);
    return rc;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    queue_drop(&o->waiting);
    loop_timer_free(o->again);
    free(o->scratch);
    free(o->prefix);
    free(o);
}

int outbox_add(struct outbox *o, const struct redis_arg *args, outbox_fn fn, void *arg)
{
    size_t fields = o->spec->fields, bytes = 0;
    if (outbox_pending(o) >= LIMIT_OUTBOX_ITEMS)
        return ERR_NOMEM;
    for (size_t i = 0; i < fields; i++)
        bytes += args[i].len + 1;
    struct item *item = malloc(sizeof *item + fields * sizeof item->args[0] + bytes);
    if (!item)
        return ERR_NOMEM;
    item->number = o->n_added++;
    item->fn = fn;
    item->arg = arg;
    char *space = (char *)&item->args[fields];
    for (size_t i = 0; i < fields; i++) {
        if (args[i].len > 0)
            memcpy(space, args[i].data, args[i].len);
        space[args[i].len] = '\0';
        item->args[i] = (struct redis_arg){.data = space, .len = args[i].len};
        space += args[i].len + 1;
    }
    queue_push(&o->waiting, item);
    if (!o->is_deferred) {
        if (loop_defer(o->loop, on_turn_end, o) != 0)
            loop_timer_arm_us(o->again, 0);
        else
            o->is_deferred = true;
    }
    return 0;
}

void outbox_flush(struct outbox *o)
{
    o->is_refused = false;
    send_waiting(o, 1);
}

bool outbox_is_refused(const struct outbox *o)
{
    return o->is_refused;
}

size_t outbox_pending(const struct outbox *o)
{
    return o->waiting.len + o->n_under_way;
}
