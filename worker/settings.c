/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/keys.h"
#include "worker/settings_read.h"

#define READ_DEADLINE_MS 2000
#define SWEEP_LEAST 64 /* batches: fewer are not looked through */

/* Read trunks and batches, shared by reference; the settings proper come first, so that a pointer to them is one to the
 * box. */
struct trunk_box {
    struct trunk_settings settings;
    unsigned refs;
};

struct batch_box {
    struct batch_settings settings;
    unsigned refs;
    char trunk_id[LIMIT_ID_LEN + 1];
    struct trunk_box *trunk; /* owns a reference */
};

struct waiter {
    struct waiter *next;
    settings_fn fn;
    void *arg;
};

/* A trunk as known: the last reading, and the batches that wait for the next. */
struct trunk_entry {
    struct settings *owner;
    char id[LIMIT_ID_LEN + 1];
    struct trunk_box *box; /* NULL: never read */
    int64_t fresh_until_us;
    bool is_reading;
    GSList *batches; /* of struct batch_entry */
};

struct batch_entry {
    struct settings *owner;
    char id[LIMIT_BATCH_ID_LEN + 1];
    struct batch_box *box; /* NULL: never read */
    struct batch_box *reading; /* read, waits for its trunk */
    int64_t fresh_until_us;
    bool is_reading;
    struct waiter *waiters; /* newest first */
};

struct settings {
    struct redis *redis;
    const struct seal_keys *keys;
    char *cell;
    char *callback_base;
    GHashTable *trunks; /* id -> struct trunk_entry, owned */
    GHashTable *batches; /* id -> struct batch_entry, owned */
    unsigned sweep_at; /* so many batches */
};

static void trunk_unref(struct trunk_box *box)
{
    if (!box || --box->refs > 0)
        return;
    settings_trunk_clear(&box->settings);
    free(box);
}

const struct batch_settings *settings_ref(const struct batch_settings *batch)
{
    struct batch_box *box = (struct batch_box *)batch;
    box->refs++;
    return batch;
}

void settings_caller_id(const struct batch_settings *batch, uint64_t ordinal, char ret_from[PHONE_TEXT_LEN + 1])
{
    const struct trunk_settings *trunk = batch->trunk;
    ret_from[0] = '\0';
    if (batch->n_caller_ids > 0)
        phone_format(batch->caller_ids[ordinal % batch->n_caller_ids], ret_from);
    else if (trunk->n_caller_ids > 0)
        phone_format(trunk->caller_ids[ordinal % trunk->n_caller_ids], ret_from);
}

void settings_unref(const struct batch_settings *batch)
{
    struct batch_box *box = (struct batch_box *)batch;
    if (!box || --box->refs > 0)
        return;
    settings_batch_clear(&box->settings);
    trunk_unref(box->trunk);
    free(box);
}

static void unref_box(struct batch_box *box)
{
    settings_unref(box ? &box->settings : NULL);
}

static void batch_entry_free(gpointer data)
{
    struct batch_entry *entry = data;
    unref_box(entry->box);
    unref_box(entry->reading);
    while (entry->waiters) {
        struct waiter *waiter = entry->waiters;
        entry->waiters = waiter->next;
        free(waiter);
    }
    free(entry);
}

static void trunk_entry_free(gpointer data)
{
    struct trunk_entry *entry = data;
    trunk_unref(entry->box);
    g_slist_free(entry->batches);
    free(entry);
}

static void answer_waiters(struct batch_entry *entry, int err)
{
    struct waiter *oldest = NULL;
    while (entry->waiters) {
        struct waiter *waiter = entry->waiters;
        entry->waiters = waiter->next;
        waiter->next = oldest;
        oldest = waiter;
    }
    const struct batch_settings *batch = err == 0 ? settings_ref(&entry->box->settings) : NULL;
    while (oldest) {
        struct waiter *waiter = oldest;
        oldest = waiter->next;
        waiter->fn(batch, err, waiter->arg);
        free(waiter);
    }
    settings_unref(batch);
}

static void batch_failed(struct batch_entry *entry, int err)
{
    entry->is_reading = false;
    unref_box(entry->reading);
    entry->reading = NULL;
    answer_waiters(entry, err);
}

/* The batch's trunk is known: the reading is complete. */
static void batch_complete(struct batch_entry *entry, struct trunk_box *trunk)
{
    entry->is_reading = false;
    struct batch_box *box = entry->reading;
    entry->reading = NULL;
    trunk->refs++;
    box->trunk = trunk;
    box->settings.trunk = &trunk->settings;
    provider_profile_clamp(trunk->settings.profile, &box->settings.ring_timeout_s, &box->settings.max_call_duration_s);
    unref_box(entry->box);
    entry->box = box;
    entry->fresh_until_us = clock_mono_us() + SETTINGS_FRESH_MS * INT64_C(1000);
    answer_waiters(entry, 0);
}

static void trunk_complete(struct trunk_entry *entry, int err)
{
    entry->is_reading = false;
    GSList *batches = entry->batches;
    entry->batches = NULL;
    for (GSList *at = batches; at; at = at->next) {
        if (err == 0)
            batch_complete(at->data, entry->box);
        else
            batch_failed(at->data, err);
    }
    g_slist_free(batches);
}

static int trunk_take(struct trunk_entry *entry, const struct redisReply *reply)
{
    struct trunk_box *box = calloc(1, sizeof *box);
    if (!box)
        return ERR_NOMEM;
    int rc = settings_read_trunk(entry->id, reply, entry->owner->keys, entry->owner->callback_base, &box->settings);
    if (rc != 0) {
        free(box);
        return rc;
    }
    box->refs = 1;
    trunk_unref(entry->box);
    entry->box = box;
    entry->fresh_until_us = clock_mono_us() + SETTINGS_FRESH_MS * INT64_C(1000);
    return 0;
}

static void on_trunk(const struct redisReply *reply, int err, void *arg)
{
    struct trunk_entry *entry = arg;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = trunk_take(entry, reply);
    trunk_complete(entry, err);
}

static struct trunk_entry *trunk_entry_get(struct settings *s, const char *id)
{
    struct trunk_entry *entry = g_hash_table_lookup(s->trunks, id);
    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->owner = s;
    memcpy(entry->id, id, strlen(id) + 1);
    g_hash_table_insert(s->trunks, entry->id, entry);
    return entry;
}

static void batch_await_trunk(struct batch_entry *batch)
{
    struct settings *s = batch->owner;
    struct trunk_entry *trunk = trunk_entry_get(s, batch->reading->trunk_id);
    if (!trunk) {
        batch_failed(batch, ERR_NOMEM);
        return;
    }
    if (trunk->box && clock_mono_us() < trunk->fresh_until_us) {
        batch_complete(batch, trunk->box);
        return;
    }
    trunk->batches = g_slist_prepend(trunk->batches, batch);
    if (trunk->is_reading)
        return;
    trunk->is_reading = true;
    struct key key = key_trunk(s->cell, trunk->id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int rc = redis_command(s->redis, args, 2, READ_DEADLINE_MS, on_trunk, trunk);
    if (rc != 0)
        trunk_complete(trunk, rc);
}

static int columns_take(struct batch_settings *batch, const struct redisReply *reply)
{
    const char *text;
    size_t len;
    if (reply_is_nil(reply))
        return 0; /* the contacts will tell whether they lack something */
    int rc = reply_str(reply, &text, &len);
    if (rc != 0)
        return rc;
    batch->columns = malloc(len + 1);
    if (!batch->columns)
        return ERR_NOMEM;
    memcpy(batch->columns, text, len + 1);
    batch->columns_len = len;
    return 0;
}

static void on_columns(const struct redisReply *reply, int err, void *arg)
{
    struct batch_entry *entry = arg;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = columns_take(&entry->reading->settings, reply);
    if (err == 0)
        batch_await_trunk(entry);
    else
        batch_failed(entry, err);
}

static void batch_read_columns(struct batch_entry *entry)
{
    struct settings *s = entry->owner;
    struct key key = key_batch_columns(s->cell, entry->id);
    const struct redis_arg args[] = {redis_arg_str("GET"), key_arg(&key)};
    int rc = redis_command(s->redis, args, 2, READ_DEADLINE_MS, on_columns, entry);
    if (rc != 0)
        batch_failed(entry, rc);
}

static void on_batch(const struct redisReply *reply, int err, void *arg)
{
    struct batch_entry *entry = arg;
    struct batch_box *box = calloc(1, sizeof *box);
    if (err == 0)
        err = box ? reply_to_err(reply) : ERR_NOMEM;
    if (err == 0)
        err = settings_read_batch(entry->id, reply, &box->settings, box->trunk_id);
    if (err != 0) {
        free(box);
        batch_failed(entry, err);
        return;
    }
    box->refs = 1;
    entry->reading = box;
    if (box->settings.has_columns)
        batch_read_columns(entry);
    else
        batch_await_trunk(entry);
}

/* `now_us`: whether it would be read again, too, were it asked for; NULL: whether or not. */
static gboolean is_unused(gpointer key, gpointer value, gpointer now_us)
{
    (void)key;
    const struct batch_entry *entry = value;
    if (now_us && *(const int64_t *)now_us < entry->fresh_until_us)
        return FALSE;
    return !entry->is_reading && !entry->waiters && (!entry->box || entry->box->refs == 1);
}

/* Batches end, and nobody asks for them any more. Each time that as many have been added as there were, they are looked
 * through: what is kept is in proportion to what is in use, and costs as much for each. */
static void sweep(struct settings *s)
{
    if (g_hash_table_size(s->batches) < s->sweep_at)
        return;
    int64_t now_us = clock_mono_us();
    g_hash_table_foreach_remove(s->batches, is_unused, &now_us);
    if (g_hash_table_size(s->batches) >= LIMIT_SETTINGS_KEPT)
        g_hash_table_foreach_remove(s->batches, is_unused, NULL);
    s->sweep_at = CLAMP(2 * g_hash_table_size(s->batches), SWEEP_LEAST, LIMIT_SETTINGS_KEPT);
}

static struct batch_entry *batch_entry_get(struct settings *s, const char *id)
{
    struct batch_entry *entry = g_hash_table_lookup(s->batches, id);
    if (entry)
        return entry;
    sweep(s);
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->owner = s;
    memcpy(entry->id, id, strlen(id) + 1);
    g_hash_table_insert(s->batches, entry->id, entry);
    return entry;
}

static void batch_read(struct settings *s, struct batch_entry *entry)
{
    entry->is_reading = true;
    struct key key = key_batch(s->cell, entry->id);
    struct redis_arg args[2 + SETTINGS_BATCH_FIELDS] = {redis_arg_str("HMGET"), key_arg(&key)};
    for (size_t i = 0; i < SETTINGS_BATCH_FIELDS; i++)
        args[2 + i] = redis_arg_str(settings_batch_fields[i]);
    int rc = redis_command(s->redis, args, 2 + SETTINGS_BATCH_FIELDS, READ_DEADLINE_MS, on_batch, entry);
    if (rc != 0)
        batch_failed(entry, rc);
}

void settings_get(struct settings *s, const char *batch_id, settings_fn fn, void *arg)
{
    size_t len = strlen(batch_id);
    struct batch_entry *entry = len <= LIMIT_BATCH_ID_LEN ? batch_entry_get(s, batch_id) : NULL;
    if (entry && entry->box && !entry->is_reading && clock_mono_us() < entry->fresh_until_us) {
        const struct batch_settings *batch = settings_ref(&entry->box->settings);
        fn(batch, 0, arg);
        settings_unref(batch);
        return;
    }
    struct waiter *waiter = entry ? malloc(sizeof *waiter) : NULL;
    if (!waiter) {
        fn(NULL, len <= LIMIT_BATCH_ID_LEN ? ERR_NOMEM : ERR_INVALID, arg);
        return;
    }
    *waiter = (struct waiter){.next = entry->waiters, .fn = fn, .arg = arg};
    entry->waiters = waiter;
    if (!entry->is_reading)
        batch_read(s, entry);
}

void settings_get_newer(struct settings *s, const struct batch_settings *than, settings_fn fn, void *arg)
{
    struct batch_entry *entry = g_hash_table_lookup(s->batches, than->id);
    if (entry && entry->box && &entry->box->settings == than)
        entry->fresh_until_us = 0;
    settings_get(s, than->id, fn, arg);
}

size_t settings_kept(const struct settings *s)
{
    return g_hash_table_size(s->batches);
}

int settings_create(struct redis *redis, const struct seal_keys *keys, const char *cell, const char *callback_base,
                    struct settings **ret_settings)
{
    struct settings *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->redis = redis;
    s->keys = keys;
    s->cell = strdup(cell);
    s->callback_base = strdup(callback_base);
    s->sweep_at = SWEEP_LEAST;
    s->trunks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, trunk_entry_free);
    s->batches = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, batch_entry_free);
    if (!s->cell || !s->callback_base) {
        settings_free(s);
        return ERR_NOMEM;
    }
    *ret_settings = s;
    return 0;
}

void settings_free(struct settings *s)
{
    if (!s)
        return;
    g_hash_table_destroy(s->batches);
    g_hash_table_destroy(s->trunks);
    free(s->cell);
    free(s->callback_base);
    free(s);
}
