/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/answer.h"

#include <stdlib.h>
#include <string.h>

#define US_PER_MS 1000
/* Longer than any client waits: then the connection is reset, so that what hangs stays bounded. */
#define HANG_MS 60000

/* An answer that is held back; attached to its request. */
struct answer {
    struct answer_style *style;
    struct answer *next, *previous; /* in style->hanging */
    struct http_request *req;
    struct call *call; /* held; NULL where none was placed */
    struct loop_timer *timer; /* NULL: it waits for answer_release() */
    bool hangs;
};

/* Each is what a platform has been seen to say with a good status when it was not well. */
static void give_garbage(struct http_request *req, int status, uint64_t chance)
{
    static const struct {
        const char *type;
        const char *body;
        size_t len; /* 0: up to the NUL */
    } GARBAGE[] = {
        {NULL, "", 0},
        {"application/json", "{\"call_id\":\"call_", 0}, /* cut */
        {"application/json", "{\"status\":\"queued\"}", 0}, /* no id */
        {"application/json", "{\"call_id\":7,\"sid\":[null]}", 0}, /* an id of another type */
        {"application/json", "null", 0},
        {"text/html", "<html><body>Bad gateway</body></html>", 0},
        {"application/octet-stream", "\x1f\x8b\x08\x00\xff\xfe\x00", 7},
    };
    size_t i = (size_t)(chance % (sizeof GARBAGE / sizeof GARBAGE[0]));
    size_t len = GARBAGE[i].len ? GARBAGE[i].len : strlen(GARBAGE[i].body);
    (void)http_request_reply(req, status, GARBAGE[i].type, NULL, 0, GARBAGE[i].body, len);
}

static void on_timer(void *arg)
{
    struct answer *answer = arg;
    if (answer->hangs)
        http_request_reset(answer->req);
    else
        answer->style->give_call(answer->req, answer->call, answer->style->arg);
}

static void list_hanging(struct answer_style *style, struct answer *answer)
{
    answer->next = style->hanging;
    if (style->hanging)
        style->hanging->previous = answer;
    style->hanging = answer;
}

static void unlist_hanging(struct answer *answer)
{
    if (answer->next)
        answer->next->previous = answer->previous;
    if (answer->previous)
        answer->previous->next = answer->next;
    else
        answer->style->hanging = answer->next;
}

/* Holds the answer back for `delay_ms`, or until answer_release() where that is negative. Where that cannot be, the
 * connection is reset: a client must expect that of any answer. */
static void answer_hold(struct answer_style *style, struct http_request *req, struct call *call, int64_t delay_ms,
                        bool hangs)
{
    struct answer *answer = calloc(1, sizeof *answer);
    int err = answer ? 0 : ERR_NOMEM;
    if (!err && delay_ms >= 0)
        err = loop_timer_create(style->loop, on_timer, answer, &answer->timer);
    if (!err && delay_ms >= 0)
        err = loop_timer_arm_us(answer->timer, delay_ms * US_PER_MS);
    if (err) {
        if (answer)
            loop_timer_free(answer->timer);
        free(answer);
        http_request_reset(req);
        return;
    }
    answer->style = style;
    answer->req = req;
    answer->call = call;
    answer->hangs = hangs;
    if (call)
        calls_hold(call);
    if (call && delay_ms < 0)
        call->waiting = answer;
    if (hangs)
        list_hanging(style, answer);
    http_request_attach(req, answer);
}

void answer_give(struct answer_style *style, struct http_request *req, const struct carrier_answer *content,
                 bool tells_end)
{
    unsigned faults = content->faults;
    if (fault_is_in(faults, FAULT_RESET) || (fault_is_in(faults, FAULT_HANG) && style->is_ending))
        http_request_reset(req);
    else if (fault_is_in(faults, FAULT_HANG))
        answer_hold(style, req, content->call, HANG_MS, true);
    else if (fault_is_in(faults, FAULT_ERROR))
        style->give_error(req, style->arg);
    else if (fault_is_in(faults, FAULT_GARBAGE))
        give_garbage(req, style->placed_status, content->chance);
    else if (fault_is_in(faults, FAULT_CALLBACK_EARLY) && tells_end)
        answer_hold(style, req, content->call, -1, false);
    else if (fault_is_in(faults, FAULT_SLOW))
        answer_hold(style, req, content->call, style->slow_ms, false);
    else
        style->give_call(req, content->call, style->arg);
}

void answer_release(struct call *call)
{
    struct answer *answer = call->waiting;
    if (answer)
        answer->style->give_call(answer->req, call, answer->style->arg);
}

void answer_end_hanging(struct answer_style *style)
{
    struct answer *next;
    style->is_ending = true;
    for (struct answer *answer = style->hanging; answer; answer = next) {
        next = answer->next;
        http_request_reset(answer->req);
    }
}

void answer_gone(struct http_request *req, void *arg)
{
    (void)arg;
    struct answer *answer = http_request_attached(req);
    if (!answer)
        return;
    loop_timer_free(answer->timer);
    if (answer->hangs)
        unlist_hanging(answer);
    if (answer->call) {
        if (answer->call->waiting == answer)
            answer->call->waiting = NULL;
        calls_release(answer->call);
    }
    free(answer);
}
