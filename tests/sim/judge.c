/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge.h"

#include <glib.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge_dial.h"
#include "tests/sim/judge_rates.h"
#include "tests/sim/judge_state.h"

#define EXAMPLES 12
#define LATERS_MOST 20 /* of one call until one instant: leases pass and workers die, but not so often */
#define FALSE_FINDS_MOST 1 /* of a contact that was never rung: another's call that its own check gives up again */
#define TEXT_CAP 512
#define BEGIN_ARGS_AT 3 /* of call_begin: worker, late, post deadline */
#define BEGIN_FIELDS 5
#define FINISH_FIELDS 16
#define SLOT_LATE_US (LIMIT_SLOT_LATE_MS * INT64_C(1000))
#define ROUNDING_US 1000 /* a begin that is told again is rounded up to a millisecond */

static const char *const NAMES[PROMISES] = {
    [PROMISE_LOST] = "lost",
    [PROMISE_DIALED_TWICE] = "dialed_twice",
    [PROMISE_WITHOUT_INTENT] = "without_intent",
    [PROMISE_OVERLAPPING] = "overlapping",
    [PROMISE_TOO_SOON] = "too_soon",
    [PROMISE_OVER_ATTEMPTS] = "over_attempts",
    [PROMISE_OVER_LIMIT] = "over_limit",
    [PROMISE_OUT_OF_HOURS] = "out_of_hours",
    [PROMISE_UNTRUE] = "untrue",
    [PROMISE_MISCOUNTED] = "miscounted",
    [PROMISE_UNTOLD] = "untold",
    [PROMISE_AUDIT] = "audit",
    [PROMISE_ERRORS] = "errors",
};

struct judge {
    struct campaign *campaign;
    struct dial_book *book;
    struct tally tally;
    unsigned n_examples;
    GHashTable *laters; /* what was put off -> how often */
    GHashTable *finds; /* contact -> how often it was found */
};

static struct judge judge;

const char *promise_name(enum promise promise)
{
    return NAMES[promise];
}

void judge_broken(enum promise promise, const char *format, ...)
{
    char text[TEXT_CAP];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    judge.tally.broken[promise]++;
    world_trace_text(NAMES[promise], text);
    if (judge.n_examples++ < EXAMPLES)
        fprintf(stderr, "sim: seed %" PRIu64 ": %s: %s\n", world_seed(), NAMES[promise], text);
}

bool judge_found_any(void)
{
    for (size_t i = 0; i < PROMISES; i++)
        if (judge.tally.broken[i] > 0)
            return true;
    return false;
}

void judge_begin(struct campaign *campaign)
{
    judge = (struct judge){.campaign = campaign,
                           .book = dial_book_create(campaign),
                           .laters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                           .finds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
}

void judge_note_error(const char *text)
{
    judge_broken(PROMISE_ERRORS, "%s", text);
}

static guint count_one_more(GHashTable *counts, const char *text)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, text)) + 1;
    g_hash_table_replace(counts, g_strdup(text), GUINT_TO_POINTER(n));
    return n;
}

void judge_note_found(const char *text)
{
    char batch[LIMIT_BATCH_ID_LEN + 1] = "", ordinal[24] = "", number[16] = "", contact[DIAL_KEY_CAP];
    int n_placed = 0;
    if (sscanf(text, "doubt.found batch=%48s ordinal=%20s dial=%12s", batch, ordinal, number) != 3)
        abort();
    struct dial *dial = dial_book_get(judge.book, batch, ordinal, number);
    if (!dial)
        abort();
    dial->is_found = !judge.campaign->keeps_tokens;
    (void)snprintf(contact, sizeof contact, "%s-%s", batch, ordinal);
    guint n = count_one_more(judge.finds, contact);
    (void)dial_book_last_placed(judge.book, dial->batch, dial->ordinal, &n_placed);
    guint most = n_placed > 0 ? (guint)n_placed : FALSE_FINDS_MOST;
    size_t later_tails = judge.campaign->n_tails > 0 ? judge.campaign->n_tails - 1 : 0;
    if (n > most + later_tails) /* a find that Redis forgot with such comes again */
        judge_broken(PROMISE_ERRORS, "%s was found %u times and placed %d times", contact, n, n_placed);
}

void judge_note_later(const char *text)
{
    guint n = count_one_more(judge.laters, text);
    if (n == LATERS_MOST + 1)
        judge_broken(PROMISE_ERRORS, "%s, for the %uth time", text, n);
}

/* ---- begins ---- */

static bool may_begin(const struct sim_batch *batch, int64_t begin_us, const char **ret_why)
{
    int64_t begin_ms = begin_us / 1000;
    struct calling_hours hours;
    size_t n = 0;
    int64_t known_ms;
    if (batch->is_paused)
        *ret_why = "while it was paused";
    else if (batch->is_cut)
        *ret_why = "after it was cancelled";
    else if (begin_ms >= batch->expires_ms)
        *ret_why = "after its expiry";
    else if (batch->options.has_start && begin_ms < batch->options.start_ms)
        *ret_why = "before its start";
    else if (batch->options.has_window &&
             (calling_window_hours(&batch->options.window, begin_ms, begin_ms + 1, &hours, 1, &n, &known_ms) != 0 ||
              n == 0))
        *ret_why = "outside of its window";
    else
        return true;
    return false;
}

static void note_begun(struct dial *dial, int64_t begin_us)
{
    const char *why;
    bool is_new = begin_us > dial->begun_us + ROUNDING_US;
    if (dial->begun_us != 0 && is_new && dial->n_placed == 0 && campaign_was_lost(judge.campaign, dial->known_us)) {
        judge.tally.allowed += dial->n_sent > 0; /* refused, and that forgotten: its number is used once more */
        dial->begun_us = dial->n_sent = 0;
    }
    if (dial->begun_us != 0)
        return; /* told again */
    dial->begun_us = begin_us;
    dial->known_us = world_now_us();
    if (!may_begin(dial->batch, begin_us, &why))
        judge_broken(PROMISE_OUT_OF_HOURS, "%s was begun %s", dial->key, why);
}

static void note_begins(const char *const *args, size_t n, const redisReply *reply)
{
    for (size_t i = 1, at = BEGIN_ARGS_AT; i < reply->elements && at + 2 < n; i++, at += BEGIN_FIELDS) {
        const redisReply *row = reply->element[i];
        if (row->elements < 2 || strcmp(row->element[0]->str, "begun") != 0)
            continue;
        struct dial *dial = dial_book_get(judge.book, args[at], args[at + 1], args[at + 2]);
        if (dial)
            note_begun(dial, strtoll(row->element[1]->str, NULL, 10));
    }
}

/* ---- endings, as they were made true ---- */

static void note_finish(const char *const *args, const char *word)
{
    bool is_news = strcmp(word, "ended") == 0 || strcmp(word, "final") == 0 || strcmp(word, "due") == 0 ||
                   strcmp(word, "settled") == 0;
    struct dial *dial = is_news ? dial_book_get(judge.book, args[0], args[1], args[2]) : NULL;
    if (!dial)
        return;
    (void)snprintf(dial->told, sizeof dial->told, "%s", args[5]);
    if (dial->first_told[0] != '\0' && !campaign_was_lost(judge.campaign, dial->first_told_us))
        return;
    memcpy(dial->first_told, dial->told, sizeof dial->told);
    dial->first_told_us = world_now_us();
}

void judge_note_script(enum lua_script script, const char *const *args, const size_t *lens, size_t n,
                       const redisReply *reply)
{
    (void)lens;
    if (script == LUA_CALL_BEGIN)
        note_begins(args, n, reply);
    if (script == LUA_CALL_FINISH)
        for (size_t i = 0; i < reply->elements && (i + 1) * FINISH_FIELDS <= n; i++)
            note_finish(args + i * FINISH_FIELDS, reply->element[i]->str);
}

/* ---- what leaves a worker ---- */

void judge_note_sent(const char *body, size_t len)
{
    struct dial *dial = dial_book_get_by_text(judge.book, body, len);
    if (!dial) {
        judge_broken(PROMISE_WITHOUT_INTENT, "a create request without a token of ours");
        return;
    }
    int64_t late_us = world_now_us() - dial->begun_us;
    if (dial->n_sent++ > 0)
        judge_broken(PROMISE_DIALED_TWICE, "%s was sent %d times", dial->key, dial->n_sent);
    dial->sent_us = world_now_us();
    if (dial->begun_us == 0)
        judge_broken(PROMISE_WITHOUT_INTENT, "%s was sent without a begin", dial->key);
    else if (late_us < 0 || late_us > SLOT_LATE_US + ROUNDING_US)
        judge_broken(PROMISE_WITHOUT_INTENT, "%s was sent %" PRId64 " us from its begin", dial->key, late_us);
}

/* ---- what the platform saw ---- */

static const char *text_of(const cJSON *line, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(line, name));
    return text ? text : "";
}

static bool has_fault(const cJSON *line, const char *name)
{
    const cJSON *fault;
    cJSON_ArrayForEach(fault, cJSON_GetObjectItemCaseSensitive(line, "faults"))
    {
        if (strcmp(fault->valuestring, name) == 0)
            return true;
    }
    return false;
}

void judge_note_witness(const cJSON *line)
{
    const char *event = text_of(line, "ev"), *token = text_of(line, "token");
    struct dial *dial = dial_book_get_by_text(judge.book, token, strlen(token));
    world_trace_text(event, token);
    if (!dial)
        return;
    if (strcmp(event, "create") == 0)
        dial->is_forgotten = dial->is_forgotten || has_fault(line, "forget");
    else if (strcmp(event, "placed") == 0) {
        dial->placed_us = world_now_us();
        judge.tally.calls++;
        if (dial->n_placed++ > 0)
            judge_broken(PROMISE_DIALED_TWICE, "%s was placed %d times", dial->key, dial->n_placed);
    } else if (strcmp(event, "ended") == 0) {
        dial->ended_us = world_now_us();
        (void)snprintf(dial->outcome, sizeof dial->outcome, "%s", text_of(line, "outcome"));
        (void)snprintf(dial->id, sizeof dial->id, "%s", text_of(line, "id"));
    }
}

/* ---- the end ---- */

void judge_end(struct server *server, struct tally *tally)
{
    dial_book_judge(judge.book, &judge.tally);
    rates_judge(judge.campaign, dial_book_dials(judge.book), &judge.tally);
    state_judge(judge.campaign, server, judge.book, &judge.tally);
    tally->calls += judge.tally.calls;
    tally->contacts += judge.tally.contacts;
    tally->allowed += judge.tally.allowed;
    tally->unknown += judge.tally.unknown;
    for (size_t i = 0; i < PROMISES; i++)
        tally->broken[i] += judge.tally.broken[i];
    dial_book_free(judge.book);
    g_hash_table_destroy(judge.laters);
    g_hash_table_destroy(judge.finds);
    judge.book = NULL;
}
