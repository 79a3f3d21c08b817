/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/doubt.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/domain/phone.h"
#include "common/domain/token.h"
#include "common/metrics/metrics.h"
#include "common/redis/reply.h"
#include "common/redis/script.h"
#include "worker/dispatch.h"
#include "worker/notes.h"
#include "worker/outbox.h"
#include "worker/place.h"
#include "worker/reassert.h"

#define FIELDS 5
#define LATER_MS 5000 /* until a platform that could not be asked is asked again */
#define LATER_MOST_MS 60000

struct doubt {
    struct worker_cell *cell;
    struct worker *worker;
    doubt_fn fn;
    void *arg;
    struct redis_arg prologue[1];
    struct outbox_spec spec;
    struct outbox *outbox;
};

static struct doubt *doubt_of(const struct dial *dial)
{
    return dispatch_doubt(dial->dispatch);
}

static void end(struct dial *dial, bool may_begin)
{
    struct doubt *d = doubt_of(dial);
    d->fn(dial, may_begin, d->arg);
}

/* ---- telling Redis ---- */

static void on_told(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct dial *dial = arg;
    const char *word = "";
    size_t len;
    if (err == 0)
        err = reply_str(reply, &word, &len);
    if (err != 0)
        log_error("doubt.refused_by_script", log_str("batch", dial->batch_id),
                  log_i64("ordinal", (int64_t)dial->ordinal), log_err(err));
    end(dial, err == 0 && strcmp(word, "cleared") == 0);
}

/* `what`: "absent", or "later" with when that is. */
static void tell(struct doubt *d, struct dial *dial, const char *what, int64_t due_ms)
{
    char space[3][REDIS_I64_LEN];
    const struct redis_arg args[FIELDS] = {
        redis_arg_str(dial->batch_id),         redis_arg_i64((int64_t)dial->ordinal, space[0]),
        redis_arg_i64(dial->number, space[1]), redis_arg_str(what),
        redis_arg_i64(due_ms, space[2]),
    };
    if (outbox_add(d->outbox, args, on_told, dial) != 0)
        end(dial, false); /* its lease gives it back */
}

static void tell_absent(struct doubt *d, struct dial *dial)
{
    tell(d, dial, "absent", 0);
}

static void tell_later(struct doubt *d, struct dial *dial, int64_t due_ms)
{
    log_info("doubt.later", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
             log_i64("due_ms", due_ms));
    dispatch_expect(dial->dispatch, due_ms);
    tell(d, dial, "later", due_ms);
}

static void on_restored(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)reply;
    (void)whole;
    struct dial *dial = arg;
    if (err != 0)
        log_error("doubt.refused_by_script", log_str("batch", dial->batch_id),
                  log_i64("ordinal", (int64_t)dial->ordinal), log_err(err));
    end(dial, false);
}

/* How many numbers a tail may have used behind the last that Redis knows of. A dial that was begun and never sent uses
 * one up; the next comes a second later. */
static uint32_t numbers_of_tail(const struct doubt_state *doubt)
{
    return doubt->tail_ms - doubt->tail_from_ms > LIMIT_DOUBT_TAIL_MS ? LIMIT_DOUBT_DIALS_LONG : LIMIT_DOUBT_DIALS;
}

/* How many numbers the call's dials may have had from the first in doubt on. Those that claims have had since count
 * too: one may have been begun, its doubt cleared, in a tail that was lost later. */
static uint32_t numbers_in_doubt(const struct dial *dial)
{
    uint32_t first = dial->doubt.first;
    return (dial->number > first ? dial->number - first : 0) + numbers_of_tail(&dial->doubt);
}

/* Where there are more than are asked for, those in the middle are passed over. */
static uint32_t asked_number(const struct dial *dial)
{
    const struct doubt_state *doubt = &dial->doubt;
    uint32_t numbers = numbers_in_doubt(dial);
    if (place_is_by_number(dial->batch))
        return doubt->first;
    if (numbers > LIMIT_DOUBT_DIALS_LONG && doubt->asked >= LIMIT_DOUBT_DIALS_LONG / 2)
        return doubt->first + numbers - LIMIT_DOUBT_DIALS_LONG + doubt->asked;
    return doubt->first + doubt->asked;
}

/* From when on the tail was written that is asked about: the earliest first. By a token all of them are asked about at
 * once: where the platform lists the calls of a time, it is the time from the first on. */
static int64_t asked_from_ms(const struct dial *dial)
{
    const struct doubt_state *doubt = &dial->doubt;
    size_t tail = place_is_by_number(dial->batch) ? doubt->asked : 0;
    return tail < doubt->n_earlier ? doubt->earlier_ms[tail] : doubt->tail_from_ms;
}

/* Whether the tail that is asked about is the last one: only of that one it is known how long it was. */
static bool asks_of_last(const struct dial *dial)
{
    return !place_is_by_number(dial->batch) || dial->doubt.asked >= dial->doubt.n_earlier;
}

/* When it began is not known better than "in the tail": its retry is reckoned from the end of that, to be too late
 * rather than too soon. A call that was found by its number alone may be another dial's: its own check tells, which
 * knows the others (docs/decisions/0007-whose-call-is-it.md), and finds calls by when they were made: reckoned from
 * when the platform made it. */
static int64_t found_begin_ms(const struct dial *dial)
{
    const struct doubt_state *doubt = &dial->doubt;
    int64_t from_ms = asked_from_ms(dial);
    if (!place_is_by_number(dial->batch) || doubt->provider_id[0] != '\0')
        return doubt->tail_ms;
    if (doubt->found_ms < from_ms)
        return from_ms;
    return asks_of_last(dial) && doubt->found_ms > doubt->tail_ms ? doubt->tail_ms : doubt->found_ms;
}

static void tell_found(struct doubt *d, struct dial *dial)
{
    const struct doubt_state *doubt = &dial->doubt;
    int64_t begin_ms = found_begin_ms(dial);
    int64_t now_us = clock_mono_us(), now_ms = worker_redis_now_ms(d->worker);
    struct begun_dial found = {
        .ordinal = dial->ordinal,
        .number = doubt->found,
        .attempt = dial->attempts + (int32_t)doubt->n_found,
        .phone = dial->contact.phone,
        .begin_us = now_us - (now_ms - begin_ms) * 1000,
        .answer_by_us = now_us,
        .life_ms = place_life_ms(dial->batch),
        .caller = place_caller(dial->batch, dial->ordinal),
    };
    memcpy(found.batch_id, dial->batch_id, sizeof found.batch_id);
    /* Of one found by number it is not known yet whose it is, and there is none. */
    memcpy(found.provider_id, doubt->provider_id, sizeof found.provider_id);
    log_warn("doubt.found", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
             log_i64("dial", doubt->found));
    if (reassert_tell(d->cell->reassert, &found, on_restored, dial) != 0)
        end(dial, false);
}

/* ---- asking the platform ---- */

static void look(struct doubt *d, struct dial *dial);

/* All were asked for, or one could not be. */
static void conclude(struct doubt *d, struct dial *dial, int64_t again_ms)
{
    int64_t now_ms = worker_redis_now_ms(d->worker);
    if (dial->doubt.n_found > 0)
        tell_found(d, dial);
    else if (again_ms == 0 || now_ms >= dial->doubt.tail_ms + place_life_ms(dial->batch))
        tell_absent(d, dial); /* at the latest when a call of that time must be over */
    else
        tell_later(d, dial, now_ms + again_ms);
}

static int64_t again_ms(const struct provider_answer *answer)
{
    if (answer->retry_after_ms < LATER_MS)
        return LATER_MS;
    return answer->retry_after_ms < LATER_MOST_MS ? answer->retry_after_ms : LATER_MOST_MS;
}

/* How many numbers are asked for, or tails asked about. */
static uint32_t most_dials(const struct dial *dial)
{
    uint32_t numbers = numbers_in_doubt(dial);
    if (place_is_by_number(dial->batch)) /* without a token one look sees all calls to the number in that time */
        return (uint32_t)dial->doubt.n_earlier + 1;
    return numbers < LIMIT_DOUBT_DIALS_LONG ? numbers : LIMIT_DOUBT_DIALS_LONG;
}

static void on_answer(const struct provider_answer *answer, void *arg)
{
    struct dial *dial = arg;
    struct doubt *d = doubt_of(dial);
    struct doubt_state *doubt = &dial->doubt;
    if (answer->found == PROVIDER_FAILED) {
        log_warn("doubt.failed", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                 log_i64("status", answer->http_status), log_said("reason", answer->reason));
        doubt->again_ms = again_ms(answer);
        if (!place_is_by_number(dial->batch)) {
            conclude(d, dial, doubt->again_ms);
            return;
        }
        /* A call that was made in one tail proves nothing about the others: whose it is, its own tail tells. */
    }
    if (answer->found == PROVIDER_FOUND) {
        doubt->n_found++;
        doubt->found = asked_number(dial);
        doubt->found_ms = answer->result.created_ms;
        if (place_is_by_number(dial->batch)) { /* a later one, if there is one, is found before its retry */
            conclude(d, dial, 0);
            return;
        }
        memcpy(doubt->provider_id, answer->result.provider_id, sizeof doubt->provider_id);
    }
    if (++doubt->asked < most_dials(dial))
        look(d, dial);
    else
        conclude(d, dial, doubt->again_ms);
}

/* `known`: the platform's calls to the number that are some dial's already; empty where it is asked by token. */
static int start_lookup(struct doubt *d, struct dial *dial, const char *const *known, size_t n_known)
{
    const struct trunk_settings *trunk = dial->batch->trunk;
    char token[LIMIT_TOKEN_LEN + 1], to[PHONE_TEXT_LEN + 1], from[PHONE_TEXT_LEN + 1];
    int rc = token_make(seal_token_key(d->worker->keys), dial->batch_id, dial->ordinal, asked_number(dial), token);
    if (rc != 0)
        return rc;
    phone_format(dial->contact.phone, to);
    settings_caller_id(dial->batch, dial->ordinal, from);
    const struct provider_lookup lookup = {
        .token = token,
        .to = to,
        .from = from,
        .begin_ms = asked_from_ms(dial),
        .until_ms = asks_of_last(dial) ? dial->doubt.tail_ms : 0,
        .clock_ahead_ms = worker_redis_ahead_ms(d->worker),
        .exclude_ids = known,
        .n_exclude_ids = n_known,
    };
    metric_add(d->worker->metrics.lookups, 1);
    return provider_http_lookup(d->worker->provider, trunk->profile, &trunk->provider, &lookup, on_answer, dial, NULL);
}

static void not_asked(struct doubt *d, struct dial *dial, int err)
{
    log_warn("doubt.not_asked", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
             log_err(err));
    conclude(d, dial, LATER_MS);
}

/* "<dial> <provider id>": its callback told of it, and there is nothing to ask. */
static int take_told(struct doubt_state *doubt, const char *told)
{
    uint64_t number;
    size_t digits = strcspn(told, " ");
    const char *id = told + digits + 1;
    if (told[digits] == '\0' || strlen(id) >= sizeof doubt->provider_id ||
        parse_u64(told, digits, UINT32_MAX, &number) != 0)
        return ERR_INVALID;
    doubt->n_found = 1;
    doubt->found = (uint32_t)number;
    doubt->found_ms = -1;
    memcpy(doubt->provider_id, id, strlen(id) + 1);
    return 0;
}

static void on_known(const struct redisReply *reply, int err, void *arg)
{
    struct dial *dial = arg;
    struct doubt *d = doubt_of(dial);
    const char *known[LIMIT_PLACED], *told = "";
    size_t n_known = 0, len;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0 && reply_len(reply) > LIMIT_PLACED)
        err = ERR_TOO_LARGE;
    if (err == 0)
        err = reply_str(reply_at(reply, 0), &told, &len);
    while (err == 0 && n_known + 1 < reply_len(reply)) {
        err = reply_str(reply_at(reply, n_known + 1), &known[n_known], &len);
        n_known++;
    }
    if (err == 0)
        err = told[0] != '\0' ? take_told(&dial->doubt, told) : start_lookup(d, dial, known, n_known);
    if (err != 0)
        not_asked(d, dial, err);
    else if (told[0] != '\0')
        conclude(d, dial, 0);
}

/* By number the platform lists the earlier dials' calls too. One of them would be found each time that this call is
 * claimed, and be found out each time to be another's: it would be rung never again. */
static int ask_known(struct doubt *d, struct dial *dial)
{
    char ordinal[REDIS_I64_LEN], phone[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(dial->batch_id),
        redis_arg_i64((int64_t)dial->ordinal, ordinal),
        redis_arg_i64((int64_t)dial->contact.phone, phone),
    };
    return script_run(d->worker->redis, LUA_CALL_PLACED, d->cell->prefix, args, 3, WORKER_READ_DEADLINE_MS, on_known,
                      dial);
}

static void look(struct doubt *d, struct dial *dial)
{
    int rc = place_is_by_number(dial->batch) ? ask_known(d, dial) : start_lookup(d, dial, NULL, 0);
    if (rc != 0)
        not_asked(d, dial, rc);
}

/* That a platform does not know a call counts only when it has had the time to know it. */
void doubt_settle(struct doubt *d, struct dial *dial)
{
    const struct trunk_settings *trunk = dial->batch->trunk;
    int64_t counts_ms = dial->doubt.tail_ms + place_absent_after_ms(dial->batch);
    metric_add(d->worker->metrics.doubts, 1);
    if (worker_redis_now_ms(d->worker) < counts_ms)
        tell_later(d, dial, counts_ms + LIMIT_HORIZON_MS); /* a claim hands out what is due so far ahead */
    else if (!provider_profile_can_lookup(trunk->profile))
        conclude(d, dial, LATER_MOST_MS);
    else
        look(d, dial);
}

void doubt_flush(struct doubt *d)
{
    outbox_flush(d->outbox);
}

int doubt_create(struct worker_cell *cell, doubt_fn fn, void *arg, struct doubt **ret_doubt)
{
    struct doubt *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->cell = cell;
    d->worker = cell->worker;
    d->fn = fn;
    d->arg = arg;
    d->prologue[0] = redis_arg_str(d->worker->id);
    d->spec = (struct outbox_spec){.script = LUA_CALL_DOUBT,
                                   .fields = FIELDS,
                                   .most_work = LIMIT_SCRIPT_WORK,
                                   .prologue = d->prologue,
                                   .n_prologue = 1,
                                   .note_fn = notes_take,
                                   .note_arg = cell};
    int rc = outbox_create(d->worker->loop, d->worker->redis, cell->prefix, &d->spec, &d->outbox);
    if (rc != 0) {
        doubt_free(d);
        return rc;
    }
    *ret_doubt = d;
    return 0;
}

void doubt_free(struct doubt *d)
{
    if (!d)
        return;
    outbox_free(d->outbox);
    free(d);
}
