/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge_state.h"

#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/call_text.h"
#include "common/domain/event.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"

struct state_reading {
    const struct sim_batch *batch;
    const struct dial_book *book;
    struct tally *tally;
    GHashTable *events; /* id -> how often, owned */
    redisReply *fields; /* of the batch */
    bool is_cut;
    int64_t outcomes[OUTCOME_COUNT]; /* counted by contacts */
    int64_t attempts;
    int64_t untouched; /* contacts that were never claimed */
};

static redisReply *read_key(struct server *server, const char *verb, const struct key *key)
{
    const char *const args[] = {verb, key->text};
    return server_command(server, args, 2);
}

static int64_t number_field(const struct state_reading *r, const char *name)
{
    int64_t value = 0;
    const redisReply *field = reply_field(r->fields, name);
    if (field && reply_i64(field, &value) != 0)
        return -1;
    return value;
}

/* ---- events ---- */

static void note_event(GHashTable *events, const redisReply *entry)
{
    const redisReply *id = reply_field(reply_at(entry, 1), "id");
    if (!id)
        return;
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(events, id->str)) + 1;
    g_hash_table_replace(events, g_strdup(id->str), GUINT_TO_POINTER(n));
    if (n > 1)
        judge_broken(PROMISE_UNTOLD, "%s was written %u times", id->str, n);
}

static GHashTable *read_events(struct server *server)
{
    GHashTable *events = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (unsigned shard = 0; shard < LIMIT_EVENT_SHARDS; shard++) {
        char key[64];
        (void)snprintf(key, sizeof key, "carillon:{c0}:events:%u", shard);
        const char *const args[] = {"XRANGE", key, "-", "+"};
        redisReply *reply = server_command(server, args, 4);
        for (size_t i = 0; i < reply_len(reply); i++)
            note_event(events, reply_at(reply, i));
        freeReplyObject(reply);
    }
    return events;
}

static void expect_event(const struct state_reading *r, enum event_type type, size_t ordinal, uint32_t attempt)
{
    struct event_ref ref = {.type = type, .ordinal = ordinal, .attempt = attempt};
    char id[EVENT_ID_LEN + 1];
    memcpy(ref.batch, r->batch->id, sizeof ref.batch);
    if (event_id_make(&ref, id) != 0 || !g_hash_table_contains(r->events, id))
        judge_broken(PROMISE_UNTOLD, "no event %s", id);
}

/* ---- contacts ---- */

static void judge_outcome(struct state_reading *r, size_t ordinal, const struct call_text *call)
{
    int n_placed;
    const struct dial *last = dial_book_last_placed(r->book, r->batch, ordinal, &n_placed);
    const char *told = outcome_name(call->outcome);
    if (call->outcome == OUTCOME_UNKNOWN || (last && (last->is_forgotten || dial_was_cut(r->book, last))))
        return; /* the dials tell whether that may be */
    if (last && !dial_is_told_truly(r->book, last, told))
        judge_broken(PROMISE_UNTRUE, "%s-%zu ends as %s, its last call %s was %s", r->batch->id, ordinal, told,
                     last->key, dial_truth(last));
    else if (!last && call->outcome != OUTCOME_CANCELLED && call->outcome != OUTCOME_EXPIRED &&
             !dial_book_has_anothers(r->book, r->batch, ordinal))
        judge_broken(PROMISE_UNTRUE, "%s-%zu ends as %s, and was never called", r->batch->id, ordinal, told);
}

static void judge_contact(struct state_reading *r, size_t ordinal, const redisReply *state)
{
    struct call_text call;
    r->tally->contacts++;
    if (!state) {
        r->untouched++;
        if (!r->is_cut)
            judge_broken(PROMISE_LOST, "%s-%zu was never claimed", r->batch->id, ordinal);
        return;
    }
    if (call_text_parse(state->str, (size_t)state->len, &call) != 0) {
        judge_broken(PROMISE_LOST, "%s-%zu is unreadable: %s", r->batch->id, ordinal, state->str);
        return;
    }
    if (call.state != CALL_STATE_FINAL) {
        judge_broken(PROMISE_LOST, "%s-%zu has no end: %s", r->batch->id, ordinal, state->str);
        return;
    }
    r->outcomes[call.outcome]++;
    r->attempts += call.attempts;
    judge_outcome(r, ordinal, &call);
    if (call.attempts > 0) {
        expect_event(r, EVENT_CALL_COMPLETED, ordinal, (uint32_t)call.attempts);
        expect_event(r, EVENT_CALL_ATTEMPT, ordinal, (uint32_t)call.attempts);
    }
}

/* ---- the batch ---- */

static void judge_counters(struct state_reading *r)
{
    int64_t cancelled = number_field(r, "cancelled"), expired = number_field(r, "expired");
    r->outcomes[OUTCOME_CANCELLED] += cancelled;
    r->outcomes[OUTCOME_EXPIRED] += expired;
    if (cancelled + expired != r->untouched)
        judge_broken(PROMISE_MISCOUNTED, "%s: %" PRId64 " never begun, %" PRId64 " cut", r->batch->id, r->untouched,
                     cancelled + expired);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "outcome:%s", outcome_name((enum outcome)i));
        if (number_field(r, name) != r->outcomes[i])
            judge_broken(PROMISE_MISCOUNTED, "%s counts %" PRId64 " %s, there are %" PRId64, r->batch->id,
                         number_field(r, name), name, r->outcomes[i]);
    }
    if (number_field(r, "attempts") != r->attempts)
        judge_broken(PROMISE_MISCOUNTED, "%s counts %" PRId64 " attempts, there are %" PRId64, r->batch->id,
                     number_field(r, "attempts"), r->attempts);
}

static void judge_batch(struct state_reading *r, struct server *server)
{
    struct key key = key_batch("c0", r->batch->id), states_key = key_batch_state("c0", r->batch->id, 0);
    r->fields = read_key(server, "HGETALL", &key);
    const redisReply *state = reply_field(r->fields, "state");
    r->is_cut = r->batch->is_cut || reply_field(r->fields, "expired_ms") != NULL;
    if (!state || (strcmp(state->str, "completed") != 0 && strcmp(state->str, "cancelled") != 0))
        judge_broken(PROMISE_LOST, "%s is %s in the end", r->batch->id, state ? state->str : "gone");
    else
        expect_event(r, strcmp(state->str, "completed") == 0 ? EVENT_BATCH_COMPLETED : EVENT_BATCH_CANCELLED, 0, 0);
    redisReply *states = read_key(server, "HGETALL", &states_key);
    for (size_t i = 0; i < r->batch->n_contacts; i++) {
        char ordinal[24];
        (void)snprintf(ordinal, sizeof ordinal, "%zu", i);
        judge_contact(r, i, reply_field(states, ordinal));
    }
    judge_counters(r);
    freeReplyObject(states);
    freeReplyObject(r->fields);
}

void state_judge(const struct campaign *c, struct server *server, const struct dial_book *book, struct tally *tally)
{
    GHashTable *events = read_events(server);
    for (size_t i = 0; i < c->n_batches; i++) {
        struct state_reading reading = {.batch = &c->batches[i], .book = book, .tally = tally, .events = events};
        if (c->batches[i].is_created)
            judge_batch(&reading, server);
        else
            judge_broken(PROMISE_LOST, "%s was never made", c->batches[i].id);
    }
    g_hash_table_destroy(events);
}
