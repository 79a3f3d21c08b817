/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/provider_http.h"

#include <stdlib.h>
#include <string.h>

struct provider_http {
    struct http_client *client; /* borrowed */
    struct provider_exchange *exchanges; /* owned, a doubly linked list */
    size_t n_exchanges;
};

enum exchange_kind { EXCHANGE_START, EXCHANGE_POLL, EXCHANGE_LOOKUP, EXCHANGE_CANCEL, EXCHANGE_HANG_UP };

struct provider_exchange {
    enum exchange_kind kind;
    struct provider_http *owner;
    struct provider_exchange *prev;
    struct provider_exchange *next;
    struct http_transfer *transfer; /* borrowed, valid while this exists */
    const struct provider_profile *profile; /* borrowed */
    provider_start_fn start_fn;
    provider_answer_fn answer_fn;
    void *arg;
    int64_t leave_by_us; /* START */
    /* LOOKUP: what was asked, owned */
    struct provider_lookup lookup;
    char **exclude_ids;
};

int provider_http_create(struct http_client *client, struct provider_http **ret_http)
{
    struct provider_http *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERR_NOMEM;
    p->client = client;
    *ret_http = p;
    return 0;
}

/* ---- exchanges ---- */

static void free_lookup(struct provider_exchange *x)
{
    for (size_t i = 0; i < x->lookup.n_exclude_ids; i++)
        free(x->exclude_ids[i]);
    free(x->exclude_ids);
    free((char *)x->lookup.token);
    free((char *)x->lookup.to);
    free((char *)x->lookup.from);
}

static void exchange_dispose(struct provider_exchange *x)
{
    free_lookup(x);
    free(x);
}

static void exchange_free(struct provider_exchange *x)
{
    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        x->owner->exchanges = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    x->owner->n_exchanges--;
    exchange_dispose(x);
}

void provider_exchange_cancel(struct provider_exchange *exchange)
{
    http_transfer_cancel(exchange->transfer);
    exchange_free(exchange);
}

void provider_http_free(struct provider_http *p)
{
    if (p == NULL)
        return;
    struct provider_exchange *next;
    for (struct provider_exchange *x = p->exchanges; x != NULL; x = next) {
        next = x->next;
        http_transfer_cancel(x->transfer);
        exchange_dispose(x);
    }
    free(p);
}

size_t provider_http_in_flight(const struct provider_http *p)
{
    return p->n_exchanges;
}

static int copy_text(const char *text, const char **ret_copy)
{
    *ret_copy = NULL;
    if (text == NULL)
        return 0;
    *ret_copy = strdup(text);
    return *ret_copy == NULL ? ERR_NOMEM : 0;
}

static int copy_lookup(struct provider_exchange *x, const struct provider_lookup *lookup)
{
    x->lookup.begin_ms = lookup->begin_ms;
    x->lookup.until_ms = lookup->until_ms;
    x->lookup.clock_ahead_ms = lookup->clock_ahead_ms;
    int rc = copy_text(lookup->token, &x->lookup.token);
    if (rc == 0)
        rc = copy_text(lookup->to, &x->lookup.to);
    if (rc == 0)
        rc = copy_text(lookup->from, &x->lookup.from);
    if (rc != 0 || lookup->n_exclude_ids == 0)
        return rc;
    x->exclude_ids = calloc(lookup->n_exclude_ids, sizeof *x->exclude_ids);
    if (x->exclude_ids == NULL)
        return ERR_NOMEM;
    x->lookup.exclude_ids = (const char *const *)x->exclude_ids;
    for (size_t i = 0; i < lookup->n_exclude_ids; i++) {
        if ((x->exclude_ids[i] = strdup(lookup->exclude_ids[i])) == NULL)
            return ERR_NOMEM;
        x->lookup.n_exclude_ids = i + 1;
    }
    return 0;
}

/* ---- what comes back ---- */

/* A failure counts as no answer, also where it came behind a status. */
static struct provider_reply reply_of(const struct http_result *http)
{
    return (struct provider_reply){
        .status = http->fail == HTTP_FAIL_NONE ? http->status : 0,
        .was_sent = http->was_sent,
        .body = http->body,
        .body_len = http->body_len,
        .body_cut = http->body_cut,
        .retry_after_ms = http->retry_after_ms,
        .date_ahead_ms = http->date_ahead_ms,
        .total_us = http->total_us,
        .detail = http->detail,
    };
}

static void on_start_done(const struct http_result *http, void *arg)
{
    struct provider_exchange *x = arg;
    struct provider_reply reply = reply_of(http);
    struct provider_start start;
    provider_judge_start(x->profile, &reply, &start);
    provider_start_fn fn = x->start_fn;
    void *fn_arg = x->arg;
    exchange_free(x);
    fn(&start, fn_arg);
}

static void judge(const struct provider_exchange *x, const struct provider_reply *reply, struct provider_answer *answer)
{
    switch (x->kind) {
    case EXCHANGE_POLL:
        provider_judge_poll(x->profile, reply, answer);
        return;
    case EXCHANGE_LOOKUP:
        provider_judge_lookup(x->profile, &x->lookup, reply, answer);
        return;
    case EXCHANGE_HANG_UP:
        provider_judge_hang_up(x->profile, reply, answer);
        return;
    case EXCHANGE_CANCEL:
    case EXCHANGE_START: /* has a function of its own */
        provider_judge_cancel(x->profile, reply, answer);
        return;
    }
}

static void on_answer_done(const struct http_result *http, void *arg)
{
    struct provider_exchange *x = arg;
    struct provider_reply reply = reply_of(http);
    struct provider_answer answer;
    judge(x, &reply, &answer);
    provider_answer_fn fn = x->answer_fn;
    void *fn_arg = x->arg;
    exchange_free(x);
    fn(&answer, fn_arg);
    provider_result_clear(&answer.result);
}

/* ---- what goes out ---- */

/* Adds `x` (taken) to the list of those under way. */
static void exchange_enlist(struct provider_http *p, struct provider_exchange *x)
{
    x->owner = p;
    x->next = p->exchanges;
    if (x->next != NULL)
        x->next->prev = x;
    p->exchanges = x;
    p->n_exchanges++;
}

static int send_request(struct provider_exchange *x, const struct provider_request *request)
{
    bool is_start = x->kind == EXCHANGE_START;
    struct http_header headers[PROVIDER_HEADERS];
    for (size_t i = 0; i < request->n_headers; i++)
        headers[i] = (struct http_header){.name = request->headers[i].name, .value = request->headers[i].value};
    const struct http_outgoing out = {
        .method = request->method,
        .url = request->url,
        .headers = headers,
        .n_headers = request->n_headers,
        .body = request->body,
        .body_len = request->body_len,
        .flags = is_start ? HTTP_ONCE : 0,
        .leave_by_us = x->leave_by_us,
        .timeout_ms = is_start ? LIMIT_POST_DEADLINE_MS : LIMIT_PROVIDER_ASK_MS,
        .max_body_bytes = is_start ? LIMIT_PROVIDER_START_BYTES : LIMIT_HTTP_CLIENT_BODY_BYTES,
    };
    return http_client_send(x->owner->client, &out, is_start ? on_start_done : on_answer_done, x, &x->transfer);
}

/* Sends `request`, which it clears, as the exchange that `wanted` describes; `lookup` (may be NULL) is copied. */
static int exchange_begin(struct provider_http *p, const struct provider_exchange *wanted,
                          const struct provider_lookup *lookup, struct provider_request *request,
                          struct provider_exchange **ret_exchange)
{
    int rc = ERR_NOMEM;
    struct provider_exchange *x = malloc(sizeof *x);
    if (x == NULL)
        goto cleanup;
    *x = *wanted;
    exchange_enlist(p, x);
    rc = lookup != NULL ? copy_lookup(x, lookup) : 0;
    if (rc == 0)
        rc = send_request(x, request);
    if (rc != 0)
        exchange_free(x);
    else if (ret_exchange != NULL)
        *ret_exchange = x;
cleanup:
    provider_request_clear(request);
    return rc;
}

int provider_http_start(struct provider_http *p, const struct provider_profile *profile,
                        const struct provider_trunk *trunk, const struct dial_request *dial, int64_t leave_by_us,
                        provider_start_fn fn, void *arg, struct provider_exchange **ret_exchange)
{
    const struct provider_exchange wanted = {
        .kind = EXCHANGE_START, .profile = profile, .leave_by_us = leave_by_us, .start_fn = fn, .arg = arg};
    struct provider_request request;
    int rc = provider_render_start(profile, trunk, dial, &request);
    return rc != 0 ? rc : exchange_begin(p, &wanted, NULL, &request, ret_exchange);
}

int provider_http_poll(struct provider_http *p, const struct provider_profile *profile,
                       const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                       struct provider_exchange **ret_exchange)
{
    const struct provider_exchange wanted = {.kind = EXCHANGE_POLL, .profile = profile, .answer_fn = fn, .arg = arg};
    struct provider_request request;
    int rc = provider_render_poll(profile, trunk, provider_id, &request);
    return rc != 0 ? rc : exchange_begin(p, &wanted, NULL, &request, ret_exchange);
}

int provider_http_lookup(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const struct provider_lookup *lookup,
                         provider_answer_fn fn, void *arg, struct provider_exchange **ret_exchange)
{
    const struct provider_exchange wanted = {.kind = EXCHANGE_LOOKUP, .profile = profile, .answer_fn = fn, .arg = arg};
    struct provider_request request;
    int rc = provider_render_lookup(profile, trunk, lookup, &request);
    return rc != 0 ? rc : exchange_begin(p, &wanted, lookup, &request, ret_exchange);
}

int provider_http_cancel(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                         struct provider_exchange **ret_exchange)
{
    const struct provider_exchange wanted = {.kind = EXCHANGE_CANCEL, .profile = profile, .answer_fn = fn, .arg = arg};
    struct provider_request request;
    int rc = provider_render_cancel(profile, trunk, provider_id, &request);
    return rc != 0 ? rc : exchange_begin(p, &wanted, NULL, &request, ret_exchange);
}

int provider_http_hang_up(struct provider_http *p, const struct provider_profile *profile,
                          const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                          struct provider_exchange **ret_exchange)
{
    const struct provider_exchange wanted = {.kind = EXCHANGE_HANG_UP, .profile = profile, .answer_fn = fn, .arg = arg};
    struct provider_request request;
    int rc = provider_render_hang_up(profile, trunk, provider_id, &request);
    return rc != 0 ? rc : exchange_begin(p, &wanted, NULL, &request, ret_exchange);
}
