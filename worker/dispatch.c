/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/heap.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/domain/contact_record.h"
#include "common/metrics/metrics.h"
#include "common/redis/keys.h"
#include "common/redis/script.h"
#include "worker/dial.h"
#include "worker/doubt.h"
#include "worker/notes.h"
#include "worker/place.h"
#include "worker/replicas.h"
#include "worker/supply.h"

/* A begin goes out this much ahead of its slot at least: the way to Redis and back. */
#define BEGIN_LEAD_US 4000
/* Those whose slots lie in one such stretch of Redis's time go together. With a longer one there are fewer scripts, but
 * who is claimed for an earlier slot when they have begun waits until behind the last of them. */
#define BEGIN_GATHER_US 2000
#define NEWER_MOST 2 /* readings of a batch's settings for one dial's columns: one may have been under way already */
#define REFUSED_PAUSE_US 500000 /* after a claim that Redis refused */

/* The places in the answer of call_claim.lua. */
enum { CLAIM_NOW, CLAIM_NEXT, CLAIM_MORE, CLAIM_LIMIT, CLAIM_LAG, CLAIM_CALLS };

struct dispatch {
    struct worker_cell *cell;
    struct worker *worker;
    struct place *place;
    struct doubt *doubt;
    struct supply *supply;
    struct dial *dials; /* all of them */
    size_t n_dials;
    struct heap *slots; /* dials that are not begun, by when their begins go out */
    struct heap *sends; /* those that are, by the instants that they reserved */
    struct loop_timer *timetable_timer;
    struct loop_timer *claim_timer;
    int64_t asked_us; /* monotonic: the claim under way */
    int64_t claim_at_us; /* what claim_timer is armed for; INT64_MAX: nothing */
    bool is_claiming; /* one is under way */
    bool is_wanted; /* a wake came meanwhile */
    bool is_full; /* there is no room for a claim: the next comes when there is */
    bool is_draining; /* no further one */
    bool claimed_in_pulse;
    char request[LIMIT_ID_LEN + 1]; /* kept until an answer came: a lost reply is asked for again */
    int64_t last_claim_us;
    int64_t lag_us; /* as the last claim told it */
    struct log_pace unreadable; /* a trunk that cannot be read says so with each of its calls */
};

/* ---- the timetable ---- */

static void arm_timetable(struct dispatch *d)
{
    int64_t ask_us = INT64_MAX, send_us = INT64_MAX;
    (void)heap_peek(d->slots, &ask_us);
    (void)heap_peek(d->sends, &send_us);
    int64_t at_us = ask_us < send_us ? ask_us : send_us;
    if (at_us < INT64_MAX)
        loop_timer_arm_at_us(d->timetable_timer, at_us);
    else
        loop_timer_disarm(d->timetable_timer);
}

static void claim_by(struct dispatch *d, int64_t at_us);

/* Calls that one more claim may bring; none rather than few, since a claim costs much the same whatever it brings. */
static size_t room(const struct dispatch *d)
{
    return d->n_dials + LIMIT_CLAIM_CALLS <= LIMIT_DIALS_IN_HAND ? LIMIT_CLAIM_CALLS : 0;
}

static void forget_dial(struct dispatch *d, struct dial *dial)
{
    heap_remove(d->slots, &dial->place);
    dial_set_state(dial, DIAL_OVER);
    if (dial->next)
        dial->next->previous = dial->previous;
    if (dial->previous)
        dial->previous->next = dial->next;
    else
        d->dials = dial->next;
    d->n_dials--;
    dial_free(dial);
    if (d->is_full && room(d) > 0) {
        d->is_full = false;
        claim_by(d, clock_mono_us());
    }
    worker_check_drained(d->worker);
}

static void on_over(struct dial *dial, void *arg)
{
    forget_dial(arg, dial);
}

static void on_begun(struct dial *dial, int64_t at_us, void *arg)
{
    struct dispatch *d = arg;
    if (heap_push(d->sends, at_us, dial, &dial->place) == 0)
        arm_timetable(d);
    else
        place_send(d->place, dial); /* at once rather than never */
}

/* The slot has come, and what the dial needs is there. */
static void go(struct dispatch *d, struct dial *dial)
{
    bool is_late = clock_mono_us() - dial->slot_us > LIMIT_SLOT_LATE_MS * INT64_C(1000);
    if (is_late || !replicas_permit(d->worker->replicas))
        place_release(d->place, dial);
    else
        place_begin(d->place, dial);
}

static void on_timetable(void *arg)
{
    struct dispatch *d = arg;
    int64_t now_us = clock_mono_us(), key;
    while (heap_peek(d->sends, &key) && key <= now_us)
        place_send(d->place, heap_pop(d->sends));
    while (heap_peek(d->slots, &key) && key <= now_us) {
        struct dial *dial = heap_pop(d->slots);
        if (dial->state == DIAL_WAITING) /* one that is still loading goes when it is loaded */
            go(d, dial);
    }
    arm_timetable(d);
}

/* ---- loading what a dial needs ---- */

static void on_loaded(struct dispatch *d, struct dial *dial)
{
    int64_t passed;
    if (dial->is_torn) {
        place_strike(d->place, &(struct settle_dial){dial->batch_id, dial->ordinal, dial->number},
                     "metadata_unreadable");
        forget_dial(d, dial);
        return;
    }
    if (dial->load_err != 0) {
        /* Its lease gives it back in a while: to claim it again at once would go round and round. */
        if (log_pace_permits(&d->unreadable, clock_mono_us(), &passed))
            log_warn("dial.unreadable", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                     log_err(dial->load_err), log_i64("passed_over", passed));
        forget_dial(d, dial);
        return;
    }
    dial_set_state(dial, DIAL_WAITING);
    if (d->is_draining) {
        heap_remove(d->slots, &dial->place);
        place_release(d->place, dial);
    } else if (dial->place == HEAP_NOWHERE) {
        go(d, dial);
    }
}

static void on_doubt_settled(struct dial *dial, bool may_begin, void *arg)
{
    struct dispatch *d = arg;
    if (may_begin)
        on_loaded(d, dial);
    else
        forget_dial(d, dial);
}

static void reading_over(struct dial *dial, int err)
{
    struct dispatch *d = dial->dispatch;
    if (err != 0 && dial->load_err == 0)
        dial->load_err = err;
    if (--dial->n_loading > 0)
        return;
    if (dial->doubt.first != 0 && dial->load_err == 0)
        doubt_settle(d->doubt, dial);
    else
        on_loaded(d, dial);
}

/* Settings are kept for a while, and contacts that came since may have columns of their own. */
static void on_settings(const struct batch_settings *batch, int err, void *arg)
{
    struct dial *dial = arg;
    if (err != 0) {
        reading_over(dial, err);
        return;
    }
    err = contact_record_attach_columns(&dial->contact, batch->columns ? batch->columns : "", batch->columns_len);
    if (err == ERR_NOT_FOUND && dial->n_newer < NEWER_MOST) {
        dial->n_newer++;
        settings_get_newer(dial->dispatch->cell->settings, batch, on_settings, dial);
        return;
    }
    dial->is_torn = dial->is_torn || err == ERR_NOT_FOUND || err == ERR_INVALID;
    dial->batch = settings_ref(batch);
    reading_over(dial, err);
}

static void on_metadata(const struct redisReply *reply, int err, void *arg)
{
    struct dial *dial = arg;
    const char *text = NULL;
    size_t len = 0;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = reply_str(reply, &text, &len);
    if (err == 0)
        err = contact_record_attach_metadata(&dial->contact, text, len);
    dial->is_torn = dial->is_torn || (err != 0 && err != ERR_NOMEM && err != ERR_AUTH && !err_is_retryable(err));
    reading_over(dial, err);
}

static void read_metadata(struct dispatch *d, struct dial *dial)
{
    char ordinal[REDIS_I64_LEN];
    struct key key = key_batch_extra(d->cell->id, dial->batch_id, dial->ordinal / LIMIT_BUCKET);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key),
                                     redis_arg_i64((int64_t)dial->ordinal, ordinal)};
    int rc = redis_command(d->worker->redis, args, 3, WORKER_READ_DEADLINE_MS, on_metadata, dial);
    if (rc != 0)
        reading_over(dial, rc);
}

static void load(struct dispatch *d, struct dial *dial, bool has_metadata_elsewhere)
{
    dial->n_loading = has_metadata_elsewhere ? 2 : 1;
    if (has_metadata_elsewhere)
        read_metadata(d, dial);
    settings_get(d->cell->settings, dial->batch_id, on_settings, dial);
}

/* ---- claiming ---- */

static void claim_now(struct dispatch *d);

static void on_claim_timer(void *arg)
{
    struct dispatch *d = arg;
    d->claim_at_us = INT64_MAX;
    claim_now(d);
}

/* Makes the next claim come not later than `at_us` (monotonic). */
static void claim_by(struct dispatch *d, int64_t at_us)
{
    if (at_us >= d->claim_at_us)
        return;
    d->claim_at_us = at_us;
    loop_timer_arm_at_us(d->claim_timer, at_us);
}

/* "<ms> <ms> ...", oldest first. */
static void take_earlier_tails(struct doubt_state *doubt, const struct redisReply *text)
{
    const char *at = NULL;
    size_t len;
    if (reply_str(text, &at, &len) != 0)
        return;
    while (*at != '\0' && doubt->n_earlier < LIMIT_DOUBT_EARLIER) {
        size_t digits = strcspn(at, " ");
        if (parse_i64(at, digits, 0, INT64_MAX, &doubt->earlier_ms[doubt->n_earlier]) != 0)
            return;
        doubt->n_earlier++;
        at += digits + (at[digits] == ' ' ? 1 : 0);
    }
}

/* Whether the call is in doubt, and since when: "" where it is not. */
static void take_doubt(struct dial *dial, const struct redisReply *call)
{
    int64_t first = 0;
    if (reply_i64(reply_at(call, 6), &first) == 0 && reply_i64(reply_at(call, 7), &dial->doubt.tail_ms) == 0 &&
        reply_i64(reply_at(call, 8), &dial->doubt.tail_from_ms) == 0) {
        dial->doubt.first = (uint32_t)first;
        take_earlier_tails(&dial->doubt, reply_at(call, 9));
    }
}

/* When the begin of a slot goes out, by Redis's clock. All workers' at the same instants, so that those that share a
 * limit ask for it in about the order of their slots: one that came after a later one would have to wait for it. */
static int64_t ask_at_us(int64_t slot_us)
{
    int64_t latest_us = slot_us - BEGIN_LEAD_US;
    return latest_us - latest_us % BEGIN_GATHER_US;
}

static void take_call(struct dispatch *d, const struct redisReply *call)
{
    const char *batch_id = NULL, *record = NULL;
    size_t batch_len = 0, record_len = 0;
    int64_t ordinal = 0, number = 0, slot_us = 0, attempts = 0;
    bool has_metadata_elsewhere = false;
    struct dial *dial = NULL;
    const struct redis_clock *clock = &d->worker->redis_clock;
    int rc = reply_str(reply_at(call, 0), &batch_id, &batch_len);
    if (rc == 0)
        rc = reply_i64(reply_at(call, 1), &ordinal);
    if (rc == 0)
        rc = reply_i64(reply_at(call, 2), &number);
    if (rc == 0)
        rc = reply_i64(reply_at(call, 3), &slot_us);
    if (rc == 0)
        rc = reply_i64(reply_at(call, 4), &attempts);
    if (rc == 0)
        rc = reply_str(reply_at(call, 5), &record, &record_len);
    if (rc == 0)
        rc = dial_create(d, batch_id, batch_len, (uint64_t)ordinal, (uint32_t)number,
                         redis_clock_mono_us(clock, slot_us), record, record_len, &has_metadata_elsewhere, &dial);
    if (rc != 0) {
        log_error("claim.unreadable_call", log_strn("batch", batch_id, batch_len), log_i64("ordinal", ordinal),
                  log_err(rc));
        if (rc == ERR_INVALID && record)
            place_strike(d->place, &(struct settle_dial){batch_id, (uint64_t)ordinal, (uint32_t)number},
                         "contact_unreadable");
        return;
    }
    dial->attempts = (int32_t)attempts;
    take_doubt(dial, call);
    dial->next = d->dials;
    if (d->dials)
        d->dials->previous = dial;
    d->dials = dial;
    d->n_dials++;
    if (heap_push(d->slots, redis_clock_mono_us(clock, ask_at_us(slot_us)), dial, &dial->place) != 0)
        log_error("claim.timetable_full", log_i64("dials", (int64_t)d->n_dials));
    load(d, dial, has_metadata_elsewhere);
}

static void plan_next(struct dispatch *d, const struct redisReply *reply)
{
    int64_t next_ms, more = 0;
    if (reply_i64(reply_at(reply, CLAIM_MORE), &more) == 0 && more == 1)
        claim_by(d, clock_mono_us());
    else if (reply_i64(reply_at(reply, CLAIM_NEXT), &next_ms) == 0)
        supply_expect(d->supply, worker_mono_us(d->worker, next_ms));
}

static void note_claim(struct dispatch *d, const struct redisReply *reply, size_t n_calls)
{
    struct worker_metrics *metrics = &d->worker->metrics;
    const char *limit;
    size_t len;
    int64_t lag_ms;
    metric_add(metrics->claimed, (double)n_calls);
    metric_observe(metrics->claim_calls, (double)n_calls);
    if (reply_str(reply_at(reply, CLAIM_LIMIT), &limit, &len) == 0)
        worker_metrics_note_limit(metrics, limit);
    if (reply_i64(reply_at(reply, CLAIM_LAG), &lag_ms) == 0)
        d->lag_us = lag_ms * 1000;
}

/* And what was set aside. How many calls there were. */
static size_t take_calls(struct dispatch *d, const struct redisReply *reply)
{
    size_t n_calls = 0;
    for (size_t i = CLAIM_CALLS; i < reply_len(reply); i++) {
        const struct redisReply *row = reply_at(reply, i);
        if (reply_len(row) == NOTE_WORDS) {
            notes_take(row, d->cell);
            continue;
        }
        take_call(d, row);
        n_calls++;
    }
    return n_calls;
}

static int take_claim(struct dispatch *d, const struct redisReply *reply)
{
    int64_t redis_now_us = 0;
    int rc = reply_to_err(reply);
    if (rc == 0)
        rc = reply_i64(reply_at(reply, CLAIM_NOW), &redis_now_us);
    if (rc != 0)
        return rc;
    d->request[0] = '\0';
    d->last_claim_us = clock_mono_us();
    worker_note_redis_time(d->worker, d->asked_us, redis_now_us);
    note_claim(d, reply, take_calls(d, reply));
    plan_next(d, reply);
    arm_timetable(d);
    return 0;
}

static void on_claim(const struct redisReply *reply, int err, void *arg)
{
    struct dispatch *d = arg;
    int rc = err == 0 ? take_claim(d, reply) : err;
    if (rc != 0) {
        metric_add(d->worker->metrics.claims_failed, 1);
        log_warn("claim.failed", log_str("cell", d->cell->id), log_err(rc));
        claim_by(d, clock_mono_us() + REFUSED_PAUSE_US);
    } else if (d->is_wanted) {
        claim_by(d, clock_mono_us());
    }
    d->is_wanted = false;
    d->is_claiming = false;
    worker_check_drained(d->worker);
}

static int ask(struct dispatch *d, size_t most)
{
    char calls[REDIS_I64_LEN], steps[REDIS_I64_LEN], horizon[REDIS_I64_LEN], lease[REDIS_I64_LEN];
    char doubt_lease[REDIS_I64_LEN];
    if (d->request[0] == '\0') {
        int rc = ident_make_random("r", 20, d->request, sizeof d->request);
        if (rc != 0)
            return rc;
    }
    const struct redis_arg args[] = {
        redis_arg_str(d->worker->id),
        redis_arg_str(d->request),
        redis_arg_i64((int64_t)most, calls),
        redis_arg_i64(LIMIT_CLAIM_STEPS, steps),
        redis_arg_i64(LIMIT_HORIZON_MS * INT64_C(1000), horizon),
        redis_arg_i64(LIMIT_CLAIM_LEASE_MS, lease),
        redis_arg_i64(LIMIT_DOUBT_LEASE_MS, doubt_lease),
    };
    d->asked_us = clock_mono_us();
    return script_run(d->worker->redis, LUA_CALL_CLAIM, d->cell->prefix, args, sizeof args / sizeof args[0],
                      WORKER_SCRIPT_DEADLINE_MS, on_claim, d);
}

static void claim_now(struct dispatch *d)
{
    if (d->is_draining || !redis_is_ready(d->worker->redis) || !replicas_permit(d->worker->replicas))
        return;
    if (d->is_claiming) {
        d->is_wanted = true;
        return;
    }
    d->is_full = room(d) == 0;
    if (d->is_full)
        return;
    if (ask(d, room(d)) != 0) {
        claim_by(d, clock_mono_us() + REFUSED_PAUSE_US);
        return;
    }
    d->is_claiming = true;
    d->claimed_in_pulse = true;
}

static void on_low_supply(void *arg)
{
    claim_now(arg);
}

void dispatch_on_ready(struct dispatch *d)
{
    place_flush(d->place);
    doubt_flush(d->doubt);
    claim_now(d);
}

void dispatch_wake(struct dispatch *d)
{
    claim_now(d);
}

void dispatch_expect(struct dispatch *d, int64_t at_ms)
{
    supply_expect(d->supply, worker_mono_us(d->worker, at_ms));
}

bool dispatch_pulse(struct dispatch *d)
{
    bool is_quiet = !d->claimed_in_pulse;
    if (is_quiet)
        claim_now(d);
    d->claimed_in_pulse = false;
    return is_quiet;
}

void dispatch_drain(struct dispatch *d)
{
    d->is_draining = true;
    for (struct dial *dial = d->dials, *next; dial; dial = next) {
        next = dial->next;
        if (dial->state != DIAL_WAITING)
            continue;
        heap_remove(d->slots, &dial->place);
        place_release(d->place, dial);
    }
}

bool dispatch_is_idle(const struct dispatch *d)
{
    return d->n_dials == 0 && !d->is_claiming;
}

struct place *dispatch_place(const struct dispatch *d)
{
    return d->place;
}

struct doubt *dispatch_doubt(const struct dispatch *d)
{
    return d->doubt;
}

int64_t dispatch_lag_us(const struct dispatch *d)
{
    return d->lag_us;
}

void dispatch_count_phases(const struct dispatch *d, size_t ret_counts[DIAL_STATE_COUNT])
{
    for (const struct dial *dial = d->dials; dial; dial = dial->next)
        ret_counts[dial->state]++;
}

int64_t dispatch_last_claim_us(const struct dispatch *d)
{
    return d->last_claim_us;
}

int dispatch_create(struct worker_cell *cell, struct dispatch **ret_dispatch)
{
    int rc = ERR_NOMEM;
    struct dispatch *d = calloc(1, sizeof *d);
    if (!d)
        goto cleanup;
    d->cell = cell;
    d->worker = cell->worker;
    d->claim_at_us = INT64_MAX;
    d->slots = heap_create(LIMIT_DIALS_IN_HAND);
    d->sends = heap_create(LIMIT_DIALS_IN_HAND);
    if (!d->slots || !d->sends)
        goto cleanup;
    rc = loop_timer_create(d->worker->loop, on_timetable, d, &d->timetable_timer);
    if (rc == 0)
        rc = loop_timer_create(d->worker->loop, on_claim_timer, d, &d->claim_timer);
    if (rc == 0)
        rc = place_create(cell, &(struct place_owner){.on_begun = on_begun, .on_over = on_over, .arg = d}, &d->place);
    if (rc == 0)
        rc = doubt_create(cell, on_doubt_settled, d, &d->doubt);
    if (rc == 0)
        rc = supply_create(cell, on_low_supply, d, &d->supply);
    if (rc != 0)
        goto cleanup;
    *ret_dispatch = d;
    return 0;
cleanup:
    dispatch_free(d);
    return rc;
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    place_free(d->place);
    doubt_free(d->doubt);
    supply_free(d->supply);
    while (d->dials) {
        struct dial *dial = d->dials;
        d->dials = dial->next;
        dial_free(dial);
    }
    loop_timer_free(d->timetable_timer);
    loop_timer_free(d->claim_timer);
    heap_free(d->slots);
    heap_free(d->sends);
    free(d);
}
