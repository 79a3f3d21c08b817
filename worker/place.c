/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/place.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/domain/phone.h"
#include "common/domain/token.h"
#include "common/metrics/metrics.h"
#include "common/redis/script.h"
#include "worker/dispatch.h"
#include "worker/notes.h"
#include "worker/outbox.h"
#include "worker/reap.h"
#include "worker/reassert.h"
#include "worker/replicas.h"
#include "worker/settle.h"

#define POST_OVER_MS (LIMIT_POST_DEADLINE_MS + 1000) /* after a begin: its create request has surely ended */
#define LIFE_MARGIN_MS 30000 /* of the hard deadline, after the create request, ringing and talk */
#define POLL_MARGIN_MS 30000 /* after ringing, where the trunk does not say when to ask */
#define ABSENT_LEAST_MS 60000 /* between two lookups that find nothing, where the trunk says nothing else, */
#define ABSENT_MARGIN_MS 30000 /* and so long after ringing */
#define NOT_SENT_AGAIN_MS 1000 /* a platform that cannot be reached: again after this, */
#define NOT_SENT_HOLD_MS 500 /* and the trunk is silent for this long */
#define THROTTLED_LEAST_MS 1000 /* after a refusal for load, whatever its Retry-After */
#define PAUSE_MOST_MS 60000 /* what a Retry-After is held to */
#define DOUBT_CHECK_MS 2000 /* an UNKNOWN is looked up this soon */

struct place {
    struct worker_cell *cell;
    struct worker *worker;
    struct place_owner owner;
    struct redis_arg begin_prologue[3];
    struct redis_arg owner_prologue[1];
    char late_space[REDIS_I64_LEN], post_space[REDIS_I64_LEN];
    struct outbox_spec begin_spec, release_spec, strike_spec, accept_spec, abort_spec;
    struct outbox *begins, *releases, *strikes, *accepts, *aborts;
};

/* The first three arguments of every item: which dial. */
struct dial_args {
    char ordinal[REDIS_I64_LEN], number[REDIS_I64_LEN];
};

static void fill_dial(struct redis_arg *args, const struct dial *dial, struct dial_args *space)
{
    args[0] = redis_arg_str(dial->batch_id);
    args[1] = redis_arg_i64((int64_t)dial->ordinal, space->ordinal);
    args[2] = redis_arg_i64(dial->number, space->number);
}

static void over(struct place *p, struct dial *dial)
{
    p->owner.on_over(dial, p->owner.arg);
}

static struct place *place_of(const struct dial *dial)
{
    return dispatch_place(dial->dispatch);
}

/* Memory ran out while telling Redis: the dial is let go, its check will find it. */
static void untold(struct place *p, struct dial *dial)
{
    log_error("dial.untold", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
              log_err(ERR_NOMEM));
    over(p, dial);
}

/* ---- telling Redis what became of a request ---- */

static void on_told(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct dial *dial = arg;
    const char *word = "";
    size_t len = 0;
    if (err == 0)
        err = reply_str(reply, &word, &len);
    if (err != 0)
        log_error("dial.refused_by_script", log_str("batch", dial->batch_id),
                  log_i64("ordinal", (int64_t)dial->ordinal), log_err(err));
    if (err == 0 && strcmp(word, "stop") == 0)
        reap_expect(place_of(dial)->cell->reap, worker_redis_now_ms(place_of(dial)->worker));
    over(place_of(dial), dial);
}

static void tell_accepted(struct place *p, struct dial *dial, const struct provider_start *start)
{
    int64_t poll_after_ms = dial->batch->trunk->poll_after_ms;
    if (poll_after_ms == 0)
        poll_after_ms = dial->batch->ring_timeout_s * INT64_C(1000) + POLL_MARGIN_MS;
    int64_t check_ms = worker_redis_now_ms(p->worker) + start->queue_ms + poll_after_ms;
    struct redis_arg args[6];
    struct dial_args space;
    char check[REDIS_I64_LEN], queue[REDIS_I64_LEN];
    fill_dial(args, dial, &space);
    args[3] = redis_arg_str(start->provider_id);
    args[4] = redis_arg_i64(check_ms, check);
    args[5] = redis_arg_i64(start->queue_ms, queue);
    reap_expect(p->cell->reap, check_ms);
    reassert_note_accepted(p->cell->reassert, &(struct settle_dial){dial->batch_id, dial->ordinal, dial->number},
                           start->provider_id, start->queue_ms);
    if (outbox_add(p->accepts, args, on_told, dial) != 0)
        untold(p, dial);
}

/* `again_ms` from now the contact is due again; the trunk is silent for `hold_ms`. */
static void tell_aborted(struct place *p, struct dial *dial, const struct provider_start *start, int64_t again_ms,
                         int64_t hold_ms)
{
    int64_t jitter_ms = (int64_t)random_below((uint64_t)(again_ms / 4 + 1));
    int64_t due_ms = worker_redis_now_ms(p->worker) + again_ms + jitter_ms;
    struct redis_arg args[7];
    struct dial_args space;
    char due[REDIS_I64_LEN], hold[REDIS_I64_LEN];
    fill_dial(args, dial, &space);
    args[3] = redis_arg_str(verdict_name(start->verdict));
    args[4] = redis_arg_i64(due_ms, due);
    args[5] = redis_arg_i64(hold_ms, hold);
    args[6] = redis_arg_str(start->reason);
    dispatch_expect(dial->dispatch, due_ms);
    reassert_forget(p->cell->reassert, &(struct settle_dial){dial->batch_id, dial->ordinal, dial->number});
    if (outbox_add(p->aborts, args, on_told, dial) != 0)
        untold(p, dial);
}

/* Redis could not hear of the refusal: as if the dial had not been taken, so that it is asked for once more. */
static void on_settled(enum settle_end end, void *arg)
{
    struct dial *dial = arg;
    const struct provider_start start = {.verdict = VERDICT_THROTTLED, .reason = "redis_away"};
    if (end == SETTLE_UNAVAILABLE)
        tell_aborted(place_of(dial), dial, &start, NOT_SENT_AGAIN_MS, 0);
    else
        over(place_of(dial), dial);
}

static void tell_rejected(struct place *p, struct dial *dial, const struct provider_start *start)
{
    struct provider_result result;
    provider_result_init(&result);
    result.kind = PROVIDER_ANALYZED; /* a refusal is all that the platform will ever say */
    result.verdict = VERDICT_ACCEPTED;
    result.outcome = start->outcome;
    memcpy(result.reason, start->reason, sizeof result.reason);
    const struct settle_dial which = {dial->batch_id, dial->ordinal, dial->number};
    settle_report(p->cell->settle, &which, &result, SETTLE_BY_ANSWER, on_settled, dial);
    provider_result_clear(&result);
}

/* How long the platform asked to be left alone. */
static int64_t asked_pause_ms(const struct provider_start *start)
{
    if (start->retry_after_ms < 0)
        return 0;
    return start->retry_after_ms < PAUSE_MOST_MS ? start->retry_after_ms : PAUSE_MOST_MS;
}

/* At least a second: a platform that says "now" while it refuses would be asked at the full rate. */
static int64_t throttled_again_ms(const struct provider_start *start)
{
    int64_t pause_ms = asked_pause_ms(start);
    return pause_ms > THROTTLED_LEAST_MS ? pause_ms : THROTTLED_LEAST_MS;
}

static void note_verdict(struct place *p, const struct dial *dial, const struct provider_start *start)
{
    metric_add(p->worker->metrics.verdicts[start->verdict], 1);
    if (start->queue_ms > 0)
        log_info("dial.queued", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                 log_str("trunk", dial->batch->trunk->id), log_i64("queue_ms", start->queue_ms));
    if (start->verdict != VERDICT_ACCEPTED)
        log_info("dial.verdict", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                 log_i64("dial", dial->number), log_str("verdict", verdict_name(start->verdict)),
                 log_i64("status", start->http_status), log_said("reason", start->reason));
}

static void tell(struct place *p, struct dial *dial, const struct provider_start *start)
{
    dial_set_state(dial, DIAL_TELLING);
    note_verdict(p, dial, start);
    switch (start->verdict) {
    case VERDICT_ACCEPTED:
        tell_accepted(p, dial, start);
        return;
    case VERDICT_THROTTLED:
        tell_aborted(p, dial, start, throttled_again_ms(start), throttled_again_ms(start));
        return;
    case VERDICT_NOT_SENT:
        tell_aborted(p, dial, start, NOT_SENT_AGAIN_MS, NOT_SENT_HOLD_MS);
        return;
    case VERDICT_ACCOUNT:
        log_error("trunk.stopped", log_str("trunk", dial->batch->trunk->id), log_i64("status", start->http_status),
                  log_said("reason", start->reason));
        tell_aborted(p, dial, start, 0, 0);
        return;
    case VERDICT_REJECTED:
        tell_rejected(p, dial, start);
        return;
    case VERDICT_UNKNOWN:
        reap_doubt(p->cell->reap, &(struct settle_dial){dial->batch_id, dial->ordinal, dial->number}, start->reason,
                   DOUBT_CHECK_MS, asked_pause_ms(start));
        over(p, dial);
        return;
    }
}

/* ---- the request ---- */

/* Nothing was sent, for a reason of our own: the platform is not to blame, and its trunk goes on. */
static void take_back(struct place *p, struct dial *dial, const char *reason)
{
    struct provider_start start = {.verdict = VERDICT_NOT_SENT};
    memcpy(start.reason, reason, strlen(reason) + 1);
    dial_set_state(dial, DIAL_TELLING);
    note_verdict(p, dial, &start);
    tell_aborted(p, dial, &start, NOT_SENT_AGAIN_MS, 0);
}

/* The latest that a request may leave which is under way in time. A worker that stood still on the way here, past its
 * leases and until another took the call on, is behind it. */
static int64_t leave_by_us(const struct dial *dial)
{
    return dial->send_by_us + HTTP_CONNECT_MS * INT64_C(1000);
}

static void on_started(const struct provider_start *start, void *arg)
{
    struct dial *dial = arg;
    worker_metrics_note_verdict(&place_of(dial)->worker->metrics, dial->batch->trunk->id, start);
    if (start->verdict == VERDICT_NOT_SENT && clock_mono_us() > leave_by_us(dial))
        take_back(place_of(dial), dial, "late");
    else
        tell(place_of(dial), dial, start);
}

static int start_request(struct place *p, struct dial *dial)
{
    const struct batch_settings *batch = dial->batch;
    char to[PHONE_TEXT_LEN + 1], from[PHONE_TEXT_LEN + 1], token[LIMIT_TOKEN_LEN + 1];
    char call_id[LIMIT_CALL_ID_LEN + 1];
    int rc = token_make(seal_token_key(p->worker->keys), dial->batch_id, dial->ordinal, dial->number, token);
    if (rc == 0)
        rc = ident_make_call(dial->batch_id, dial->ordinal, call_id);
    if (rc != 0)
        return rc;
    phone_format(dial->contact.phone, to);
    settings_caller_id(batch, dial->ordinal, from);
    const struct dial_request request = {
        .to = to,
        .from = from,
        .agent_id = batch->agent_id,
        .token = token,
        .batch_id = dial->batch_id,
        .call_id = call_id,
        .contact_id = dial->contact.id,
        .contact_name = contact_display_name(&dial->contact),
        .contact_email = dial->contact.email,
        .contact_company = dial->contact.company,
        .contact_timezone = dial->contact.timezone,
        .metadata = dial->contact.metadata_len > 0 ? dial->contact.metadata : NULL,
        .metadata_len = dial->contact.metadata_len,
        .ring_timeout_s = batch->ring_timeout_s,
        .max_call_duration_s =
            dial->credit_s < batch->max_call_duration_s ? dial->credit_s : batch->max_call_duration_s,
    };
    return provider_http_start(p->worker->provider, batch->trunk->profile, &batch->trunk->provider, &request,
                               leave_by_us(dial), on_started, dial, NULL);
}

/* The request could not even be made. A trunk that lacks something stops; what can never be said is this contact's end;
 * what may pass is tried again. */
static void tell_unmade(struct place *p, struct dial *dial, int err)
{
    const char *name = err_name(err);
    if (err != ERR_AUTH && err != ERR_INVALID && err != ERR_STATE) {
        take_back(p, dial, name);
        return;
    }
    struct provider_start start = {.verdict = VERDICT_REJECTED, .outcome = OUTCOME_REJECTED};
    if (err == ERR_AUTH)
        start.verdict = VERDICT_ACCOUNT;
    memcpy(start.reason, name, strlen(name) + 1);
    tell(p, dial, &start);
}

void place_send(struct place *p, struct dial *dial)
{
    dial_set_state(dial, DIAL_SENDING);
    if (clock_mono_us() > dial->send_by_us) {
        take_back(p, dial, "late");
        return;
    }
    if (!redis_is_ready(p->worker->redis)) {
        take_back(p, dial, "redis_away");
        return;
    }
    int rc = start_request(p, dial);
    if (rc != 0)
        tell_unmade(p, dial, rc);
}

/* ---- the intent ---- */

/* Should Redis forget this begin, it is told of it again. */
static void remember(struct place *p, const struct dial *dial)
{
    struct begun_dial begun = {
        .ordinal = dial->ordinal,
        .number = dial->number,
        .attempt = dial->attempts,
        .phone = dial->contact.phone,
        .begin_us = dial->begin_us,
        .answer_by_us = dial->begin_us + POST_OVER_MS * INT64_C(1000),
        .life_ms = place_life_ms(dial->batch),
        .caller = place_caller(dial->batch, dial->ordinal),
    };
    memcpy(begun.batch_id, dial->batch_id, sizeof begun.batch_id);
    reassert_note_begun(p->cell->reassert, &begun);
}

/* The platform hangs up when its tenant's credit is used up, if its profile can tell it so. */
static int credit_of(const struct redisReply *begun)
{
    int64_t credit_s;
    bool has_limit = reply_len(begun) > 3 && reply_i64(reply_at(begun, 3), &credit_s) == 0;
    return has_limit && credit_s >= 0 && credit_s < INT_MAX ? (int)credit_s : INT_MAX;
}

static void may_send(struct place *p, struct dial *dial)
{
    dial_set_state(dial, DIAL_BEGUN);
    p->owner.on_begun(dial, dial->begin_us, p->owner.arg);
}

/* A Redis that takes this one's place may not know of it, and hand the call out again: then nobody must have been rung.
 */
void place_replicated(struct dial *dial, const char *why_not)
{
    if (why_not)
        take_back(place_of(dial), dial, why_not);
    else
        may_send(place_of(dial), dial);
}

static void begun(struct place *p, struct dial *dial, const struct redisReply *reply, const struct redisReply *whole)
{
    int64_t begin_us, now_us, attempt;
    if (reply_i64(reply_at(reply, 1), &begin_us) != 0 || reply_i64(reply_at(reply, 2), &attempt) != 0 ||
        reply_i64(reply_at(whole, 0), &now_us) != 0) {
        /* The intent is written, so it must not be forgotten: its check settles it. */
        log_error("dial.begin_unreadable", log_str("batch", dial->batch_id));
        over(p, dial);
        return;
    }
    /* Redis reckoned the instant at some time between the asking and the answer. Not to be early, take the latest that
     * it can be; not to be late, however long the answer was on its way, reckon from the asking. */
    worker_note_redis_time(p->worker, dial->asked_us, now_us);
    dial->begin_us = redis_clock_mono_us(&p->worker->redis_clock, begin_us);
    dial->send_by_us = dial->asked_us + (begin_us - now_us) + LIMIT_SLOT_LATE_MS * INT64_C(1000);
    dial->attempts = (int32_t)attempt;
    dial->credit_s = credit_of(reply);
    remember(p, dial);
    metric_add(p->worker->metrics.begun, 1);
    metric_observe(p->worker->metrics.late_seconds, (double)(dial->begin_us - dial->slot_us) / 1e6);
    if (replicas_are_wanted(p->worker->replicas)) {
        dial_set_state(dial, DIAL_REPLICATING);
        replicas_await(p->worker->replicas, dial);
    } else {
        may_send(p, dial);
    }
}

/* Its number must not be called. The script has ended the contact; the slot is free for another. */
static void suppressed(struct place *p, struct dial *dial)
{
    log_info("dial.suppressed", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal));
    metric_add(p->worker->metrics.suppressed, 1);
    dispatch_wake(dial->dispatch);
    over(p, dial);
}

static void on_begin(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    struct dial *dial = arg;
    struct place *p = place_of(dial);
    const char *word = "", *reason = "";
    size_t len = 0;
    if (err == 0)
        err = reply_str(reply_at(reply, 0), &word, &len);
    if (reply_str(reply_at(reply, 1), &reason, &len) != 0)
        reason = "";
    if (err != 0 || strcmp(word, "refused") == 0) {
        log_error("dial.refused_by_script", log_str("batch", dial->batch_id),
                  log_i64("ordinal", (int64_t)dial->ordinal), log_err(err), log_str("reason", reason));
        if (err != ERR_AUTH) /* a right that our user lacks is not the call's fault: its lease gives it back */
            place_strike(p, &(struct settle_dial){dial->batch_id, dial->ordinal, dial->number}, "begin_refused");
        over(p, dial);
        return;
    }
    if (strcmp(word, "begun") == 0) {
        begun(p, dial, reply, whole);
        return;
    }
    if (strcmp(word, "suppressed") == 0) {
        suppressed(p, dial);
        return;
    }
    log_debug("dial.not_begun", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
              log_str("answer", word), log_str("reason", reason));
    metric_add(p->worker->metrics.released, 1);
    worker_metrics_note_refusal(&p->worker->metrics, strcmp(word, "gone") == 0 ? word : reason);
    dispatch_wake(dial->dispatch);
    over(p, dial);
}

bool place_is_by_number(const struct batch_settings *batch)
{
    return provider_profile_lookup_span_ms(batch->trunk->profile) > 0;
}

uint64_t place_caller(const struct batch_settings *batch, uint64_t ordinal)
{
    char from[PHONE_TEXT_LEN + 1];
    uint64_t digits = 0;
    if (!place_is_by_number(batch))
        return 0;
    settings_caller_id(batch, ordinal, from);
    return phone_parse(from, strlen(from), &digits) == 0 ? digits : 0; /* none at all: the trunk will be stopped */
}

int64_t place_life_ms(const struct batch_settings *batch)
{
    return POST_OVER_MS + LIFE_MARGIN_MS + ((int64_t)batch->ring_timeout_s + batch->max_call_duration_s) * 1000;
}

int64_t place_absent_after_ms(const struct batch_settings *batch)
{
    int64_t rings_ms = batch->ring_timeout_s * INT64_C(1000) + ABSENT_MARGIN_MS;
    if (batch->trunk->lookup_absent_after_ms > 0)
        return batch->trunk->lookup_absent_after_ms;
    return rings_ms > ABSENT_LEAST_MS ? rings_ms : ABSENT_LEAST_MS;
}

void place_begin(struct place *p, struct dial *dial)
{
    struct redis_arg args[5];
    struct dial_args space;
    char life[REDIS_I64_LEN], caller[REDIS_I64_LEN];
    fill_dial(args, dial, &space);
    uint64_t from = place_caller(dial->batch, dial->ordinal);
    args[3] = redis_arg_i64(place_life_ms(dial->batch), life);
    args[4] = from != 0 ? redis_arg_i64((int64_t)from, caller) : redis_arg_str("");
    dial->asked_us = clock_mono_us();
    dial_set_state(dial, DIAL_BEGINNING);
    if (outbox_add(p->begins, args, on_begin, dial) != 0)
        over(p, dial); /* never begun: the lease gives it back */
}

static void on_released(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)reply;
    (void)whole;
    (void)err; /* what the script would not release, the lease gives back */
    struct dial *dial = arg;
    over(place_of(dial), dial);
}

void place_release(struct place *p, struct dial *dial)
{
    struct redis_arg args[3];
    struct dial_args space;
    fill_dial(args, dial, &space);
    dial_set_state(dial, DIAL_RELEASING);
    metric_add(p->worker->metrics.released, 1);
    if (outbox_add(p->releases, args, on_released, dial) != 0)
        over(p, dial);
}

static void on_struck(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct place *p = arg;
    const char *word = "";
    size_t len;
    if (err == 0)
        err = reply_str(reply, &word, &len);
    if (err != 0)
        log_error("call.strike_refused", log_str("cell", p->cell->id), log_err(err));
    else if (strcmp(word, "ended") == 0)
        metric_add(p->worker->metrics.unreadable, 1);
}

void place_strike(struct place *p, const struct settle_dial *dial, const char *why)
{
    char ordinal[REDIS_I64_LEN], number[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(dial->batch_id),
        redis_arg_i64((int64_t)dial->ordinal, ordinal),
        redis_arg_i64(dial->number, number),
        redis_arg_str(why),
    };
    log_error("call.nothing_made_of_it", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
              log_i64("dial", dial->number), log_str("why", why));
    if (outbox_add(p->strikes, args, on_struck, p) != 0)
        log_error("call.strike_untold", log_str("batch", dial->batch_id), log_err(ERR_NOMEM));
}

void place_flush(struct place *p)
{
    outbox_flush(p->begins);
    outbox_flush(p->accepts);
    outbox_flush(p->aborts);
    outbox_flush(p->releases);
    outbox_flush(p->strikes);
}

static void describe(struct place *p)
{
    p->owner_prologue[0] = redis_arg_str(p->worker->id);
    p->begin_prologue[0] = redis_arg_str(p->worker->id);
    p->begin_prologue[1] = redis_arg_i64(LIMIT_SLOT_LATE_MS, p->late_space);
    p->begin_prologue[2] = redis_arg_i64(POST_OVER_MS, p->post_space);
    p->begin_spec = (struct outbox_spec){.script = LUA_CALL_BEGIN,
                                         .fields = 5,
                                         .most_work = LIMIT_BEGIN_WORK,
                                         .reply_offset = 1,
                                         .prologue = p->begin_prologue,
                                         .n_prologue = 3};
    p->release_spec = (struct outbox_spec){.script = LUA_CALL_RELEASE,
                                           .fields = 3,
                                           .most_work = LIMIT_SCRIPT_WORK,
                                           .prologue = p->owner_prologue,
                                           .n_prologue = 1,
                                           .note_fn = notes_take,
                                           .note_arg = p->cell};
    p->strike_spec = (struct outbox_spec){.script = LUA_CALL_STRIKE,
                                          .fields = 4,
                                          .most_work = LIMIT_SCRIPT_WORK,
                                          .prologue = p->owner_prologue,
                                          .n_prologue = 1,
                                          .note_fn = notes_take,
                                          .note_arg = p->cell};
    p->accept_spec = (struct outbox_spec){
        .script = LUA_CALL_ACCEPT,
        .fields = 6,
        .most_work = LIMIT_ACCEPT_WORK,
        .gather_us = OUTBOX_GATHER_US,
        .outlasts_denial = true,
        .note_fn = notes_take,
        .note_arg = p->cell,
    };
    p->abort_spec = (struct outbox_spec){.script = LUA_CALL_ABORT,
                                         .fields = 7,
                                         .most_work = LIMIT_SCRIPT_WORK,
                                         .prologue = p->owner_prologue,
                                         .n_prologue = 1,
                                         .outlasts_denial = true,
                                         .note_fn = notes_take,
                                         .note_arg = p->cell};
}

int place_create(struct worker_cell *cell, const struct place_owner *owner, struct place **ret_place)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->cell = cell;
    p->worker = cell->worker;
    p->owner = *owner;
    describe(p);
    struct loop *loop = p->worker->loop;
    struct redis *redis = p->worker->redis;
    int rc = outbox_create(loop, redis, cell->prefix, &p->begin_spec, &p->begins);
    if (rc == 0)
        rc = outbox_create(loop, redis, cell->prefix, &p->release_spec, &p->releases);
    if (rc == 0)
        rc = outbox_create(loop, redis, cell->prefix, &p->strike_spec, &p->strikes);
    if (rc == 0)
        rc = outbox_create(loop, redis, cell->prefix, &p->accept_spec, &p->accepts);
    if (rc == 0)
        rc = outbox_create(loop, redis, cell->prefix, &p->abort_spec, &p->aborts);
    if (rc != 0) {
        place_free(p);
        return rc;
    }
    *ret_place = p;
    return 0;
}

void place_free(struct place *p)
{
    if (!p)
        return;
    outbox_free(p->begins);
    outbox_free(p->releases);
    outbox_free(p->strikes);
    outbox_free(p->accepts);
    outbox_free(p->aborts);
    free(p);
}
