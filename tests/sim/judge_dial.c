/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge_dial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_MS 1 /* begins are told to the millisecond */
#define FOUND_EARLY_MS                                                                                                 \
    65000 /* a found one is reckoned from the last sign of life before the loss: so far it is looked for */

struct dial_book {
    struct campaign *campaign;
    GHashTable *by_key; /* key -> struct dial, owned by the next */
    GPtrArray *dials;
};

static const struct {
    const char *word;
    const char *outcome;
} TRUTHS[] = {
    {"completed", "COMPLETED"}, {"busy", "BUSY"},           {"no_answer", "NO_ANSWER"},           {"failed", "FAILED"},
    {"blocked", "BLOCKED"},     {"voicemail", "VOICEMAIL"}, {"invalid_number", "INVALID_NUMBER"},
};

const char *dial_truth(const struct dial *dial)
{
    for (size_t i = 0; i < sizeof TRUTHS / sizeof TRUTHS[0]; i++)
        if (strcmp(TRUTHS[i].word, dial->outcome) == 0)
            return TRUTHS[i].outcome;
    return NULL;
}

/* ---- the book ---- */

struct dial_book *dial_book_create(struct campaign *campaign)
{
    struct dial_book *book = g_new0(struct dial_book, 1);
    book->campaign = campaign;
    book->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    book->dials = g_ptr_array_new_with_free_func(g_free);
    return book;
}

void dial_book_free(struct dial_book *book)
{
    g_hash_table_destroy(book->by_key);
    g_ptr_array_free(book->dials, TRUE);
    g_free(book);
}

struct dial *dial_book_get(struct dial_book *book, const char *batch, const char *ordinal, const char *number)
{
    char key[DIAL_KEY_CAP];
    (void)snprintf(key, sizeof key, "%s.%s.%s", batch, ordinal, number);
    struct dial *dial = g_hash_table_lookup(book->by_key, key);
    struct sim_batch *of = dial ? NULL : campaign_find_batch(book->campaign, batch);
    if (!of)
        return dial;
    dial = g_new0(struct dial, 1);
    memcpy(dial->key, key, sizeof key);
    dial->batch = of;
    dial->ordinal = strtoul(ordinal, NULL, 10);
    dial->number = (unsigned)strtoul(number, NULL, 10);
    g_hash_table_insert(book->by_key, dial->key, dial);
    g_ptr_array_add(book->dials, dial);
    return dial;
}

struct dial *dial_book_get_by_text(struct dial_book *book, const char *text, size_t len)
{
    char batch[LIMIT_BATCH_ID_LEN + 1] = "", ordinal[24] = "", number[16] = "";
    const char *at = text;
    /* A batch id with a dot behind it: in a body it stands elsewhere too. */
    while ((at = memmem(at, len - (size_t)(at - text), "batch_", 6))) {
        if (sscanf(at, "%48[a-zA-Z0-9_].%20[0-9].%12[0-9].", batch, ordinal, number) == 3)
            return dial_book_get(book, batch, ordinal, number);
        at++;
    }
    return NULL;
}

GPtrArray *dial_book_dials(struct dial_book *book)
{
    return book->dials;
}

static int compare_contacts(const struct dial *a, const struct dial *b)
{
    int order = strcmp(a->batch->id, b->batch->id);
    if (order == 0)
        order = (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
    return order;
}

static gint compare_dials(gconstpointer left, gconstpointer right)
{
    const struct dial *a = *(const struct dial *const *)left, *b = *(const struct dial *const *)right;
    int order = compare_contacts(a, b);
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

const struct dial *dial_book_last_placed(const struct dial_book *book, const struct sim_batch *batch, size_t ordinal,
                                         int *ret_placed)
{
    const struct dial *last = NULL;
    *ret_placed = 0;
    for (guint i = 0; i < book->dials->len; i++) {
        const struct dial *dial = book->dials->pdata[i];
        if (dial->batch != batch || dial->ordinal != ordinal || dial->n_placed == 0)
            continue; /* a forgotten one is a call, too */
        ++*ret_placed;
        last = dial;
    }
    return last;
}

/* ---- the dials of one contact ---- */

static bool is_final(const struct sim_batch *batch, const char *outcome)
{
    if (strcmp(outcome, "VOICEMAIL") == 0)
        return batch->options.retry.voicemail_delay_ms == 0;
    return strcmp(outcome, "BUSY") != 0 && strcmp(outcome, "NO_ANSWER") != 0 && strcmp(outcome, "FAILED") != 0 &&
           strcmp(outcome, "UNKNOWN") != 0 && strcmp(outcome, "CANCELLED") != 0;
}

static int64_t delay_ms(const struct sim_batch *batch, const char *outcome)
{
    const struct retry_rules *rules = &batch->options.retry;
    if (strcmp(outcome, "BUSY") == 0)
        return rules->busy_delay_ms;
    if (strcmp(outcome, "FAILED") == 0)
        return rules->failed_delay_ms;
    if (strcmp(outcome, "VOICEMAIL") == 0)
        return rules->voicemail_delay_ms;
    if (strcmp(outcome, "CANCELLED") == 0)
        return 0; /* stopped before it rang: as if it had not been taken */
    return rules->no_answer_delay_ms;
}

static void judge_following(const struct dial *before, const struct dial *next, struct tally *tally)
{
    const char *truth = dial_truth(before);
    const char *outcome = before->first_told[0] ? before->first_told : truth ? truth : "nothing";
    int64_t gap_ms = (next->begun_us - before->begun_us) / 1000, least_ms = delay_ms(before->batch, outcome) - EARLY_MS;
    if (is_final(before->batch, outcome))
        judge_broken(PROMISE_OVER_ATTEMPTS, "%s was begun after %s of %s", next->key, outcome, before->key);
    else if (gap_ms < least_ms && before->is_found && gap_ms >= least_ms - FOUND_EARLY_MS)
        tally->allowed++;
    else if (gap_ms < least_ms)
        judge_broken(PROMISE_TOO_SOON, "%s was begun %" PRId64 " ms after %s of %s", next->key, gap_ms, outcome,
                     before->key);
}

static void judge_contacts(struct dial_book *book, struct tally *tally)
{
    const struct dial *placed = NULL; /* of the same contact, before */
    int n_placed = 0;
    for (guint i = 0; i < book->dials->len; i++) {
        const struct dial *dial = book->dials->pdata[i];
        if (i == 0 || compare_contacts(book->dials->pdata[i - 1], dial) != 0) {
            placed = NULL;
            n_placed = 0;
        }
        if (placed && dial->begun_us != 0)
            judge_following(placed, dial, tally);
        tally->allowed += dial->n_placed > 0 && (dial->is_forgotten || dial_was_cut(book, dial));
        if (dial->n_placed > 0 && !dial->is_forgotten) {
            placed = dial;
            if (++n_placed > dial->batch->options.retry.max_attempts)
                judge_broken(PROMISE_OVER_ATTEMPTS, "%s is call %d of %d", dial->key, n_placed,
                             dial->batch->options.retry.max_attempts);
        }
        tally->unknown += strcmp(dial->told, "UNKNOWN") == 0;
    }
}

/* ---- what was told of each ---- */

bool dial_was_cut(const struct dial_book *book, const struct dial *dial)
{
    bool is_over = dial->batch->is_cut || world_now_us() / 1000 >= dial->batch->expires_ms;
    return is_over && dial->told[0] == '\0' && campaign_was_lost(book->campaign, dial->known_us);
}

static void judge_truth(const struct dial_book *book, const struct dial *dial)
{
    const char *truth = dial_truth(dial);
    if (dial->is_forgotten || dial_was_cut(book, dial))
        return;
    if (book->campaign->is_calm && truth && strcmp(dial->told, "UNKNOWN") == 0)
        judge_broken(PROMISE_UNTRUE, "%s was %s, its platform could be asked, and UNKNOWN was told", dial->key, truth);
    if (dial->n_placed > 0 && dial->told[0] == '\0')
        judge_broken(PROMISE_UNTRUE, "%s was placed, and nothing was told of it", dial->key);
    else if (dial->n_placed == 0 && dial->told[0] != '\0' && strcmp(dial->told, "UNKNOWN") != 0)
        judge_broken(PROMISE_UNTRUE, "%s was never placed, and %s was told", dial->key, dial->told);
    else if (dial->told[0] != '\0' && strcmp(dial->told, "UNKNOWN") != 0 && !dial_is_told_truly(book, dial, dial->told))
        judge_broken(PROMISE_UNTRUE, "%s was %s, and %s was told", dial->key, truth, dial->told);
}

/* Twilio's callbacks tell why a call failed, its call resource does not; and a machine that is hung up on is one. */
bool dial_is_told_truly(const struct dial_book *book, const struct dial *dial, const char *told)
{
    const char *truth = dial_truth(dial);
    int64_t hung_up_us = dial->batch->hung_up_us;
    if (!truth || strcmp(truth, told) == 0)
        return true;
    if (book->campaign->keeps_tokens)
        return false;
    if (strcmp(told, "FAILED") == 0)
        return strcmp(truth, "BLOCKED") == 0 || strcmp(truth, "INVALID_NUMBER") == 0;
    return strcmp(told, "VOICEMAIL") == 0 && strcmp(truth, "COMPLETED") == 0 && hung_up_us != 0 &&
           dial->ended_us >= hung_up_us;
}

/* ---- the calls to one number of a tenant ---- */

static uint64_t phone_of(const struct dial *dial)
{
    return dial->batch->phones[dial->ordinal];
}

static gint compare_placed(gconstpointer left, gconstpointer right)
{
    const struct dial *a = *(const struct dial *const *)left, *b = *(const struct dial *const *)right;
    uint64_t phone_a = phone_of(a), phone_b = phone_of(b);
    if (phone_a != phone_b)
        return phone_a < phone_b ? -1 : 1;
    if (a->batch->tenant != b->batch->tenant)
        return a->batch->tenant < b->batch->tenant ? -1 : 1;
    return (a->placed_us > b->placed_us) - (a->placed_us < b->placed_us);
}

static bool is_remembered(const struct dial *dial)
{
    return dial->n_placed > 0 && !dial->is_forgotten;
}

/* Redis forgot the one before together with its number, and only its own contact is in doubt (docs/failure-model.md).
 */
static bool may_overlap(const struct dial_book *book, const struct dial *before, const struct dial *after)
{
    return compare_contacts(before, after) != 0 && campaign_was_lost(book->campaign, before->known_us);
}

static void judge_numbers(const struct dial_book *book, struct tally *tally)
{
    GPtrArray *placed = g_ptr_array_new();
    for (guint i = 0; i < book->dials->len; i++)
        if (is_remembered(book->dials->pdata[i]))
            g_ptr_array_add(placed, book->dials->pdata[i]);
    g_ptr_array_sort(placed, compare_placed);
    for (guint i = 1; i < placed->len; i++) {
        const struct dial *before = placed->pdata[i - 1], *after = placed->pdata[i];
        bool is_same = phone_of(before) == phone_of(after) && before->batch->tenant == after->batch->tenant;
        if (!is_same || (before->ended_us != 0 && before->ended_us <= after->placed_us))
            continue;
        if (may_overlap(book, before, after))
            tally->allowed++;
        else
            judge_broken(PROMISE_OVERLAPPING, "%s was placed while %s went on", after->key, before->key);
    }
    g_ptr_array_free(placed, TRUE);
}

/* ---- calls that are found by their numbers ---- */

static bool is_untold(const struct dial_book *book, const struct dial *dial)
{
    return dial->n_placed > 0 && dial->told[0] == '\0' && campaign_was_lost(book->campaign, dial->known_us);
}

/* Which of the contact's dials it was, of those that Redis forgot, the platform cannot tell: what was learnt of the
 * call was told of the first that it may have been. */
static void adopt_found(const struct dial_book *book)
{
    for (guint i = 0; i < book->dials->len; i++) {
        struct dial *found = book->dials->pdata[i];
        if (found->n_placed > 0 || found->told[0] == '\0')
            continue;
        for (guint j = i + 1; j < book->dials->len && compare_contacts(found, book->dials->pdata[j]) == 0; j++) {
            struct dial *placed = book->dials->pdata[j];
            if (!is_untold(book, placed) || found->first_told_us < placed->known_us)
                continue;
            placed->is_found = true;
            memcpy(placed->told, found->told, sizeof placed->told);
            memcpy(placed->first_told, found->first_told, sizeof placed->first_told);
            found->told[0] = found->first_told[0] = '\0';
            break;
        }
    }
}

/* Two contacts with one number may be in doubt for one loss. Whose the call is that the platform has, only Redis knew:
 * it is told of the one that is asked about first. */
static void take_anothers(const struct dial_book *book, struct tally *tally)
{
    for (guint i = 0; i < book->dials->len; i++) {
        struct dial *found = book->dials->pdata[i];
        for (guint j = 0; j < book->dials->len && found->n_placed == 0 && found->told[0] != '\0'; j++) {
            const struct dial *placed = book->dials->pdata[j];
            if (phone_of(placed) != phone_of(found) || compare_contacts(placed, found) == 0 ||
                !is_untold(book, placed) || found->first_told_us < placed->known_us ||
                !dial_is_told_truly(book, placed, found->told))
                continue;
            found->is_anothers = true;
            found->told[0] = found->first_told[0] = '\0';
            tally->allowed++;
        }
    }
}

bool dial_book_has_anothers(const struct dial_book *book, const struct sim_batch *batch, size_t ordinal)
{
    for (guint i = 0; i < book->dials->len; i++) {
        const struct dial *dial = book->dials->pdata[i];
        if (dial->batch == batch && dial->ordinal == ordinal && dial->is_anothers)
            return true;
    }
    return false;
}

/* When the contact's next dial was begun; now where there is none. */
static int64_t followed_us(const struct dial_book *book, guint i)
{
    if (i + 1 >= book->dials->len || compare_contacts(book->dials->pdata[i], book->dials->pdata[i + 1]) != 0)
        return world_now_us();
    const struct dial *next = book->dials->pdata[i + 1];
    return next->begun_us != 0 ? next->begun_us : world_now_us();
}

/* It is looked for around the last loss alone: one of a loss before, that nobody had asked for yet, is never found
 * (docs/failure-model.md). */
static void forget_missed(const struct dial_book *book)
{
    for (guint i = 0; i < book->dials->len; i++) {
        struct dial *dial = book->dials->pdata[i];
        if (is_untold(book, dial) && campaign_lost_a_tail(book->campaign, dial->known_us, followed_us(book, i)))
            dial->is_forgotten = true;
    }
}

void dial_book_judge(struct dial_book *book, struct tally *tally)
{
    g_ptr_array_sort(book->dials, compare_dials);
    if (!book->campaign->keeps_tokens) {
        adopt_found(book);
        take_anothers(book, tally);
        forget_missed(book);
    }
    judge_contacts(book, tally);
    judge_numbers(book, tally);
    for (guint i = 0; i < book->dials->len; i++)
        judge_truth(book, book->dials->pdata[i]);
}
