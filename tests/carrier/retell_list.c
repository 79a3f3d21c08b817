/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_list.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/json/json.h"
#include "tests/carrier/refusal.h"
#include "tests/carrier/retell_filter.h"
#include "tests/carrier/retell_request.h"
#include "tests/carrier/retell_view.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 1000

struct list_request {
    cJSON *tree;
    const cJSON *criteria; /* in `tree`, or NULL */
    bool is_ascending;
    bool wants_total;
    int64_t limit;
    int64_t skip;
    const char *after; /* in `tree`: the id of the last call of the page before, or NULL */
};

/* ---- reading the request ---- */

static int read_whole(const cJSON *item, int64_t min, int64_t max, int64_t *ret_value, struct buf *why)
{
    if (!cJSON_IsNumber(item) || floor(item->valuedouble) != item->valuedouble || item->valuedouble < (double)min ||
        item->valuedouble > (double)max)
        return refusal_say(why, item->string, "must be a whole number within its range");
    *ret_value = (int64_t)item->valuedouble;
    return 0;
}

static int read_order(const cJSON *item, struct list_request *request, struct buf *why)
{
    const char *order = cJSON_GetStringValue(item);
    request->is_ascending = order && strcmp(order, "ascending") == 0;
    if (request->is_ascending || (order && strcmp(order, "descending") == 0))
        return 0;
    return refusal_say(why, item->string, "must be ascending or descending");
}

static int read_member(const cJSON *item, struct list_request *request, struct buf *why)
{
    if (strcmp(item->string, "filter_criteria") == 0) {
        request->criteria = item;
        return retell_filter_check(item, why);
    }
    if (strcmp(item->string, "sort_order") == 0)
        return read_order(item, request, why);
    if (strcmp(item->string, "limit") == 0)
        return read_whole(item, 1, LIMIT_MAX, &request->limit, why);
    if (strcmp(item->string, "skip") == 0)
        return read_whole(item, 0, CALLS_MAX, &request->skip, why);
    if (strcmp(item->string, "pagination_key") == 0) {
        request->after = cJSON_GetStringValue(item);
        return request->after ? 0 : refusal_say(why, item->string, "must be a string");
    }
    if (strcmp(item->string, "include_total") == 0) {
        request->wants_total = cJSON_IsTrue(item);
        return cJSON_IsBool(item) ? 0 : refusal_say(why, item->string, "must be true or false");
    }
    return refusal_say(why, item->string, "is not a member that this request has");
}

static int read_members(struct list_request *request, struct buf *why)
{
    if (!cJSON_IsObject(request->tree))
        return refusal_say(why, "the body", "must be a JSON object");
    const cJSON *item;
    cJSON_ArrayForEach(item, request->tree)
    {
        int err = read_member(item, request, why);
        if (err)
            return err;
    }
    if (request->after && cJSON_GetObjectItemCaseSensitive(request->tree, "skip"))
        return refusal_say(why, "skip", "and pagination_key exclude each other");
    return 0;
}

static int request_read(const char *body, size_t len, struct list_request *request, struct buf *why)
{
    if (len == 0)
        return 0;
    struct json_fault fault;
    int err = json_parse(body, len, &request->tree, &fault);
    if (err == ERR_INVALID)
        return refusal_say(why, "the body is not JSON:", fault.reason);
    return err ? err : read_members(request, why);
}

/* ---- walking the calls ---- */

/* The calls that can satisfy the criteria, in the order asked for. */
struct walk {
    const struct calls *calls;
    const char *token; /* what the criteria ask these to equal; NULL: nothing */
    const char *to;
    bool is_ascending;
};

static bool walk_skips(const struct walk *walk, const struct call *call)
{
    return call_is_forgotten(call) || (walk->to && strcmp(call->order.to, walk->to) != 0) ||
           (walk->token && (!call->order.token || strcmp(call->order.token, walk->token) != 0));
}

static const struct call *oldest_of_token(const struct walk *walk)
{
    const struct call *call = calls_newest_of_token(walk->calls, walk->token);
    while (call && call->older_of_token)
        call = call->older_of_token;
    return call;
}

static const struct call *walk_first(const struct walk *walk)
{
    if (walk->token)
        return walk->is_ascending ? oldest_of_token(walk) : calls_newest_of_token(walk->calls, walk->token);
    return walk->is_ascending ? calls_oldest(walk->calls) : calls_newest(walk->calls);
}

static const struct call *walk_step(const struct walk *walk, const struct call *call)
{
    if (walk->token)
        return walk->is_ascending ? call->newer_of_token : call->older_of_token;
    return walk->is_ascending ? call->newer : call->older;
}

/* The first behind `call`, or of all where that is NULL. */
static const struct call *walk_next(const struct walk *walk, const struct call *call)
{
    call = call ? walk_step(walk, call) : walk_first(walk);
    while (call && walk_skips(walk, call))
        call = walk_step(walk, call);
    return call;
}

/* ---- answering ---- */

struct page {
    const struct list_request *request;
    struct buf *out;
    const struct call *last; /* of the page */
    int64_t listed;
    int64_t matched;
    bool has_more;
};

static int page_offer(struct page *page, const struct call *call)
{
    cJSON *view = retell_view(call, RETELL_VIEW_LISTED);
    if (!view)
        return ERR_NOMEM;
    int err = 0;
    if (retell_filter_matches(page->request->criteria, view)) {
        page->matched++;
        if (page->matched <= page->request->skip) {
            /* before the page */
        } else if (page->listed == page->request->limit) {
            page->has_more = true;
        } else {
            if (page->listed > 0)
                err = buf_append_char(page->out, ',');
            if (!err)
                err = json_print(view, page->out);
            page->listed++;
            page->last = call;
        }
    }
    cJSON_Delete(view);
    return err;
}

static int page_fill(struct page *page, const struct walk *walk, const struct call *after)
{
    int err = 0;
    for (const struct call *call = walk_next(walk, after); call && !err && !page->has_more;
         call = walk_next(walk, call))
        err = page_offer(page, call);
    return err;
}

/* How many calls match, whatever the page is. */
static int count_all(const struct list_request *request, const struct walk *walk, int64_t *ret_total)
{
    int64_t total = 0;
    for (const struct call *call = walk_next(walk, NULL); call; call = walk_next(walk, call)) {
        cJSON *view = retell_view(call, RETELL_VIEW_LISTED);
        if (!view)
            return ERR_NOMEM;
        total += retell_filter_matches(request->criteria, view);
        cJSON_Delete(view);
    }
    *ret_total = total;
    return 0;
}

static int answer(const struct calls *calls, const struct list_request *request, struct buf *out, struct buf *why)
{
    const struct walk walk = {
        .calls = calls,
        .token = retell_filter_metadata_equals(request->criteria, RETELL_TOKEN_KEY),
        .to = retell_filter_member_equals(request->criteria, "to_number"),
        .is_ascending = request->is_ascending,
    };
    const struct call *after = request->after ? calls_find(calls, request->after) : NULL;
    if (request->after && !after)
        return refusal_say(why, "pagination_key", "is not one that was given out");
    struct page page = {.request = request, .out = out};
    int err = buf_append_str(out, "{\"items\":[");
    if (!err)
        err = page_fill(&page, &walk, after);
    if (!err)
        err = buf_printf(out, "],\"has_more\":%s", page.has_more ? "true" : "false");
    if (!err && page.has_more)
        err = buf_printf(out, ",\"pagination_key\":\"%s\"", page.last->id);
    if (!err && request->wants_total) {
        int64_t total;
        err = count_all(request, &walk, &total);
        if (!err)
            err = buf_printf(out, ",\"total\":%lld", (long long)total);
    }
    return err ? err : buf_append_char(out, '}');
}

int retell_list(const struct calls *calls, const char *body, size_t len, struct buf *out, struct buf *why)
{
    struct list_request request = {.limit = LIMIT_DEFAULT};
    int err = request_read(body, len, &request, why);
    if (!err)
        err = answer(calls, &request, out, why);
    cJSON_Delete(request.tree);
    return err;
}
