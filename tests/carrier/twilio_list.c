/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_list.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "tests/carrier/form.h"
#include "tests/carrier/refusal.h"
#include "tests/carrier/twilio_view.h"

#define PAGE_SIZE_DEFAULT 50
#define PAGE_SIZE_MAX 1000
#define PAGE_TOKEN_PREFIX "PA"
#define SID_PREFIX_LEN 2
#define URI_BYTES_MAX (4u << 10)
#define DAY_MS INT64_C(86400000)
#define DATE_LEN 10

/* From the first to the last millisecond, both in. */
struct span {
    int64_t from_ms;
    int64_t to_ms;
    bool is_given;
};

struct query {
    const struct http_request *req;
    const char *to;
    const char *from;
    const char *status;
    const char *parent;
    struct span start;
    struct span end;
    int64_t page;
    int64_t page_size;
    const struct call *after; /* the last call of the page before; NULL: none */
};

/* ---- reading the query ---- */

/* A date is its whole day. */
static int read_instant(const char *text, int64_t *ret_first_ms, int64_t *ret_last_ms)
{
    char whole[48];
    bool is_date = strlen(text) == DATE_LEN;
    struct timestamp_parts parts;
    (void)snprintf(whole, sizeof whole, "%.30s%s", text, is_date ? "T00:00:00Z" : "");
    if (timestamp_parse(whole, strlen(whole), &parts))
        return ERR_INVALID;
    *ret_first_ms = parts.wall_ms - (int64_t)parts.offset_s * 1000;
    *ret_last_ms = is_date ? *ret_first_ms + DAY_MS - 1 : *ret_first_ms;
    return 0;
}

/* "on or before midnight of this date" is before the day begins: a date bounds at its first instant on either side. */
static int read_bound(const struct query *q, const char *name, const char *suffix, struct span *span, struct buf *why)
{
    char full[16];
    (void)snprintf(full, sizeof full, "%s%s", name, suffix);
    const char *text = http_request_query(q->req, full);
    if (!text || *text == '\0')
        return 0;
    int64_t first_ms;
    int64_t last_ms;
    if (read_instant(text, &first_ms, &last_ms))
        return refusal_say(why, full, "must be a date as YYYY-MM-DD, or an instant");
    span->is_given = true;
    if (*suffix != '<' && first_ms > span->from_ms)
        span->from_ms = first_ms;
    if (*suffix == '<' && first_ms < span->to_ms)
        span->to_ms = first_ms;
    if (*suffix == '\0' && last_ms < span->to_ms)
        span->to_ms = last_ms;
    return 0;
}

static int read_span(const struct query *q, const char *name, struct span *ret_span, struct buf *why)
{
    *ret_span = (struct span){.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    int err = read_bound(q, name, "", ret_span, why);
    if (!err)
        err = read_bound(q, name, "<", ret_span, why);
    return err ? err : read_bound(q, name, ">", ret_span, why);
}

static int read_whole(const struct query *q, const char *name, int64_t min, int64_t max, int64_t *value,
                      struct buf *why)
{
    const char *text = http_request_query(q->req, name);
    if (!text || !parse_i64(text, strlen(text), min, max, value))
        return 0;
    return refusal_say(why, name, "must be a whole number within its range");
}

static int read_status(struct query *q, struct buf *why)
{
    static const char *const NAMES[] = {"queued", "ringing", "in-progress", "completed",
                                        "busy",   "failed",  "no-answer",   "canceled"};
    q->status = http_request_query(q->req, "Status");
    if (!q->status)
        return 0;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(q->status, NAMES[i]) == 0)
            return 0;
    return refusal_say(why, "Status", "is no status that a call has");
}

static int read_token(struct query *q, const struct calls *calls, struct buf *why)
{
    const char *token = http_request_query(q->req, "PageToken");
    if (!token)
        return 0;
    char id[CALL_ID_CAP];
    size_t prefix = sizeof PAGE_TOKEN_PREFIX - 1;
    if (strncmp(token, PAGE_TOKEN_PREFIX, prefix) == 0) {
        (void)snprintf(id, sizeof id, "CA%.36s", token + prefix);
        q->after = calls_find(calls, id);
    }
    return q->after ? 0 : refusal_say(why, "PageToken", "is not one that was given out");
}

static int read_query(const struct http_request *req, const struct calls *calls, struct query *q, struct buf *why)
{
    *q = (struct query){.req = req, .page_size = PAGE_SIZE_DEFAULT};
    q->to = http_request_query(req, "To");
    q->from = http_request_query(req, "From");
    q->parent = http_request_query(req, "ParentCallSid");
    int err = read_status(q, why);
    if (!err)
        err = read_span(q, "StartTime", &q->start, why);
    if (!err)
        err = read_span(q, "EndTime", &q->end, why);
    if (!err)
        err = read_whole(q, "PageSize", 1, PAGE_SIZE_MAX, &q->page_size, why);
    if (!err)
        err = read_whole(q, "Page", 0, CALLS_MAX, &q->page, why);
    return err ? err : read_token(q, calls, why);
}

/* ---- matching ---- */

static bool span_holds(const struct span *span, int64_t at_ms)
{
    return !span->is_given || (at_ms && at_ms >= span->from_ms && at_ms <= span->to_ms);
}

/* No call here was made by another. */
static bool matches(const struct query *q, const struct call *call)
{
    return !call_is_forgotten(call) && !q->parent && (!q->to || strcmp(call->order.to, q->to) == 0) &&
           (!q->from || strcmp(call->order.from, q->from) == 0) &&
           (!q->status || strcmp(twilio_status_name(call), q->status) == 0) && span_holds(&q->start, call->rang_ms) &&
           span_holds(&q->end, call->ended_ms);
}

/* The first that matches behind `call`, or of all where that is NULL. */
static const struct call *next_match(const struct query *q, const struct calls *calls, const struct call *call)
{
    call = call ? call->older : calls_newest(calls);
    while (call && !matches(q, call))
        call = call->older;
    return call;
}

/* ---- answering ---- */

/* The address of a page of the same query; `last` is the last call of the page before it, or NULL. */
static int print_uri(const struct query *q, const char *account_sid, int64_t page, const struct call *last,
                     struct buf *out)
{
    static const char *const NAMES[] = {"To",         "From",       "Status",  "ParentCallSid", "StartTime",
                                        "StartTime<", "StartTime>", "EndTime", "EndTime<",      "EndTime>"};
    struct buf form;
    buf_init(&form, URI_BYTES_MAX);
    int err = 0;
    for (size_t i = 0; !err && i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *value = http_request_query(q->req, NAMES[i]);
        if (value)
            err = form_add(&form, NAMES[i], value);
    }
    buf_clear(out);
    if (!err)
        err = buf_printf(out, "/" TWILIO_VERSION "/Accounts/%s/Calls.json?%s%sPageSize=%lld&Page=%lld", account_sid,
                         buf_str(&form), buf_len(&form) > 0 ? "&" : "", (long long)q->page_size, (long long)page);
    if (!err && last)
        err = buf_printf(out, "&PageToken=" PAGE_TOKEN_PREFIX "%s", last->id + SID_PREFIX_LEN);
    buf_free(&form);
    return err;
}

/* Adds the page's place among the pages. `next_uri` NULL: it is the last. */
static int add_place(cJSON *answer, const struct query *q, const char *account_sid, int64_t listed,
                     const char *next_uri)
{
    struct buf uri;
    buf_init(&uri, URI_BYTES_MAX);
    int64_t start = q->page * q->page_size;
    int err = print_uri(q, account_sid, 0, NULL, &uri);
    if (!err && !json_add_str(answer, "first_page_uri", buf_str(&uri)))
        err = ERR_NOMEM;
    if (!err)
        err = print_uri(q, account_sid, q->page, q->after, &uri);
    if (!err && !(json_add_str(answer, "uri", buf_str(&uri)) && json_add_str(answer, "next_page_uri", next_uri) &&
                  json_add_str(answer, "previous_page_uri", NULL) && json_add_i64(answer, "page", q->page) &&
                  json_add_i64(answer, "page_size", q->page_size) && json_add_i64(answer, "start", start) &&
                  json_add_i64(answer, "end", listed > 0 ? start + listed - 1 : start)))
        err = ERR_NOMEM;
    buf_free(&uri);
    return err;
}

static int answer(const struct query *q, const struct calls *calls, const char *account_sid, struct buf *out)
{
    struct buf next;
    buf_init(&next, URI_BYTES_MAX);
    cJSON *page = cJSON_CreateObject();
    cJSON *list = page ? cJSON_AddArrayToObject(page, "calls") : NULL;
    int err = list ? 0 : ERR_NOMEM;
    int64_t listed = 0;
    const struct call *last = NULL;
    const struct call *call = next_match(q, calls, q->after);
    for (; !err && call && listed < q->page_size; call = next_match(q, calls, call)) {
        cJSON *view = twilio_view(call, account_sid, false);
        if (!view || !cJSON_AddItemToArray(list, view)) {
            cJSON_Delete(view);
            err = ERR_NOMEM;
        }
        listed++;
        last = call;
    }
    if (!err && call)
        err = print_uri(q, account_sid, q->page + 1, last, &next);
    if (!err)
        err = add_place(page, q, account_sid, listed, call ? buf_str(&next) : NULL);
    if (!err)
        err = json_print(page, out);
    cJSON_Delete(page);
    buf_free(&next);
    return err;
}

int twilio_list(const struct calls *calls, const char *account_sid, const struct http_request *req, struct buf *out,
                struct buf *why)
{
    struct query query;
    int err = read_query(req, calls, &query, why);
    return err ? err : answer(&query, calls, account_sid, out);
}
