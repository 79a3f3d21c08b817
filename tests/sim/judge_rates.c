/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge_rates.h"

#include <inttypes.h>

#include "tests/sim/judge_dial.h"

#define SECOND_US 1000000

/* Which dials count for a limit. */
struct scope {
    const char *id;
    int64_t cps, max_concurrent;
    const struct sim_batch *batch; /* NULL: by the next */
    bool is_trunk;
    size_t index;
};

/* One more call on the line, or one less. */
struct step {
    int64_t at_us;
    int change;
};

static bool covers(const struct scope *scope, const struct dial *dial)
{
    if (scope->batch)
        return dial->batch == scope->batch;
    return (scope->is_trunk ? dial->batch->trunk : dial->batch->tenant) == scope->index;
}

static gint compare_instants(gconstpointer left, gconstpointer right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Ends come before begins of the same instant. */
static gint compare_steps(gconstpointer left, gconstpointer right)
{
    const struct step *a = left, *b = right;
    if (a->at_us != b->at_us)
        return a->at_us < b->at_us ? -1 : 1;
    return a->change - b->change;
}

static void judge_begins(const struct scope *scope, const GPtrArray *dials)
{
    GArray *begins = g_array_new(FALSE, FALSE, sizeof(int64_t));
    for (guint i = 0; i < dials->len; i++) {
        const struct dial *dial = dials->pdata[i];
        if (dial->begun_us != 0 && covers(scope, dial))
            g_array_append_val(begins, dial->begun_us);
    }
    g_array_sort(begins, compare_instants);
    const int64_t *at_us = (const int64_t *)(void *)begins->data;
    for (guint i = (guint)scope->cps; i < begins->len; i++)
        if (at_us[i] - at_us[i - (guint)scope->cps] < SECOND_US)
            judge_broken(PROMISE_OVER_LIMIT, "%s: %" PRId64 " begins in %" PRId64 " us", scope->id, scope->cps + 1,
                         at_us[i] - at_us[i - (guint)scope->cps]);
    g_array_free(begins, TRUE);
}

/* The most calls on the line at once. `campaign`: those that Redis forgot do not count; NULL: all do. */
static int64_t most_at_once(const struct scope *scope, const GPtrArray *dials, const struct campaign *campaign)
{
    GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct step));
    int64_t open = 0, most = 0;
    for (guint i = 0; i < dials->len; i++) {
        const struct dial *dial = dials->pdata[i];
        if (dial->n_placed == 0 || dial->is_forgotten || !covers(scope, dial) ||
            (campaign && campaign_was_lost(campaign, dial->known_us)))
            continue;
        struct step up = {dial->placed_us, 1}, down = {dial->ended_us, -1};
        g_array_append_val(steps, up);
        if (dial->ended_us != 0)
            g_array_append_val(steps, down);
    }
    g_array_sort(steps, compare_steps);
    for (guint i = 0; i < steps->len; i++) {
        open += g_array_index(steps, struct step, i).change;
        most = open > most ? open : most;
    }
    g_array_free(steps, TRUE);
    return most;
}

/* A dial that Redis forgot together with its worker holds no place until it is found (docs/failure-model.md). */
static void judge_concurrency(const struct scope *scope, const struct campaign *campaign, const GPtrArray *dials,
                              struct tally *tally)
{
    int64_t most = most_at_once(scope, dials, NULL);
    if (most <= scope->max_concurrent)
        return;
    if (most_at_once(scope, dials, campaign) <= scope->max_concurrent)
        tally->allowed++;
    else
        judge_broken(PROMISE_OVER_LIMIT, "%s: %" PRId64 " calls at once", scope->id, most);
}

static void judge_scope(const struct scope *scope, const struct campaign *campaign, const GPtrArray *dials,
                        struct tally *tally)
{
    judge_begins(scope, dials);
    if (scope->max_concurrent > 0)
        judge_concurrency(scope, campaign, dials, tally);
}

void rates_judge(const struct campaign *c, const GPtrArray *dials, struct tally *tally)
{
    for (size_t i = 0; i < c->n_batches; i++) {
        const struct sim_batch *batch = &c->batches[i];
        judge_scope(&(struct scope){.id = batch->id,
                                    .cps = batch->options.max_calls_per_second,
                                    .max_concurrent = batch->options.max_concurrent_calls,
                                    .batch = batch},
                    c, dials, tally);
    }
    for (size_t i = 0; i < c->n_tenants; i++) {
        const struct sim_limit *tenant = &c->tenants[i];
        judge_scope(&(struct scope){tenant->id, tenant->cps, tenant->max_concurrent, NULL, false, i}, c, dials, tally);
    }
    for (size_t i = 0; i < c->n_trunks; i++) {
        const struct sim_limit *trunk = &c->trunks[i];
        judge_scope(&(struct scope){trunk->id, trunk->cps, trunk->max_concurrent, NULL, true, i}, c, dials, tally);
    }
}
