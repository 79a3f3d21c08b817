/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_callback.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/parse.h"
#include "tests/carrier/fault.h"
#include "tests/carrier/form.h"
#include "tests/carrier/twilio_view.h"

#define FORM_BYTES_MAX (8u << 10)
#define URL_BYTES_MAX (16u << 10)
#define TIMEOUT_MS 15000
#define RETRIES_DEFAULT 1
#define RETRIES_MAX 5
#define SECONDS_PER_MINUTE 60

/* ---- how often ---- */

static unsigned retry_bit(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned bits;
    } POLICIES[] = {
        {"ct", COURIER_RETRY_CONNECT}, {"rt", COURIER_RETRY_TIMEOUT}, {"4xx", COURIER_RETRY_4XX},
        {"5xx", COURIER_RETRY_5XX},    {"all", COURIER_RETRY_ANY},
    };
    for (size_t i = 0; i < sizeof POLICIES / sizeof POLICIES[0]; i++)
        if (strlen(POLICIES[i].name) == len && memcmp(POLICIES[i].name, name, len) == 0)
            return POLICIES[i].bits;
    return 0;
}

static unsigned read_policy(const char *text, size_t len)
{
    unsigned bits = 0;
    for (const char *end = text + len; text < end;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t name = comma ? (size_t)(comma - text) : (size_t)(end - text);
        bits |= retry_bit(text, name);
        text += name + 1;
    }
    return bits;
}

/* One "key=value" of a fragment; one that is not understood changes nothing. */
static void read_override(const char *text, size_t len, struct courier_letter *letter)
{
    int64_t value;
    if (len < 4)
        return;
    if (strncmp(text, "rc=", 3) == 0 && !parse_i64(text + 3, len - 3, 0, RETRIES_MAX, &value))
        letter->tries = (unsigned)value + 1;
    else if (strncmp(text, "rt=", 3) == 0 && !parse_i64(text + 3, len - 3, 100, TIMEOUT_MS, &value))
        letter->timeout_ms = value;
    else if (strncmp(text, "rp=", 3) == 0 && read_policy(text + 3, len - 3))
        letter->retry_on = read_policy(text + 3, len - 3);
}

static void read_overrides(const char *fragment, struct courier_letter *letter)
{
    while (*fragment) {
        size_t len = strcspn(fragment, "&");
        read_override(fragment, len, letter);
        fragment += len + (fragment[len] == '&');
    }
}

/* ---- what ---- */

static int add_number(struct buf *form, const char *name, int64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    return form_add(form, name, digits);
}

static int add_all(struct buf *form, const struct form_pair *pairs, size_t n)
{
    int err = 0;
    for (size_t i = 0; !err && i < n; i++)
        err = form_add(form, pairs[i].name, pairs[i].value);
    return err;
}

static const char *event_name(unsigned step)
{
    return step == CALL_STEP_INITIATED  ? "initiated"
           : step == CALL_STEP_RINGING  ? "ringing"
           : step == CALL_STEP_ANSWERED ? "answered"
                                        : "completed";
}

/* The state that a step brings, whatever has happened since. */
static const char *status_at(const struct call *call, unsigned step)
{
    return step == CALL_STEP_INITIATED  ? "initiated"
           : step == CALL_STEP_RINGING  ? "ringing"
           : step == CALL_STEP_ANSWERED ? "in-progress"
                                        : twilio_status_name(call);
}

/* RFC 3261; 608 is RFC 8688's "Rejected", by a machine that takes the caller for spam. (Carriers that may not send 608
 * send 603, which is as well what a person sends who declines.) */
static const char *sip_response(const struct call *call)
{
    switch (call->end) {
    case CALL_END_BUSY:
        return "486";
    case CALL_END_NO_ANSWER:
        return "487";
    case CALL_END_FAILED:
    case CALL_END_CONCURRENCY:
        return "503";
    case CALL_END_BLOCKED:
        return "608";
    case CALL_END_INVALID_NUMBER:
        return "404";
    case CALL_END_STOPPED:
        return call_was_connected(call) ? "200" : "487";
    case CALL_END_CALLEE_HUNG_UP:
    case CALL_END_AGENT_HUNG_UP:
    case CALL_END_MAX_DURATION:
    case CALL_END_VOICEMAIL:
    case CALL_END_NONE:
        break;
    }
    return "200";
}

static int add_end(struct buf *form, const struct call *call)
{
    int64_t duration_s = twilio_duration_s(call);
    int err = add_number(form, "CallDuration", duration_s);
    if (!err) /* in minutes, begun ones counted whole */
        err = add_number(form, "Duration", (duration_s + SECONDS_PER_MINUTE - 1) / SECONDS_PER_MINUTE);
    if (!err)
        err = form_add(form, "SipResponseCode", sip_response(call));
    if (!err && twilio_answered_by(call) && !call->order.detection_url)
        err = form_add(form, "AnsweredBy", twilio_answered_by(call));
    return err;
}

static int print_status(const char *account_sid, const struct call *call, unsigned step, struct buf *form)
{
    char date[TWILIO_DATE_CAP];
    twilio_date(clock_wall_ms(), date);
    const struct form_pair pairs[] = {
        {"AccountSid", account_sid},
        {"ApiVersion", TWILIO_VERSION},
        {"CallSid", call->id},
        {"CallStatus", status_at(call, step)},
        {"Called", call->order.to},
        {"Caller", call->order.from},
        {"Direction", "outbound-api"},
        {"From", call->order.from},
        {"To", call->order.to},
        {"Timestamp", date},
        {"CallbackSource", "call-progress-events"},
    };
    int err = add_all(form, pairs, sizeof pairs / sizeof pairs[0]);
    if (!err)
        err = add_number(form, "SequenceNumber", call->callbacks);
    return err || step != CALL_STEP_COMPLETED ? err : add_end(form, call);
}

static int print_detection(const char *account_sid, const struct call *call, struct buf *form)
{
    const struct form_pair pairs[] = {
        {"AccountSid", account_sid},
        {"CallSid", call->id},
        {"AnsweredBy", twilio_answered_by(call)},
        {"MachineDetectionDuration", "0"},
    };
    return add_all(form, pairs, sizeof pairs / sizeof pairs[0]);
}

/* ---- sending ---- */

/* The URL without its fragment, and behind a GET with the form as its query. */
static int print_url(const char *url, bool by_get, const struct buf *form, struct buf *out)
{
    size_t len = strcspn(url, "#");
    int err = buf_append(out, url, len);
    if (!err && by_get)
        err = buf_append_char(out, memchr(url, '?', len) ? '&' : '?');
    return err || !by_get ? err : buf_append(out, buf_str(form), buf_len(form));
}

/* `by_get` sends the form in the query. */
static int send_form(const struct twilio_callbacks *callbacks, struct call *call, const char *event, const char *url,
                     bool by_get, const struct buf *form)
{
    struct buf target;
    buf_init(&target, URL_BYTES_MAX);
    int err = print_url(url, by_get, form, &target);
    if (!err) {
        struct courier_letter letter = {
            .call = call,
            .method = by_get ? "GET" : "POST",
            .url = buf_str(&target),
            .event = event,
            .body = by_get ? "" : buf_str(form),
            .len = by_get ? 0 : buf_len(form),
            .timeout_ms = TIMEOUT_MS,
            .copies = fault_is_in(call->faults, FAULT_CALLBACK_TWICE) ? 2 : 1,
            .tries = RETRIES_DEFAULT + 1,
            .retry_on = COURIER_RETRY_CONNECT,
        };
        const char *fragment = strchr(url, '#');
        if (fragment)
            read_overrides(fragment + 1, &letter);
        err = courier_send(callbacks->courier, &letter);
    }
    buf_free(&target);
    return err;
}

bool twilio_callback_is_wanted(const struct call *call, unsigned step)
{
    return call->order.callback_url && (call->order.callback_steps & step) &&
           !fault_is_in(call->faults, FAULT_CALLBACK_NEVER) && !call_is_forgotten(call);
}

bool twilio_callback_send(const struct twilio_callbacks *callbacks, struct call *call, unsigned step)
{
    if (!twilio_callback_is_wanted(call, step))
        return false;
    struct buf form;
    buf_init(&form, FORM_BYTES_MAX);
    int err = print_status(callbacks->account_sid, call, step, &form);
    if (!err)
        err =
            send_form(callbacks, call, event_name(step), call->order.callback_url, call->order.callback_by_get, &form);
    if (!err)
        call->callbacks++;
    buf_free(&form);
    return !err;
}

void twilio_callback_send_detection(const struct twilio_callbacks *callbacks, struct call *call)
{
    if (!call->order.detection_url || !twilio_answered_by(call) || call_is_forgotten(call) ||
        fault_is_in(call->faults, FAULT_CALLBACK_NEVER))
        return;
    struct buf form;
    buf_init(&form, FORM_BYTES_MAX);
    if (!print_detection(callbacks->account_sid, call, &form))
        (void)send_form(callbacks, call, "detection", call->order.detection_url, false, &form);
    buf_free(&form);
}
