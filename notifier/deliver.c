/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/log.h"
#include "notifier/notifier.h"
#include "notifier/report.h"
#include "version.h"

#define SIGNATURE_MAX 1024
#define TIMESTAMP_TEXT 24
#define RANDOM_RANGE (UINT64_C(1) << 32)
#define BUSY_MS 500 /* until a delivery beyond its tenant's or host's share is looked at again, or twice as long */
#define UNREADABLE_SECRET_DELAY_MS 60000 /* an operator must act first */

/* ---- the end of an attempt ---- */

static void give_share(struct delivery *d)
{
    struct notifier *n = d->cell->notifier;
    if (!d->has_share)
        return;
    d->has_share = false;
    shares_give(n->tenants, d->tenant);
    shares_give(n->hosts, d->rule.host);
}

/* False where its tenant or its host has as much under way as either may. */
static bool take_share(struct delivery *d)
{
    struct notifier *n = d->cell->notifier;
    if (!shares_take(n->tenants, d->tenant))
        return false;
    d->has_share = shares_take(n->hosts, d->rule.host);
    if (!d->has_share)
        shares_give(n->tenants, d->tenant);
    return d->has_share;
}

static void hand_over(struct delivery *d)
{
    give_share(d);
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
           log_said("detail", result->detail ? result->detail : ""));
}

static void settle(struct delivery *d, const struct http_result *result)
{
    struct stats *stats = &d->cell->notifier->stats;
    struct verdict_attempt attempt = {.is_call_event = d->is_call_event,
                                      .number = d->attempt - d->from_attempt,
                                      .is_single = d->is_test,
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
    phases_format(result, d->looked_up_us, d->phases);
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

/* What is to be sent, while the name of its receiver is looked up. */
struct parcel {
    struct resolver_query *query; /* NULL before and after it */
    char *url;
    char *body;
    size_t body_len;
    char *signature;
    char seed_signature[SIGN_SEED_LEN + 1]; /* "": not wanted */
    char webhook_id[EVENT_DELIVERY_ID_LEN + 1];
    int64_t timestamp_s;
};

static void parcel_free(struct parcel *p)
{
    if (!p)
        return;
    if (p->query)
        resolver_cancel(p->query);
    free(p->url);
    free(p->body);
    free(p->signature);
    free(p);
}

static int parcel_create(const struct deliver_content *content, const struct parcel *labels, const char *signature,
                         struct parcel **ret_parcel)
{
    struct parcel *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    *p = *labels;
    p->url = strdup(content->url.data);
    p->body = malloc(content->body.len + 1);
    p->body_len = content->body.len;
    p->signature = strdup(signature);
    if (!p->url || !p->body || !p->signature) {
        parcel_free(p);
        return ERR_NOMEM;
    }
    memcpy(p->body, content->body.data, content->body.len);
    *ret_parcel = p;
    return 0;
}

/* `answer` NULL: the URL names an address. */
static int send_request(struct delivery *d, const struct parcel *p, const struct resolver_answer *answer)
{
    struct notifier *n = d->cell->notifier;
    char timestamp[TIMESTAMP_TEXT];
    snprintf(timestamp, sizeof timestamp, "%" PRId64, p->timestamp_s);
    const struct http_header headers[] = {
        {"content-type", "application/json"}, {"user-agent", "Carillon/" CARILLON_VERSION},
        {"webhook-id", p->webhook_id},        {"webhook-timestamp", timestamp},
        {"webhook-signature", p->signature},  {"x-dialgen-signature", p->seed_signature},
    };
    size_t n_headers = sizeof headers / sizeof headers[0] - (p->seed_signature[0] == '\0');
    const struct http_pin pin = {.host = d->rule.host,
                                 .port = d->rule.port,
                                 .addresses = answer ? answer->addresses : NULL,
                                 .n_addresses = answer ? answer->n : 0};
    const struct http_outgoing out = {
        .method = "POST",
        .url = p->url,
        .headers = headers,
        .n_headers = n_headers,
        .body = p->body,
        .body_len = p->body_len,
        .flags = HTTP_SHARED,
        .pin = answer ? &pin : NULL,
        .timeout_ms = n->timeout_ms - d->looked_up_us / 1000,
        .connect_timeout_ms = LIMIT_WEBHOOK_CONNECT_MS,
        .max_body_bytes = LIMIT_WEBHOOK_ANSWER_BYTES,
        .ca_file = n->ca_file,
        .address_fn = egress_permits,
        .address_arg = &d->rule,
    };
    return http_client_send(n->http, &out, on_done, d, &d->transfer);
}

/* ---- the receiver's name ---- */

static enum http_fail fail_of_lookup(const struct delivery *d, const struct resolver_answer *answer)
{
    switch (answer->result) {
    case RESOLVER_OK:
        return egress_judge_addresses(&d->rule, answer);
    case RESOLVER_NO_NAME:
        return HTTP_FAIL_NO_NAME;
    case RESOLVER_NO_ANSWER:
        /* Where nobody's name is answered, that is no fault of this one. */
        return resolver_is_ailing(d->cell->notifier->resolver) ? HTTP_FAIL_LOCAL : HTTP_FAIL_RESOLVE;
    case RESOLVER_OURS:
        break;
    }
    return HTTP_FAIL_LOCAL;
}

/* Sends it to where its name leads, or fails it. The delivery is in its cell's list by now. */
static void send_there(struct delivery *d, const struct parcel *p, const struct resolver_answer *answer)
{
    enum http_fail fail = answer ? fail_of_lookup(d, answer) : HTTP_FAIL_NONE;
    if (fail == HTTP_FAIL_NONE && d->looked_up_us / 1000 >= d->cell->notifier->timeout_ms)
        fail = HTTP_FAIL_TIMEOUT;
    int err = fail == HTTP_FAIL_NONE ? send_request(d, p, answer) : 0;
    if (err)
        fail = fail_of(err);
    if (fail == HTTP_FAIL_NONE)
        return;
    TAILQ_REMOVE(&d->cell->under_way, d, link);
    fail_unsent(d, fail);
}

static void on_name(const struct resolver_answer *answer, void *arg)
{
    struct delivery *d = arg;
    struct parcel *p = d->parcel;
    d->parcel = NULL;
    p->query = NULL;
    d->looked_up_us = clock_mono_us() - d->began_us;
    send_there(d, p, answer);
    parcel_free(p);
}

/* Keeps a copy of what is to be sent until the name is known. */
static void wait_for_name(struct delivery *d, const struct deliver_content *content, const struct parcel *labels)
{
    struct notifier *n = d->cell->notifier;
    int err = parcel_create(content, labels, labels->signature, &d->parcel);
    if (!err)
        err = resolver_ask(n->resolver, d->rule.host, on_name, d, &d->parcel->query);
    if (!err)
        return;
    parcel_free(d->parcel);
    d->parcel = NULL;
    TAILQ_REMOVE(&d->cell->under_way, d, link);
    fail_unsent(d, HTTP_FAIL_LOCAL);
}

static void dispatch(struct delivery *d, const struct deliver_content *content, const struct parcel *labels)
{
    const struct resolver_answer *known =
        d->rule.is_literal ? NULL : resolver_known(d->cell->notifier->resolver, d->rule.host);
    TAILQ_INSERT_TAIL(&d->cell->under_way, d, link);
    if (known || d->rule.is_literal)
        send_there(d, labels, known);
    else
        wait_for_name(d, content, labels);
}

void deliver_start(struct delivery *d, const struct deliver_content *content)
{
    struct notifier *n = d->cell->notifier;
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
    enum http_fail fail = egress_judge_url(content->url.data, content->url.len, &n->egress, &d->rule);
    if (fail != HTTP_FAIL_NONE) {
        fail_unsent(d, fail);
        return;
    }
    if (!take_share(d)) {
        give_back(d, "busy", BUSY_MS + (int64_t)random_below(BUSY_MS));
        return;
    }
    struct parcel labels = {.url = (char *)content->url.data,
                            .body = (char *)content->body.data,
                            .body_len = content->body.len,
                            .timestamp_s = clock_wall_ms() / 1000}; /* borrowed all */
    (void)snprintf(labels.webhook_id, sizeof labels.webhook_id, "%.*s", (int)event_id_len(d->event), d->event);
    buf_init(&signature, SIGNATURE_MAX);
    int err = sign_webhook(content->keys, content->n_keys, labels.webhook_id, labels.timestamp_s, content->body.data,
                           content->body.len, &signature);
    labels.signature = (char *)buf_str(&signature);
    if (!err && d->wants_seed_header)
        err = sign_seed(&content->keys[0], content->body.data, content->body.len, labels.seed_signature);
    if (err)
        fail_unsent(d, fail_of(err));
    else
        dispatch(d, content, &labels);
    buf_free(&signature);
}

void deliver_drop(struct delivery *d)
{
    parcel_free(d->parcel);
    free(d);
}
