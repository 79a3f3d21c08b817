/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settle.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/breakpoint.h"
#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/keys.h"
#include "worker/dispatch.h"
#include "worker/notes.h"
#include "worker/outbox.h"

#define READ_DEADLINE_MS 3000
#define DECISIONS_MOST 5 /* of one report, where the state keeps changing under it */
#define PLATFORM_REFUSED_MS 1000 /* a call that the platform took and then did not place: again after this */

static const char *const source_names[] = {
    [SETTLE_BY_CALLBACK] = "callback",
    [SETTLE_BY_LOOKUP] = "lookup",
    [SETTLE_BY_ANSWER] = "answer",
    [SETTLE_BY_DEADLINE] = "deadline",
};

static const char *const how_names[] = {
    [SETTLE_HOW_ENDED] = "ended",
    [SETTLE_HOW_FINAL] = "final",
    [SETTLE_HOW_RETRY] = "retry",
};

struct settle {
    struct worker_cell *cell;
    struct worker *worker;
    struct outbox_spec finish_spec, abort_spec;
    struct redis_arg platform_prologue[1];
    struct outbox *finishes;
    struct outbox *aborts; /* dials that the platform itself says it did not place */
    struct report *reports;
};

/* One report on its way: read settings, read state, decide, write. */
struct report {
    struct settle *settle;
    struct report *next, *previous;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    struct settle_dial dial;
    struct provider_result result;
    enum settle_source source;
    settle_fn fn;
    void *arg;
    const struct batch_settings *batch; /* a reference */
    int64_t retry_at_ms; /* of the last decision */
    unsigned decisions;
};

static void report_free(struct report *report)
{
    provider_result_clear(&report->result);
    settings_unref(report->batch);
    free(report);
}

static void report_end(struct report *report, enum settle_end end)
{
    struct settle *s = report->settle;
    if (report->next)
        report->next->previous = report->previous;
    if (report->previous)
        report->previous->next = report->next;
    else
        s->reports = report->next;
    if (report->fn)
        report->fn(end, report->arg);
    report_free(report);
    worker_check_drained(s->worker);
}

static enum settle_end end_of(int err)
{
    if (err == ERR_NOT_FOUND)
        return SETTLE_GONE;
    return err_is_retryable(err) || err == ERR_NOMEM || err == ERR_AUTH ? SETTLE_UNAVAILABLE : SETTLE_FAILED;
}

static void report_failed(struct report *report, const char *event, int err)
{
    log_warn(event, log_str("batch", report->batch_id), log_i64("ordinal", (int64_t)report->dial.ordinal),
             log_i64("dial", report->dial.number), log_str("via", source_names[report->source]), log_err(err));
    report_end(report, end_of(err));
}

/* ---- the rule ---- */

struct settle_decision settle_decide(const struct batch_settings *batch, const struct provider_result *result,
                                     const struct call_text *call, int32_t attempts, int64_t now_ms)
{
    bool was_hung_up = call->state == CALL_STATE_ENDED;
    bool is_known = was_hung_up && call->has_outcome && result->outcome == OUTCOME_UNKNOWN;
    enum outcome outcome = is_known ? call->outcome : result->outcome;
    struct retry_decision retry =
        retry_decide(&batch->retry, outcome, attempts, call->begin_ms, call->deadline_ms, now_ms);
    if (!retry.is_final)
        return (struct settle_decision){SETTLE_HOW_RETRY, retry.retry_at_ms, outcome};
    bool had_talk = outcome == OUTCOME_COMPLETED || outcome == OUTCOME_VOICEMAIL;
    bool may_follow =
        result->kind == PROVIDER_ENDED && !result->summary && provider_profile_can_summarise(batch->trunk->profile);
    if (had_talk && may_follow && batch->summary_wait_ms > 0 && (was_hung_up || call->state == CALL_STATE_LIVE))
        return (struct settle_decision){SETTLE_HOW_ENDED, 0, outcome};
    return (struct settle_decision){SETTLE_HOW_FINAL, 0, outcome};
}

/* ---- writing ---- */

static void read_state(struct report *report);

static void on_finish(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct report *report = arg;
    struct settle *s = report->settle;
    const char *word = "";
    size_t len;
    breakpoint_reach("settle", "written");
    if (err == 0)
        err = reply_str(reply, &word, &len);
    if (err != 0) {
        report_failed(report, "call.finish_refused", err);
        return;
    }
    if (strcmp(word, "changed") == 0) {
        read_state(report);
        return;
    }
    bool is_news = strcmp(word, "ended") == 0 || strcmp(word, "final") == 0 || strcmp(word, "due") == 0 ||
                   strcmp(word, "settled") == 0;
    if (is_news && strcmp(word, "ended") != 0)
        metric_add(s->worker->metrics.outcomes[report->result.outcome], 1);
    if (strcmp(word, "stale") == 0 || strcmp(word, "gone") == 0)
        metric_add(s->worker->metrics.stale_results, 1);
    if (strcmp(word, "due") == 0)
        dispatch_expect(s->cell->dispatch, report->retry_at_ms);
    log_debug("call.finish", log_str("batch", report->batch_id), log_i64("ordinal", (int64_t)report->dial.ordinal),
              log_i64("dial", report->dial.number), log_str("outcome", outcome_name(report->result.outcome)),
              log_str("via", source_names[report->source]), log_str("answer", word));
    report_end(report, strcmp(word, "gone") == 0 ? SETTLE_GONE : SETTLE_DONE);
}

/* A number that may be absent: "" then. */
static struct redis_arg optional(int64_t value, int64_t least, char space[REDIS_I64_LEN])
{
    return value >= least ? redis_arg_i64(value, space) : redis_arg_str("");
}

static struct redis_arg optional_text(const char *text)
{
    return redis_arg_str(text ? text : "");
}

/* Redis cannot now. A callback that waited for it would hold its connection, also when its platform has given up and
 * sent the next: there would soon be none left. It is told to come again, and what it said waits all the same. */
static void answer_if_refused(struct report *report, const struct outbox *outbox)
{
    settle_fn fn = report->fn;
    if (report->source != SETTLE_BY_CALLBACK || !fn || !outbox_is_refused(outbox))
        return;
    report->fn = NULL;
    fn(SETTLE_UNAVAILABLE, report->arg);
}

static void write_finish(struct report *report, const struct call_text *call, const struct settle_decision *decision)
{
    const struct provider_result *result = &report->result;
    char space[7][REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(report->batch_id),
        redis_arg_i64((int64_t)report->dial.ordinal, space[0]),
        redis_arg_i64(report->dial.number, space[1]),
        redis_arg_i64(call->attempts, space[2]),
        redis_arg_str(how_names[decision->how]),
        redis_arg_str(outcome_name(result->outcome)),
        decision->how == SETTLE_HOW_RETRY ? redis_arg_i64(decision->retry_at_ms, space[3]) : redis_arg_str(""),
        optional(result->start_ms, 0, space[4]),
        optional(result->end_ms, 0, space[5]),
        optional(result->duration_s, 0, space[6]),
        redis_arg_str(result->provider_id),
        redis_arg_str(result->success < 0   ? ""
                      : result->success > 0 ? "1"
                                            : "0"),
        redis_arg_str(result->reason),
        optional_text(result->recording_url),
        optional_text(result->summary),
        redis_arg_str(source_names[report->source]),
    };
    report->retry_at_ms = decision->retry_at_ms;
    breakpoint_reach("settle", "decided");
    answer_if_refused(report, report->settle->finishes);
    if (outbox_add(report->settle->finishes, args, on_finish, report) != 0)
        report_failed(report, "call.finish_unsent", ERR_NOMEM);
}

static void on_given_back(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)reply;
    (void)whole;
    struct report *report = arg;
    if (err != 0)
        report_failed(report, "call.giveback_refused", err);
    else
        report_end(report, SETTLE_DONE);
}

/* The platform took the request and then placed no call: as with that verdict of a create. */
static void write_giveback(struct report *report)
{
    struct settle *s = report->settle;
    int64_t due_ms = worker_redis_now_ms(s->cell->worker) + PLATFORM_REFUSED_MS;
    if (report->result.verdict == VERDICT_ACCOUNT)
        log_error("trunk.stopped", log_str("trunk", report->batch->trunk->id),
                  log_said("reason", report->result.reason));
    char space[4][REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(report->batch_id),
        redis_arg_i64((int64_t)report->dial.ordinal, space[0]),
        redis_arg_i64(report->dial.number, space[1]),
        redis_arg_str(verdict_name(report->result.verdict)),
        redis_arg_i64(due_ms, space[2]),
        redis_arg_i64(report->result.verdict == VERDICT_THROTTLED ? PLATFORM_REFUSED_MS : 0, space[3]),
        redis_arg_str(report->result.reason),
    };
    dispatch_expect(s->cell->dispatch, due_ms);
    answer_if_refused(report, s->aborts);
    if (outbox_add(s->aborts, args, on_given_back, report) != 0)
        report_failed(report, "call.giveback_unsent", ERR_NOMEM);
}

/* ---- deciding ---- */

static void decide(struct report *report, const struct call_text *call)
{
    if (call->must_stop && report->result.outcome == OUTCOME_CANCELLED)
        report->result.verdict = VERDICT_THROTTLED; /* we stopped it before it rang: as if it had not been taken */
    if (report->result.verdict == VERDICT_THROTTLED || report->result.verdict == VERDICT_ACCOUNT) {
        write_giveback(report);
        return;
    }
    /* A dial that was given back and turns out to have been placed costs its attempt after all. */
    int32_t attempts = call->attempts + (call->was_given_back ? 1 : 0);
    struct settle_decision decision = settle_decide(report->batch, &report->result, call, attempts,
                                                    worker_redis_now_ms(report->settle->cell->worker));
    report->result.outcome = decision.outcome;
    write_finish(report, call, &decision);
}

static void on_state(const struct redisReply *reply, int err, void *arg)
{
    struct report *report = arg;
    const char *text;
    size_t len;
    struct call_text call;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0 && reply_is_nil(reply))
        err = ERR_NOT_FOUND;
    if (err == 0)
        err = reply_str(reply, &text, &len);
    if (err == 0)
        err = call_text_parse(text, len, &call);
    if (err != 0)
        report_failed(report, "call.state_unreadable", err);
    else
        decide(report, &call);
}

static void read_state(struct report *report)
{
    if (++report->decisions > DECISIONS_MOST) {
        report_failed(report, "call.state_restless", ERR_UNAVAILABLE);
        return;
    }
    struct worker *w = report->settle->worker;
    char ordinal[REDIS_I64_LEN];
    struct key key = key_batch_state(report->settle->cell->id, report->batch_id, report->dial.ordinal / LIMIT_BUCKET);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key),
                                     redis_arg_i64((int64_t)report->dial.ordinal, ordinal)};
    int rc = redis_command(w->redis, args, 3, READ_DEADLINE_MS, on_state, report);
    if (rc != 0)
        report_failed(report, "call.state_unreadable", rc);
}

static void on_batch(const struct batch_settings *batch, int err, void *arg)
{
    struct report *report = arg;
    if (err != 0) {
        report_failed(report, "call.settings_unreadable", err);
        return;
    }
    report->batch = settings_ref(batch);
    read_state(report);
}

/* ---- reports ---- */

void settle_report(struct settle *s, const struct settle_dial *dial, const struct provider_result *result,
                   enum settle_source source, settle_fn fn, void *arg)
{
    size_t len = strlen(dial->batch_id);
    struct report *report = len <= LIMIT_BATCH_ID_LEN ? calloc(1, sizeof *report) : NULL;
    if (!report || provider_result_copy(result, &report->result) != 0) {
        free(report);
        if (fn)
            fn(SETTLE_UNAVAILABLE, arg);
        return;
    }
    report->settle = s;
    memcpy(report->batch_id, dial->batch_id, len + 1);
    report->dial = (struct settle_dial){report->batch_id, dial->ordinal, dial->number};
    report->source = source;
    report->fn = fn;
    report->arg = arg;
    report->next = s->reports;
    if (s->reports)
        s->reports->previous = report;
    s->reports = report;
    breakpoint_reach("settle", "reported");
    settings_get(s->cell->settings, report->batch_id, on_batch, report);
}

void settle_unknown(struct settle *s, const struct settle_dial *dial, settle_fn fn, void *arg)
{
    struct provider_result result;
    provider_result_init(&result);
    result.kind = PROVIDER_ANALYZED;
    result.verdict = VERDICT_ACCEPTED;
    result.outcome = OUTCOME_UNKNOWN;
    memcpy(result.reason, "deadline", sizeof "deadline");
    settle_report(s, dial, &result, SETTLE_BY_DEADLINE, fn, arg);
    provider_result_clear(&result);
}

void settle_flush(struct settle *s)
{
    outbox_flush(s->finishes);
    outbox_flush(s->aborts);
}

size_t settle_reports(const struct settle *s)
{
    size_t n = 0;
    for (const struct report *report = s->reports; report; report = report->next)
        n++;
    return n;
}

bool settle_is_idle(const struct settle *s)
{
    return s->reports == NULL;
}

int settle_create(struct worker_cell *cell, struct settle **ret_settle)
{
    struct settle *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->cell = cell;
    s->worker = cell->worker;
    s->platform_prologue[0] = redis_arg_str("-");
    s->finish_spec = (struct outbox_spec){
        .script = LUA_CALL_FINISH,
        .fields = 16,
        .most_work = LIMIT_FINISH_WORK,
        .gather_us = OUTBOX_GATHER_US,
        .note_fn = notes_take,
        .note_arg = cell,
    };
    s->abort_spec = (struct outbox_spec){.script = LUA_CALL_ABORT,
                                         .fields = 7,
                                         .most_work = LIMIT_SCRIPT_WORK,
                                         .prologue = s->platform_prologue,
                                         .n_prologue = 1,
                                         .note_fn = notes_take,
                                         .note_arg = cell};
    int rc = outbox_create(s->worker->loop, s->worker->redis, cell->prefix, &s->finish_spec, &s->finishes);
    if (rc == 0)
        rc = outbox_create(s->worker->loop, s->worker->redis, cell->prefix, &s->abort_spec, &s->aborts);
    if (rc != 0) {
        settle_free(s);
        return rc;
    }
    *ret_settle = s;
    return 0;
}

void settle_free(struct settle *s)
{
    if (!s)
        return;
    outbox_free(s->finishes);
    outbox_free(s->aborts);
    while (s->reports) {
        struct report *report = s->reports;
        s->reports = report->next;
        report_free(report);
    }
    free(s);
}
