/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/http/route.h"
#include "tests/carrier/refusal.h"
#include "tests/carrier/twilio.h"

#define MS_PER_S 1000
#define TIMEOUT_S_DEFAULT 60
#define TIMEOUT_S_MAX 600
#define TIME_LIMIT_S_DEFAULT 14400
#define TIME_LIMIT_S_MAX 86400
#define TWIML_LEN_MAX 4000
#define CALLBACKS_PATH "/callbacks/"

struct reading {
    struct call_order *order;
    struct buf *why;
    enum twilio_error code;
    const char *to; /* borrowed from the form, as are the next four */
    const char *from;
    const char *url;
    const char *twiml;
    const char *application;
    const char *status_callback;
    const char *detection_callback;
    bool detects_aside;
};

/* A parameter's name and how it is read. */
struct param {
    const char *name;
    int (*read)(struct reading *r, const struct form_pair *pair);
    bool repeats;
};

static int refuse(struct reading *r, enum twilio_error code, const char *subject, const char *fault)
{
    r->code = code;
    (void)refusal_say(r->why, subject, fault);
    return ERR_INVALID;
}

/* ---- kinds of values ---- */

/* An absolute URL of http or https, with a host; Twilio takes no underscore in it. */
static bool is_url(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
    size_t host = scheme ? strcspn(text + scheme, "/?#") : 0;
    return host > 0 && !memchr(text + scheme, '_', host) && !strpbrk(text, " \"<>\\^`{|}");
}

static int read_url(struct reading *r, const struct form_pair *pair)
{
    return is_url(pair->value) ? 0 : refuse(r, TWILIO_BAD_URL, pair->name, "is not an absolute URL");
}

static int read_whole(struct reading *r, const struct form_pair *pair, int64_t min, int64_t max, int64_t *ret_value)
{
    if (parse_i64(pair->value, strlen(pair->value), min, max, ret_value))
        return refuse(r, TWILIO_BAD_REQUEST, pair->name, "is not a whole number within its range");
    return 0;
}

static int read_method(struct reading *r, const struct form_pair *pair)
{
    if (strcmp(pair->value, "GET") == 0 || strcmp(pair->value, "POST") == 0)
        return 0;
    return refuse(r, TWILIO_BAD_REQUEST, pair->name, "must be GET or POST");
}

static int read_flag(struct reading *r, const struct form_pair *pair)
{
    if (strcmp(pair->value, "true") == 0 || strcmp(pair->value, "false") == 0)
        return 0;
    return refuse(r, TWILIO_BAD_REQUEST, pair->name, "must be true or false");
}

static int read_post(struct reading *r, const struct form_pair *pair)
{
    return strcmp(pair->value, "POST") == 0 ? 0 : refuse(r, TWILIO_BAD_REQUEST, pair->name, "must be POST here");
}

/* What changes nothing here. */
static int read_any(struct reading *r, const struct form_pair *pair)
{
    (void)r;
    (void)pair;
    return 0;
}

/* ---- the parameters ---- */

static int read_to(struct reading *r, const struct form_pair *pair)
{
    r->to = pair->value;
    return numbers_is_e164(pair->value) ? 0 : refuse(r, TWILIO_BAD_TO, pair->name, "is not a number in E.164 format");
}

static int read_from(struct reading *r, const struct form_pair *pair)
{
    r->from = pair->value;
    if (!numbers_is_e164(pair->value))
        return refuse(r, TWILIO_BAD_FROM, pair->name, "is not a number in E.164 format");
    if (strcmp(pair->value, TWILIO_FROM_UNVERIFIED) == 0)
        return refuse(r, TWILIO_UNVERIFIED_FROM, pair->name, "is no caller id of this account");
    return 0;
}

static int read_answer_url(struct reading *r, const struct form_pair *pair)
{
    r->url = pair->value;
    return read_url(r, pair);
}

static int read_twiml(struct reading *r, const struct form_pair *pair)
{
    size_t len = strlen(pair->value);
    r->twiml = pair->value;
    if (len > 0 && len <= TWIML_LEN_MAX)
        return 0;
    return refuse(r, TWILIO_BAD_REQUEST, pair->name, "must have from 1 to 4000 characters");
}

static int read_application(struct reading *r, const struct form_pair *pair)
{
    r->application = pair->value;
    if (twilio_is_sid(pair->value, "AP") && strcmp(pair->value, TWILIO_APPLICATION_UNKNOWN) != 0)
        return 0;
    return refuse(r, TWILIO_BAD_APPLICATION, pair->name, "is no application of this account");
}

static int read_status_callback(struct reading *r, const struct form_pair *pair)
{
    r->status_callback = pair->value;
    return is_url(pair->value) ? 0 : refuse(r, TWILIO_BAD_CALLBACK, pair->name, "is not an absolute URL");
}

static int read_status_method(struct reading *r, const struct form_pair *pair)
{
    r->order->callback_by_get = strcmp(pair->value, "GET") == 0;
    return read_method(r, pair);
}

static int read_status_event(struct reading *r, const struct form_pair *pair)
{
    static const struct {
        const char *name;
        unsigned step;
    } EVENTS[] = {
        {"initiated", CALL_STEP_INITIATED},
        {"ringing", CALL_STEP_RINGING},
        {"answered", CALL_STEP_ANSWERED},
        {"completed", CALL_STEP_COMPLETED},
    };
    for (size_t i = 0; i < sizeof EVENTS / sizeof EVENTS[0]; i++) {
        if (strcmp(pair->value, EVENTS[i].name) == 0) {
            r->order->callback_steps |= EVENTS[i].step;
            return 0;
        }
    }
    return refuse(r, TWILIO_BAD_EVENTS, pair->name, "must be initiated, ringing, answered or completed, one at a time");
}

static int read_timeout(struct reading *r, const struct form_pair *pair)
{
    int64_t timeout_s;
    if (parse_i64(pair->value, strlen(pair->value), 1, TIMEOUT_S_MAX, &timeout_s))
        return refuse(r, TWILIO_BAD_TIMEOUT, pair->name, "must be a whole number from 1 to 600");
    r->order->ring_ms = timeout_s * MS_PER_S;
    return 0;
}

static int read_time_limit(struct reading *r, const struct form_pair *pair)
{
    int64_t limit_s = 0;
    int err = read_whole(r, pair, 1, TIME_LIMIT_S_MAX, &limit_s);
    r->order->max_talk_ms = limit_s * MS_PER_S;
    return err;
}

static int read_detection(struct reading *r, const struct form_pair *pair)
{
    r->order->detection = strcmp(pair->value, "Enable") == 0             ? CALL_DETECTION_START
                          : strcmp(pair->value, "DetectMessageEnd") == 0 ? CALL_DETECTION_MESSAGE_END
                                                                         : CALL_DETECTION_NONE;
    if (r->order->detection != CALL_DETECTION_NONE)
        return 0;
    return refuse(r, TWILIO_BAD_REQUEST, pair->name, "must be Enable or DetectMessageEnd");
}

static int read_detection_timeout(struct reading *r, const struct form_pair *pair)
{
    int64_t value;
    return read_whole(r, pair, 3, 59, &value);
}

static int read_speech_threshold(struct reading *r, const struct form_pair *pair)
{
    int64_t value;
    return read_whole(r, pair, 1000, 6000, &value);
}

static int read_speech_end_threshold(struct reading *r, const struct form_pair *pair)
{
    int64_t value;
    return read_whole(r, pair, 500, 5000, &value);
}

static int read_silence_timeout(struct reading *r, const struct form_pair *pair)
{
    int64_t value;
    return read_whole(r, pair, 2000, 10000, &value);
}

static int read_detects_aside(struct reading *r, const struct form_pair *pair)
{
    r->detects_aside = strcmp(pair->value, "true") == 0;
    return read_flag(r, pair);
}

static int read_detection_callback(struct reading *r, const struct form_pair *pair)
{
    r->detection_callback = pair->value;
    return read_url(r, pair);
}

static const struct param PARAMS[] = {
    {"To", read_to, false},
    {"From", read_from, false},
    {"Url", read_answer_url, false},
    {"Twiml", read_twiml, false},
    {"ApplicationSid", read_application, false},
    {"Method", read_method, false},
    {"FallbackUrl", read_url, false},
    {"FallbackMethod", read_method, false},
    {"StatusCallback", read_status_callback, false},
    {"StatusCallbackMethod", read_status_method, false},
    {"StatusCallbackEvent", read_status_event, true},
    {"Timeout", read_timeout, false},
    {"TimeLimit", read_time_limit, false},
    {"MachineDetection", read_detection, false},
    {"MachineDetectionTimeout", read_detection_timeout, false},
    {"MachineDetectionSpeechThreshold", read_speech_threshold, false},
    {"MachineDetectionSpeechEndThreshold", read_speech_end_threshold, false},
    {"MachineDetectionSilenceTimeout", read_silence_timeout, false},
    {"AsyncAmd", read_detects_aside, false},
    {"AsyncAmdStatusCallback", read_detection_callback, false},
    {"AsyncAmdStatusCallbackMethod", read_post, false},
    {"Record", read_flag, false},
    {"RecordingChannels", read_any, false},
    {"RecordingStatusCallback", read_url, false},
    {"RecordingStatusCallbackMethod", read_method, false},
    {"RecordingStatusCallbackEvent", read_any, true},
    {"RecordingTrack", read_any, false},
    {"Trim", read_any, false},
    {"SendDigits", read_any, false},
    {"SipAuthUsername", read_any, false},
    {"SipAuthPassword", read_any, false},
    {"CallerId", read_any, false},
    {"Byoc", read_any, false},
    {"CallReason", read_any, false},
    {"CallToken", read_any, false},
    {"ClientNotificationUrl", read_url, false},
};
#define N_PARAMS (sizeof PARAMS / sizeof PARAMS[0])

static int read_params(struct reading *r, const struct form *form)
{
    uint64_t seen = 0;
    for (size_t k = 0; k < form->n; k++) {
        const struct form_pair *pair = &form->pairs[k];
        size_t i = 0;
        while (i < N_PARAMS && strcmp(PARAMS[i].name, pair->name) != 0)
            i++;
        if (i == N_PARAMS)
            return refuse(r, TWILIO_BAD_REQUEST, pair->name, "is not a parameter that this request has");
        if ((seen & UINT64_C(1) << i) && !PARAMS[i].repeats)
            return refuse(r, TWILIO_BAD_REQUEST, pair->name, "is given twice");
        seen |= UINT64_C(1) << i;
        int err = PARAMS[i].read(r, pair);
        if (err)
            return err;
    }
    return 0;
}

/* ---- what they make together ---- */

static int require(struct reading *r)
{
    if (!r->to)
        return refuse(r, TWILIO_NO_TO, "To", "is required");
    if (!r->from)
        return refuse(r, TWILIO_NO_FROM, "From", "is required");
    if (!r->url && !r->twiml && !r->application)
        return refuse(r, TWILIO_BAD_URL, "Url, Twiml or ApplicationSid", "is required");
    return 0;
}

/* What stands behind /callbacks/<profile>/, decoded; NULL where nothing does. */
static int keep_token(const char *url, char **ret_token)
{
    const char *path = strstr(url, CALLBACKS_PATH);
    const char *profile = path ? path + sizeof CALLBACKS_PATH - 1 : "";
    const char *token = profile + strcspn(profile, "/?#");
    if (*token != '/' || token[1] == '\0')
        return 0;
    token++;
    char *text = strndup(token, strcspn(token, "?#"));
    if (!text)
        return ERR_NOMEM;
    if (http_percent_decode(text)) {
        free(text);
        return 0;
    }
    *ret_token = text;
    return 0;
}

/* An application has callbacks of its own: then those of the request are not used. */
static int keep(struct reading *r)
{
    struct call_order *order = r->order;
    memcpy(order->to, r->to, strlen(r->to) + 1);
    memcpy(order->from, r->from, strlen(r->from) + 1);
    if (order->callback_steps == 0)
        order->callback_steps = CALL_STEP_COMPLETED;
    if (r->application)
        return 0;
    if (r->status_callback) {
        order->callback_url = strdup(r->status_callback);
        int err = order->callback_url ? keep_token(r->status_callback, &order->token) : ERR_NOMEM;
        if (err)
            return err;
    }
    if (r->detects_aside && r->detection_callback) {
        order->detection_url = strdup(r->detection_callback);
        if (!order->detection_url)
            return ERR_NOMEM;
    }
    return 0;
}

int twilio_request_read(const struct form *form, struct call_order *ret_order, enum twilio_error *ret_code,
                        struct buf *why)
{
    struct call_order order = {
        .ring_ms = (int64_t)TIMEOUT_S_DEFAULT * MS_PER_S,
        .max_talk_ms = (int64_t)TIME_LIMIT_S_DEFAULT * MS_PER_S,
    };
    struct reading reading = {.order = &order, .why = why, .code = TWILIO_BAD_REQUEST};
    int err = read_params(&reading, form);
    if (!err)
        err = require(&reading);
    if (!err)
        err = keep(&reading);
    if (err)
        call_order_clear(&order);
    else
        *ret_order = order;
    *ret_code = reading.code;
    return err;
}
