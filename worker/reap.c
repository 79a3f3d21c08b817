/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/reap.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/domain/phone.h"
#include "common/domain/token.h"
#include "common/metrics/metrics.h"
#include "common/redis/script.h"
#include "worker/dispatch.h"
#include "worker/notes.h"
#include "worker/outbox.h"
#include "worker/place.h"
#include "worker/placed.h"
#include "worker/settings.h"

#define AGAIN_US 1000000 /* until due checks are asked for again that cannot be had now */
#define CHECK_LEASE_MS 15000 /* longer than one lookup may take */
#define CHECK_LEAST_MS 1000 /* between two looks at one call */
#define HANG_UP_AGAIN_MS 5000 /* between two requests to hang a call up */
#define DOUBT_MOST_MS 60000 /* between two looks at a call that no platform has confirmed */

struct reap {
    struct worker_cell *cell;
    struct worker *worker;
    struct outbox_spec recheck_spec;
    struct outbox *rechecks;
    struct loop_timer *check_timer;
    int64_t check_at_us; /* what check_timer is armed for; INT64_MAX: nothing */
    bool is_checking; /* due checks are being asked for, */
    int64_t checks_asked_us; /* since then */
    struct check *checks; /* lookups under way */
    size_t n_checks;
};

/* One leased call being looked up. */
struct check {
    struct reap *reap;
    struct check *next, *previous;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    struct settle_dial dial;
    int64_t asked_ms; /* Redis's clock: what the platform answers was so then, whenever it is told */
    struct call_text call;
    const struct batch_settings *batch; /* a reference */
    struct placed_question question; /* of a lookup by number */
    struct provider_result found; /* the same: what is to be held against the other dials, */
    bool is_only_one; /* and whether there was nothing else */
};

static void check_free(struct check *check)
{
    provider_result_clear(&check->found);
    settings_unref(check->batch);
    free(check);
}

static void check_end(struct check *check)
{
    struct reap *r = check->reap;
    if (check->next)
        check->next->previous = check->previous;
    if (check->previous)
        check->previous->next = check->next;
    else
        r->checks = check->next;
    r->n_checks--;
    check_free(check);
    worker_check_drained(r->worker);
}

/* ---- when to look again ---- */

static void check_by(struct reap *r, int64_t at_us)
{
    if (at_us >= r->check_at_us)
        return;
    r->check_at_us = at_us;
    loop_timer_arm_at_us(r->check_timer, at_us);
}

void reap_expect(struct reap *r, int64_t at_ms)
{
    check_by(r, worker_mono_us(r->worker, at_ms));
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    if (most < least)
        most = least;
    return value < least ? least : value > most ? most : value;
}

/* How long ago the dial began. By its deadline too: where Redis's clock was set since, it was told anew, and until that
 * is done (reassert.h) nothing is known of it. */
static int64_t since_begin_ms(const struct reap *r, const struct check *check)
{
    int64_t now_ms = worker_redis_now_ms(r->worker), by_begin_ms = now_ms - check->call.begin_ms;
    if (clock_mono_us() < r->cell->deadlines_from_us)
        return 0;
    if (!check->batch)
        return by_begin_ms;
    int64_t by_deadline_ms = place_life_ms(check->batch) - (check->call.deadline_ms - now_ms);
    return by_begin_ms < by_deadline_ms ? by_begin_ms : by_deadline_ms;
}

/* Half of the time since the begin again: often at first, then ever less. */
static int64_t next_look_ms(const struct reap *r, const struct check *check)
{
    int64_t least = CHECK_LEAST_MS, most = DOUBT_MOST_MS;
    if (check->call.provider_id[0] != '\0' && check->batch) {
        least = clamp(check->batch->trunk->poll_after_ms, CHECK_LEAST_MS, DOUBT_MOST_MS);
        most = check->batch->max_call_duration_s * INT64_C(500);
    }
    return clamp(since_begin_ms(r, check) / 2, least, most);
}

/* ---- telling Redis ---- */

static void on_recheck(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct reap *r = arg;
    const char *word = "";
    size_t len;
    if (err == 0)
        err = reply_str(reply, &word, &len);
    if (err != 0)
        log_error("check.refused_by_script", log_str("cell", r->cell->id), log_err(err));
    if (err == 0 && strcmp(word, "givenback") == 0) {
        log_info("call.given_back", log_str("cell", r->cell->id), log_str("why", "the platform has no such call"));
        dispatch_wake(r->cell->dispatch);
    }
    worker_check_drained(r->worker);
}

/* `said`: the platform's id for it, or of a doubt its words. `wait_ms`: how far apart two absences count, or of a doubt
 * how long its trunk is silent. */
static void recheck(struct reap *r, const struct settle_dial *dial, const char *what, const char *said, int64_t in_ms,
                    int64_t wait_ms, int64_t asked_ms)
{
    char space[5][REDIS_I64_LEN];
    int64_t at_ms = worker_redis_now_ms(r->worker) + in_ms;
    const struct redis_arg args[] = {
        redis_arg_str(dial->batch_id),
        redis_arg_i64((int64_t)dial->ordinal, space[0]),
        redis_arg_i64(dial->number, space[1]),
        redis_arg_str(what),
        redis_arg_str(said),
        redis_arg_i64(at_ms, space[2]),
        redis_arg_i64(wait_ms, space[3]),
        redis_arg_i64(asked_ms, space[4]),
    };
    reap_expect(r, at_ms);
    if (outbox_add(r->rechecks, args, on_recheck, r) != 0)
        log_error("check.untold", log_str("batch", dial->batch_id), log_err(ERR_NOMEM));
}

void reap_doubt(struct reap *r, const struct settle_dial *dial, const char *reason, int64_t in_ms, int64_t hold_ms)
{
    recheck(r, dial, "doubt", reason, in_ms, hold_ms, 0);
}

void reap_seen(struct reap *r, const struct settle_dial *dial, const char *provider_id, bool is_answered, int64_t in_ms)
{
    recheck(r, dial, is_answered ? "answered" : "seen", provider_id, in_ms, 0, 0);
}

/* ---- looking up ---- */

static void on_settled(enum settle_end end, void *arg)
{
    struct check *check = arg;
    if (end == SETTLE_UNAVAILABLE) /* once Redis is back, not only when the lease has passed */
        recheck(check->reap, &check->dial, "unsure", "", CHECK_LEAST_MS, 0, 0);
    check_end(check);
}

/* At its deadline a call that the platform could not settle ends as UNKNOWN; not while a clock that jumped may have
 * made it pass. One that was absent before and still is was not placed: that gives it back, as at any other time. */
static bool is_out_of_time(const struct check *check, enum provider_found found)
{
    const struct call_text *call = &check->call;
    int64_t now_ms = worker_redis_now_ms(check->reap->worker);
    bool is_proven_absent = found == PROVIDER_ABSENT && call->provider_id[0] == '\0' && call->absent_ms != 0 &&
                            now_ms - call->absent_ms >= place_absent_after_ms(check->batch);
    bool is_in_doubt = clock_mono_us() < check->reap->cell->deadlines_from_us;
    return now_ms >= call->deadline_ms && !is_in_doubt && !is_proven_absent;
}

/* A call that waits at its platform and would ring outside its batch's hours. */
static bool is_to_be_stopped(const struct check *check)
{
    return check->call.must_stop && check->call.provider_id[0] != '\0' &&
           provider_profile_can_cancel(check->batch->trunk->profile);
}

/* At its deadline the call still waits at its platform, which lets calls wait: nobody was rung. To leave it there and
 * go on would ring somebody twice. */
static bool waits_too_long(const struct check *check, enum provider_found found, const struct provider_result *result)
{
    const struct provider_profile *profile = check->batch->trunk->profile;
    return found == PROVIDER_FOUND && result->kind == PROVIDER_RINGING && result->provider_id[0] != '\0' &&
           !check->call.must_stop && provider_profile_can_queue(profile) && provider_profile_can_cancel(profile) &&
           is_out_of_time(check, found);
}

/* A call on the line of a batch that was cancelled with all of its calls. */
static bool is_to_be_hung_up(const struct check *check)
{
    return check->call.must_hang_up && check->call.provider_id[0] != '\0' &&
           provider_profile_can_hang_up(check->batch->trunk->profile);
}

/* The platform did not say that the call is over. */
static void look_again(struct check *check, enum provider_found found, const struct provider_result *result,
                       int64_t retry_after_ms)
{
    struct reap *r = check->reap;
    int64_t again_ms = is_to_be_stopped(check) ? CHECK_LEAST_MS : next_look_ms(r, check);
    if (is_to_be_hung_up(check))
        again_ms = clamp(again_ms, CHECK_LEAST_MS, HANG_UP_AGAIN_MS);
    const char *provider_id = result->provider_id[0] != '\0' ? result->provider_id : check->call.provider_id;
    switch (found) {
    case PROVIDER_FOUND:
        recheck(r, &check->dial, result->kind == PROVIDER_ONGOING ? "answered" : "seen", provider_id, again_ms, 0, 0);
        break;
    case PROVIDER_ABSENT:
        recheck(r, &check->dial, "absent", "", again_ms, place_absent_after_ms(check->batch), check->asked_ms);
        break;
    case PROVIDER_FAILED:
        recheck(r, &check->dial, "unsure", "", clamp(retry_after_ms, again_ms, DOUBT_MOST_MS), 0, 0);
        break;
    }
    check_end(check);
}

/* It is stopped by its next check, which is due now: whoever hears first that it was, gives it back. */
static void stop_late(struct check *check, const struct provider_result *result)
{
    log_info("call.late", log_str("batch", check->batch_id), log_i64("ordinal", (int64_t)check->dial.ordinal),
             log_i64("dial", check->dial.number));
    recheck(check->reap, &check->dial, "late", result->provider_id, 0, 0, 0);
    check_end(check);
}

static void conclude(struct check *check, enum provider_found found, const struct provider_result *result,
                     int64_t retry_after_ms)
{
    struct settle *settle = check->reap->cell->settle;
    if (found == PROVIDER_FOUND && (result->kind == PROVIDER_ENDED || result->kind == PROVIDER_ANALYZED))
        settle_report(settle, &check->dial, result, SETTLE_BY_LOOKUP, on_settled, check);
    else if (waits_too_long(check, found, result))
        stop_late(check, result);
    else if (is_out_of_time(check, found))
        settle_unknown(settle, &check->dial, on_settled, check);
    else
        look_again(check, found, result, retry_after_ms);
}

/* Nothing could be learnt this time. */
static void give_up(struct check *check, const char *event, int err)
{
    log_warn(event, log_str("batch", check->batch_id), log_i64("ordinal", (int64_t)check->dial.ordinal), log_err(err));
    if (check->batch) {
        conclude(check, PROVIDER_FAILED, &check->found, -1);
        return;
    }
    recheck(check->reap, &check->dial, "unsure", "", next_look_ms(check->reap, check), 0, 0);
    check_end(check);
}

/* ---- by number: what is found is ours only where no other dial can have a claim on it ---- */

static int ask_placed(struct check *check, placed_fn fn)
{
    check->question = (struct placed_question){
        .number = check->call.phone,
        .dial = check->dial,
        .span_ms = provider_profile_lookup_span_ms(check->batch->trunk->profile),
        .fn = fn,
        .arg = check,
    };
    return placed_read(check->reap->cell, &check->question);
}

static bool is_others(const struct placed *placed, const char *provider_id)
{
    for (size_t i = 0; i < placed->n_ids; i++)
        if (strcmp(placed->ids[i], provider_id) == 0)
            return true;
    return false;
}

/* Read again behind the platform's answer: every dial whose call can be in its list was recorded before that. */
static void on_rivals(const struct placed *placed, int err, void *arg)
{
    struct check *check = arg;
    const char *id = check->found.provider_id;
    if (err != 0) {
        give_up(check, "check.neighbours_unreadable", err);
        return;
    }
    bool is_ours =
        check->is_only_one && placed->is_complete && !placed->is_contested && id[0] != '\0' && !is_others(placed, id);
    if (!is_ours)
        log_info("check.contested", log_str("batch", check->batch_id), log_i64("ordinal", (int64_t)check->dial.ordinal),
                 log_i64("dial", check->dial.number), log_str("provider_id", id));
    conclude(check, is_ours ? PROVIDER_FOUND : PROVIDER_FAILED, &check->found, -1);
}

/* Of two that no dial is known to own, one is somebody's whom we do not know: a create request places one call. */
static void hold_against_rivals(struct check *check, const struct provider_answer *answer)
{
    int rc = provider_result_copy(&answer->result, &check->found);
    check->is_only_one = answer->matches == 1;
    if (rc == 0)
        rc = ask_placed(check, on_rivals);
    if (rc != 0)
        give_up(check, "check.neighbours_unreadable", rc);
}

/* ---- asking ---- */

static void on_answer(const struct provider_answer *answer, void *arg)
{
    struct check *check = arg;
    bool is_by_number = check->question.fn != NULL;
    if (answer->matches > 1 && !is_by_number)
        log_error("check.placed_twice", log_str("batch", check->batch_id),
                  log_i64("ordinal", (int64_t)check->dial.ordinal), log_i64("dial", check->dial.number),
                  log_i64("calls", (int64_t)answer->matches));
    if (answer->found == PROVIDER_FAILED)
        log_warn("check.failed", log_str("batch", check->batch_id), log_i64("ordinal", (int64_t)check->dial.ordinal),
                 log_i64("status", answer->http_status), log_said("reason", answer->reason));
    if (answer->found == PROVIDER_FOUND && is_by_number)
        hold_against_rivals(check, answer);
    else
        conclude(check, answer->found, &answer->result, answer->retry_after_ms);
}

static int look_up(struct check *check, const struct placed *placed)
{
    struct worker *w = check->reap->worker;
    const struct trunk_settings *trunk = check->batch->trunk;
    char token[LIMIT_TOKEN_LEN + 1], to[PHONE_TEXT_LEN + 1] = "", from[PHONE_TEXT_LEN + 1];
    int rc = token_make(seal_token_key(w->keys), check->batch_id, check->dial.ordinal, check->dial.number, token);
    if (rc != 0)
        return rc;
    if (check->call.phone != 0)
        phone_format(check->call.phone, to);
    if (check->call.caller != 0)
        phone_format(check->call.caller, from); /* whatever the trunk's caller ids are by now */
    else
        settings_caller_id(check->batch, check->dial.ordinal, from);
    const struct provider_lookup lookup = {
        .token = token,
        .to = to,
        .from = from,
        .begin_ms = check->call.begin_ms,
        .clock_ahead_ms = worker_redis_ahead_ms(w),
        .exclude_ids = placed ? placed->ids : NULL,
        .n_exclude_ids = placed ? placed->n_ids : 0,
    };
    return provider_http_lookup(w->provider, trunk->profile, &trunk->provider, &lookup, on_answer, check, NULL);
}

/* Which calls to the number are other dials'. Without that an answer would prove nothing, either way. */
static void on_neighbours(const struct placed *placed, int err, void *arg)
{
    struct check *check = arg;
    if (err == 0 && !placed->is_complete)
        err = ERR_STATE;
    if (err == 0)
        err = look_up(check, placed);
    if (err != 0)
        give_up(check, "check.neighbours_unknown", err);
}

static int ask_by_id(struct check *check)
{
    const struct trunk_settings *trunk = check->batch->trunk;
    return provider_http_poll(check->reap->worker->provider, trunk->profile, &trunk->provider, check->call.provider_id,
                              on_answer, check, NULL);
}

/* Whatever the platform answered, the call itself tells whether it was stopped in time. */
static void on_stopped(const struct provider_answer *answer, void *arg)
{
    struct check *check = arg;
    log_info("call.stopped", log_str("batch", check->batch_id), log_i64("ordinal", (int64_t)check->dial.ordinal),
             log_i64("dial", check->dial.number), log_i64("status", answer->http_status));
    int rc = ask_by_id(check);
    if (rc != 0)
        give_up(check, "check.not_made", rc);
}

/* To ask twice does no harm. */
static int ask_to_stop(struct check *check)
{
    const struct trunk_settings *trunk = check->batch->trunk;
    return provider_http_cancel(check->reap->worker->provider, trunk->profile, &trunk->provider,
                                check->call.provider_id, on_stopped, check, NULL);
}

static int ask_to_hang_up(struct check *check)
{
    const struct trunk_settings *trunk = check->batch->trunk;
    return provider_http_hang_up(check->reap->worker->provider, trunk->profile, &trunk->provider,
                                 check->call.provider_id, on_stopped, check, NULL);
}

static int look(struct check *check)
{
    const struct trunk_settings *trunk = check->batch->trunk;
    check->asked_ms = worker_redis_now_ms(check->reap->worker);
    metric_add(check->reap->worker->metrics.lookups, 1);
    if (is_to_be_hung_up(check))
        return ask_to_hang_up(check);
    if (is_to_be_stopped(check))
        return ask_to_stop(check);
    if (check->call.provider_id[0] != '\0')
        return ask_by_id(check);
    if (provider_profile_lookup_span_ms(trunk->profile) > 0)
        return ask_placed(check, on_neighbours);
    return look_up(check, NULL);
}

static size_t checks_of(const struct reap *r, const struct trunk_settings *trunk)
{
    size_t n = 0;
    for (const struct check *check = r->checks; check; check = check->next)
        n += check->batch && strcmp(check->batch->trunk->id, trunk->id) == 0;
    return n;
}

static void on_batch(const struct batch_settings *batch, int err, void *arg)
{
    struct check *check = arg;
    if (err == 0) {
        check->batch = settings_ref(batch);
        if (checks_of(check->reap, batch->trunk) > LIMIT_TRUNK_LOOKUPS) {
            check_end(check); /* its lease brings it back */
            return;
        }
        err = look(check);
    }
    if (err != 0)
        give_up(check, "check.not_made", err);
}

static void take_check(struct reap *r, const struct redisReply *row)
{
    const char *batch_id = "", *text = "";
    size_t batch_len = 0, text_len = 0;
    int64_t ordinal = 0, number = 0;
    struct check *check = calloc(1, sizeof *check);
    int rc = check ? reply_str(reply_at(row, 0), &batch_id, &batch_len) : ERR_NOMEM;
    if (rc == 0)
        rc = reply_i64(reply_at(row, 1), &ordinal);
    if (rc == 0)
        rc = reply_i64(reply_at(row, 2), &number);
    if (rc == 0)
        rc = reply_str(reply_at(row, 3), &text, &text_len);
    if (rc == 0)
        rc = batch_len <= LIMIT_BATCH_ID_LEN ? call_text_parse(text, text_len, &check->call) : ERR_INVALID;
    if (rc != 0) {
        log_error("check.unreadable_call", log_strn("batch", batch_id, batch_len), log_i64("ordinal", ordinal),
                  log_err(rc));
        free(check);
        return;
    }
    check->reap = r;
    provider_result_init(&check->found);
    memcpy(check->batch_id, batch_id, batch_len + 1);
    check->dial = (struct settle_dial){check->batch_id, (uint64_t)ordinal, (uint32_t)number};
    check->next = r->checks;
    if (r->checks)
        r->checks->previous = check;
    r->checks = check;
    r->n_checks++;
    settings_get(r->cell->settings, check->batch_id, on_batch, check);
}

/* A check, or what was set aside. */
static void take_row(struct reap *r, const struct redisReply *row)
{
    if (reply_len(row) == NOTE_WORDS)
        notes_take(row, r->cell);
    else
        take_check(r, row);
}

static void on_checks(const struct redisReply *reply, int err, void *arg)
{
    struct reap *r = arg;
    int64_t next_ms, redis_now_us;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = reply_i64(reply_at(reply, 0), &redis_now_us);
    if (err == 0) {
        worker_note_redis_time(r->worker, r->checks_asked_us, redis_now_us);
        if (reply_i64(reply_at(reply, 1), &next_ms) == 0)
            reap_expect(r, next_ms);
        for (size_t i = 2; i < reply_len(reply); i++)
            take_row(r, reply_at(reply, i));
    } else {
        log_warn("checks.failed", log_str("cell", r->cell->id), log_err(err));
        check_by(r, clock_mono_us() + AGAIN_US);
    }
    r->is_checking = false;
    worker_check_drained(r->worker);
}

static void on_check_timer(void *arg)
{
    struct reap *r = arg;
    r->check_at_us = INT64_MAX;
    if (r->is_checking || r->worker->is_draining || !redis_is_ready(r->worker->redis))
        return;
    if (r->n_checks + LIMIT_CHECKS > LIMIT_LOOKUPS) {
        check_by(r, clock_mono_us() + AGAIN_US);
        return;
    }
    char calls[REDIS_I64_LEN], lease[REDIS_I64_LEN];
    r->checks_asked_us = clock_mono_us();
    const struct redis_arg args[] = {redis_arg_i64(LIMIT_CHECKS, calls), redis_arg_i64(CHECK_LEASE_MS, lease)};
    if (script_run(r->worker->redis, LUA_CALL_CHECKS, r->cell->prefix, args, 2, WORKER_SCRIPT_DEADLINE_MS, on_checks,
                   r) == 0)
        r->is_checking = true;
    else
        check_by(r, clock_mono_us() + AGAIN_US);
}

void reap_flush(struct reap *r)
{
    outbox_flush(r->rechecks);
}

size_t reap_checks(const struct reap *r)
{
    return r->n_checks;
}

bool reap_is_idle(const struct reap *r)
{
    return !r->is_checking && r->n_checks == 0 && outbox_pending(r->rechecks) == 0;
}

int reap_create(struct worker_cell *cell, struct reap **ret_reap)
{
    struct reap *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->cell = cell;
    r->worker = cell->worker;
    r->check_at_us = INT64_MAX;
    r->recheck_spec = (struct outbox_spec){.script = LUA_CALL_RECHECK,
                                           .fields = 8,
                                           .most_work = LIMIT_SCRIPT_WORK,
                                           .gather_us = OUTBOX_GATHER_US,
                                           .note_fn = notes_take,
                                           .note_arg = cell};
    int rc = outbox_create(r->worker->loop, r->worker->redis, cell->prefix, &r->recheck_spec, &r->rechecks);
    if (rc == 0)
        rc = loop_timer_create(r->worker->loop, on_check_timer, r, &r->check_timer);
    if (rc != 0) {
        reap_free(r);
        return rc;
    }
    *ret_reap = r;
    return 0;
}

void reap_free(struct reap *r)
{
    if (!r)
        return;
    outbox_free(r->rechecks);
    loop_timer_free(r->check_timer);
    while (r->checks) {
        struct check *check = r->checks;
        r->checks = check->next;
        check_free(check);
    }
    free(r);
}
