/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/deliver.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "notifier/notifier.h"
#include "notifier/report.h"
#include "version.h"

#define SIGNATURE_MAX 1024
#define TIMESTAMP_TEXT 24
#define RANDOM_RANGE (UINT64_C(1) << 32)
#define UNREADABLE_SECRET_DELAY_MS 60000 /* an operator must act first */

/* ---- the end of an attempt ---- */

static void hand_over(struct delivery *d)
{
    d->took_ms = (clock_mono_us() - d->began_us) / 1000;
    metric_add(d->cell->notifier->stats.attempts[d->verdict.kind], 1);
    report_add(d);
}

static void log_verdict(const struct delivery *d, const struct http_result *result)
{
    enum log_level level = d->verdict.kind == VERDICT_DEAD ? LOG_WARN : LOG_DEBUG;
    LOG_AT(level, d->verdict.kind == VERDICT_DEAD ? "webhook.dead" : "webhook.attempt", log_str("event_id", d->event),
           log_str("endpoint", d->endpoint), log_i64("attempt", d->attempt),
           log_str("verdict", verdict_kind_name(d->verdict.kind)), log_str("code", d->verdict.code),
           log_i64("status", d->verdict.status), log_i64("delay_ms", d->verdict.delay_ms),
           log_str("detail", result->detail ? result->detail : ""));
}

static void settle(struct delivery *d, const struct http_result *result)
{
    struct stats *stats = &d->cell->notifier->stats;
    struct verdict_attempt attempt = {.is_call_event = d->is_call_event,
                                      .number = d->attempt,
                                      .is_literal = d->rule.is_literal,
                                      .random = (uint32_t)random_below(RANDOM_RANGE)};
    d->verdict = verdict_of(result, &attempt);
    if (result->fail == HTTP_FAIL_LOCAL)
        metric_add(stats->faults[STATS_FAULT_LOCAL], 1);
    log_verdict(d, result);
    hand_over(d);
}

static void on_done(const struct http_result *result, void *arg)
{
    struct delivery *d = arg;
    struct stats *stats = &d->cell->notifier->stats;
    TAILQ_REMOVE(&d->cell->under_way, d, link);
    d->transfer = NULL;
    metric_observe(stats->attempt_seconds, (double)result->total_us / 1e6);
    if (result->connection_reused)
        metric_add(stats->reused, 1);
    settle(d, result);
}

/* An attempt that ended before there was a request. */
static void fail_unsent(struct delivery *d, enum http_fail fail)
{
    struct http_result result = {.fail = fail, .retry_after_ms = -1};
    settle(d, &result);
}

static void give_back(struct delivery *d, const char *code, int64_t delay_ms)
{
    d->began_us = clock_mono_us();
    d->verdict = (struct verdict){.kind = VERDICT_RETURN, .code = code, .delay_ms = delay_ms};
    hand_over(d);
}

void deliver_return(struct delivery *d)
{
    give_back(d, "draining", 0);
}

/* ---- its beginning ---- */

static enum http_fail fail_of(int err)
{
    return err == ERR_INVALID ? HTTP_FAIL_URL : HTTP_FAIL_LOCAL;
}

static int send_request(struct delivery *d, const struct deliver_content *content, const char *webhook_id,
                        const char *signature, int64_t timestamp_s)
{
    struct notifier *n = d->cell->notifier;
    char timestamp[TIMESTAMP_TEXT];
    snprintf(timestamp, sizeof timestamp, "%" PRId64, timestamp_s);
    const struct http_header headers[] = {
        {"content-type", "application/json"}, {"user-agent", "Carillon/" CARILLON_VERSION},
        {"webhook-id", webhook_id},           {"webhook-timestamp", timestamp},
        {"webhook-signature", signature},
    };
    const struct http_outgoing out = {
        .method = "POST",
        .url = content->url.data,
        .headers = headers,
        .n_headers = sizeof headers / sizeof headers[0],
        .body = content->body.data,
        .body_len = content->body.len,
        .timeout_ms = LIMIT_WEBHOOK_TIMEOUT_MS,
        .connect_timeout_ms = LIMIT_WEBHOOK_CONNECT_MS,
        .max_body_bytes = LIMIT_WEBHOOK_ANSWER_BYTES,
        .ca_file = n->ca_file,
        .address_fn = egress_permits,
        .address_arg = &d->rule,
    };
    return http_client_send(n->http, &out, on_done, d, &d->transfer);
}

void deliver_start(struct delivery *d, const struct deliver_content *content)
{
    struct notifier *n = d->cell->notifier;
    int64_t timestamp_s = clock_wall_ms() / 1000;
    char webhook_id[EVENT_DELIVERY_ID_LEN + 1];
    struct buf signature;
    d->began_us = clock_mono_us();
    if (content->n_keys == 0) {
        give_back(d, "internal", UNREADABLE_SECRET_DELAY_MS);
        return;
    }
    if (!content->url.data || !content->body.data) {
        fail_unsent(d, HTTP_FAIL_LOCAL);
        return;
    }
    enum http_fail fail = egress_judge_url(content->url.data, content->url.len, &n->allowed, &d->rule);
    if (fail != HTTP_FAIL_NONE) {
        fail_unsent(d, fail);
        return;
    }
    (void)snprintf(webhook_id, sizeof webhook_id, "%.*s", (int)event_id_len(d->event), d->event);
    buf_init(&signature, SIGNATURE_MAX);
    int err = sign_webhook(content->keys, content->n_keys, webhook_id, timestamp_s, content->body.data,
                           content->body.len, &signature);
    if (!err)
        err = send_request(d, content, webhook_id, buf_str(&signature), timestamp_s);
    buf_free(&signature);
    if (err)
        fail_unsent(d, fail_of(err));
    else
        TAILQ_INSERT_TAIL(&d->cell->under_way, d, link);
}
