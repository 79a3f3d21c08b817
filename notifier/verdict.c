/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/verdict.h"

#include "notifier/retry.h"

#define PAUSE_MIN_MS INT64_C(1000)
#define PAUSE_MAX_MS INT64_C(3600000)
#define RETURN_MIN_MS INT64_C(2000)
#define RETURN_SPREAD_MS INT64_C(3000)

#define STATUS_GONE 410
#define STATUS_TOO_MANY_REQUESTS 429
#define STATUS_UNAVAILABLE 503

static struct verdict failed(const char *code, int status, enum webhook_pace pace,
                             const struct verdict_attempt *attempt)
{
    int64_t delay_ms = webhook_retry_delay_ms(attempt->is_call_event, attempt->number, pace, attempt->random);
    if (delay_ms < 0 || attempt->is_single)
        return (struct verdict){.kind = VERDICT_DEAD, .code = code, .status = status};
    return (struct verdict){.kind = VERDICT_RETRY, .code = code, .status = status, .delay_ms = delay_ms};
}

static struct verdict hopeless(const char *code, int status)
{
    return (struct verdict){.kind = VERDICT_DEAD, .code = code, .status = status};
}

/* Retry-After counts where the receiver says that it is busy; it keeps the whole endpoint waiting, within reason. */
static int64_t pause_of(const struct http_result *result)
{
    bool is_busy = result->status == STATUS_TOO_MANY_REQUESTS || result->status == STATUS_UNAVAILABLE;
    if (!is_busy || result->retry_after_ms < 0)
        return 0;
    if (result->retry_after_ms < PAUSE_MIN_MS)
        return PAUSE_MIN_MS;
    return result->retry_after_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : result->retry_after_ms;
}

static struct verdict of_answer(const struct http_result *result, const struct verdict_attempt *attempt)
{
    int status = result->status;
    if (status >= 200 && status < 300)
        return (struct verdict){.kind = VERDICT_DELIVERED, .code = "ok", .status = status};
    if (status == STATUS_GONE)
        return hopeless("endpoint_gone", status);
    if (status >= 300 && status < 400)
        return failed("redirect", status, WEBHOOK_PACE_NORMAL, attempt);
    if (status < 200 || status > 599)
        return failed("bad_response", status, WEBHOOK_PACE_NORMAL, attempt);
    struct verdict verdict = failed("http_status", status, WEBHOOK_PACE_NORMAL, attempt);
    verdict.pause_ms = pause_of(result);
    if (verdict.kind == VERDICT_RETRY && verdict.delay_ms < verdict.pause_ms)
        verdict.delay_ms = verdict.pause_ms;
    return verdict;
}

static struct verdict ours(const struct verdict_attempt *attempt)
{
    int64_t delay_ms = RETURN_MIN_MS + (int64_t)(((uint64_t)RETURN_SPREAD_MS * attempt->random) >> 32);
    return (struct verdict){.kind = VERDICT_RETURN, .code = "internal", .delay_ms = delay_ms};
}

struct verdict verdict_of(const struct http_result *result, const struct verdict_attempt *attempt)
{
    switch (result->fail) {
    case HTTP_FAIL_NONE:
        return of_answer(result, attempt);
    case HTTP_FAIL_URL:
        return hopeless("bad_url", 0);
    case HTTP_FAIL_NO_NAME:
        return failed("dns_nxdomain", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_RESOLVE:
        return failed("dns_error", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_ADDRESS:
        /* A name may be pointed elsewhere one day, an address stays what it is. */
        return attempt->is_literal ? hopeless("address_blocked", 0)
                                   : failed("address_blocked", 0, WEBHOOK_PACE_SLOW, attempt);
    case HTTP_FAIL_CONNECT:
        return failed("connect_failed", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_TLS:
        return failed("tls_failed", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_TIMEOUT:
        return failed("timeout", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_RESET:
        return failed("connection_reset", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_PROTOCOL:
        return failed("bad_response", 0, WEBHOOK_PACE_NORMAL, attempt);
    case HTTP_FAIL_LOCAL:
        return ours(attempt);
    }
    return ours(attempt);
}

const char *verdict_kind_name(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_DELIVERED:
        return "delivered";
    case VERDICT_RETRY:
        return "retry";
    case VERDICT_DEAD:
        return "dead";
    case VERDICT_RETURN:
        return "return";
    }
    return "return";
}
