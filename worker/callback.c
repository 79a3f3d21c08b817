/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/callback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/domain/token.h"
#include "common/metrics/metrics.h"
#include "worker/provider_http.h"
#include "worker/reap.h"
#include "worker/settings.h"
#include "worker/settle.h"

#define ONGOING_CHECK_MS 60000 /* a call that goes on is looked up after this, where its trunk does not say */
#define CLOCKS_AGREE_MS 1000 /* Redis's and ours */

struct callbacks {
    struct worker *worker;
    struct provider_profile *profiles[LIMIT_PROFILES]; /* the built-in ones, for reading before the trunk is known */
    size_t n_profiles;
    struct http_route routes[2];
    size_t held; /* bytes of bodies, beyond LIMIT_CALLBACK_BYTES_FREE of each */
    struct inbound *asking; /* those about whose calls their platforms are being asked */
    size_t n_asking;
    struct log_pace refusals; /* anybody can send nonsense here */
};

/* One callback, until it is answered. `req` is NULL once its client has gone. */
struct inbound {
    struct callbacks *callbacks;
    struct http_request *req;
    const struct provider_profile *profile;
    struct buf body; /* as far as it has come; empty again once it was read and believed, or not */
    struct worker_cell *cell;
    struct token_parts token;
    struct provider_result result;
    unsigned holds; /* the request, and the reading, asking or settling under way */
    const struct batch_settings *batch; /* a reference, while the platform is asked */
    struct inbound *next, *previous; /* in callbacks.asking */
};

static size_t held_for(size_t len)
{
    return len > LIMIT_CALLBACK_BYTES_FREE ? len - LIMIT_CALLBACK_BYTES_FREE : 0;
}

static void drop_body(struct inbound *in)
{
    in->callbacks->held -= held_for(buf_len(&in->body));
    buf_free(&in->body);
}

static void inbound_release(struct inbound *in)
{
    if (--in->holds > 0)
        return;
    drop_body(in);
    provider_result_clear(&in->result);
    free(in);
}

/* Answers, where there still is someone to answer. */
static void answer(struct inbound *in, int status, const char *word)
{
    if (!in->req)
        return;
    char body[64];
    int len = snprintf(body, sizeof body, "{\"status\":\"%s\"}\n", word);
    struct http_header retry = {"Retry-After", "1"};
    if (http_request_reply(in->req, status, "application/json", &retry, status == 503 ? 1 : 0, body, (size_t)len) != 0)
        log_warn("callback.unanswered", log_str("profile", provider_profile_name(in->profile)));
}

static void refuse(struct inbound *in, int status, const char *why, int err)
{
    int64_t passed;
    metric_add(in->callbacks->worker->metrics.callbacks_refused, 1);
    if (log_pace_permits(&in->callbacks->refusals, clock_mono_us(), &passed))
        log_warn("callback.refused", log_str("profile", provider_profile_name(in->profile)), log_i64("status", status),
                 log_str("why", why), log_err(err), log_i64("passed_over", passed));
    answer(in, status, why);
}

/* ---- what the callback says is made true ---- */

/* Redis may have forgotten that dial with its tail. Whose call it is, is known by its token: nobody else with that
 * number is told of it (docs/decisions/0007-whose-call-is-it.md). */
static void note_forgotten(struct inbound *in)
{
    const struct settle_dial dial = {in->token.batch, in->token.ordinal, in->token.dial};
    if (in->result.provider_id[0] != '\0')
        reap_seen(in->cell->reap, &dial, in->result.provider_id, false, ONGOING_CHECK_MS);
}

static void on_settled(enum settle_end end, void *arg)
{
    struct inbound *in = arg;
    switch (end) {
    case SETTLE_DONE:
        metric_add(in->callbacks->worker->metrics.callbacks_settled, 1);
        answer(in, 200, "ok");
        break;
    case SETTLE_GONE:
        note_forgotten(in);
        answer(in, 200, "ignored");
        break;
    case SETTLE_FAILED:
        answer(in, 200, "ignored"); /* to hear it again would change nothing */
        break;
    case SETTLE_UNAVAILABLE:
        answer(in, 503, "unavailable");
        break;
    }
    inbound_release(in);
}

static void take(struct inbound *in, const struct batch_settings *batch)
{
    const struct settle_dial dial = {in->token.batch, in->token.ordinal, in->token.dial};
    switch (in->result.kind) {
    case PROVIDER_ENDED:
    case PROVIDER_ANALYZED:
        in->holds++;
        settle_report(in->cell->settle, &dial, &in->result, SETTLE_BY_CALLBACK, on_settled, in);
        return;
    case PROVIDER_RINGING:
    case PROVIDER_ONGOING:
        if (in->result.provider_id[0] != '\0')
            reap_seen(in->cell->reap, &dial, in->result.provider_id, in->result.kind == PROVIDER_ONGOING,
                      batch->trunk->poll_after_ms > 0 ? batch->trunk->poll_after_ms : ONGOING_CHECK_MS);
        answer(in, 200, "ok");
        return;
    case PROVIDER_NONE:
        answer(in, 200, "ignored");
        return;
    }
}

/* ---- what nobody signed is asked for ---- */

static void start_asking(struct inbound *in, const struct batch_settings *batch)
{
    struct callbacks *c = in->callbacks;
    in->batch = settings_ref(batch);
    in->next = c->asking;
    if (c->asking)
        c->asking->previous = in;
    c->asking = in;
    c->n_asking++;
    in->holds++;
}

static void stop_asking(struct inbound *in)
{
    struct callbacks *c = in->callbacks;
    if (in->next)
        in->next->previous = in->previous;
    if (in->previous)
        in->previous->next = in->next;
    else
        c->asking = in->next;
    c->n_asking--;
    settings_unref(in->batch);
    in->batch = NULL;
    inbound_release(in);
}

/* Whoever knows a token could name another call's id: the call itself must say that it is that dial's. What is sent
 * once all is known is known by the platform too, though it may have nothing to add. */
static void on_asked(const struct provider_answer *reply, void *arg)
{
    struct inbound *in = arg;
    bool is_all = in->result.kind == PROVIDER_ANALYZED;
    if (reply->found == PROVIDER_FAILED) {
        answer(in, 503, "unavailable");
    } else if (reply->found == PROVIDER_ABSENT || strcmp(reply->result.token, in->result.token) != 0) {
        refuse(in, 401, "call", ERR_AUTH);
    } else {
        provider_result_clear(&in->result);
        if (provider_result_copy(&reply->result, &in->result) != 0)
            answer(in, 503, "unavailable");
        else {
            if (is_all && in->result.kind == PROVIDER_ENDED)
                in->result.kind = PROVIDER_ANALYZED;
            take(in, in->batch);
        }
    }
    stop_asking(in);
}

static void ask(struct inbound *in, const struct batch_settings *batch)
{
    struct callbacks *c = in->callbacks;
    const struct trunk_settings *trunk = batch->trunk;
    if (in->result.kind == PROVIDER_NONE || in->result.provider_id[0] == '\0') {
        answer(in, 200, "ignored");
        return;
    }
    if (c->n_asking >= LIMIT_CALLBACK_ASKS) {
        refuse(in, 503, "busy", ERR_UNAVAILABLE);
        return;
    }
    int rc = provider_http_poll(c->worker->provider, trunk->profile, &trunk->provider, in->result.provider_id, on_asked,
                                in, NULL);
    if (rc != 0) {
        log_warn("callback.unasked", log_str("batch", in->token.batch), log_err(rc));
        answer(in, 503, "unavailable");
        return;
    }
    start_asking(in, batch);
}

/* ---- whether it is to be believed ---- */

static const char *header_of(const char *name, void *arg)
{
    const struct inbound *in = arg;
    return http_request_header(in->req, name);
}

/* The URL that the platform was given: what stands in front of us may have taken a part of its path away. */
static void write_public_url(const struct inbound *in, char *url, size_t cap)
{
    const char *base = worker_public_url(in->callbacks->worker);
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    int n = snprintf(url, cap, "%.*s%s", (int)len, base, http_request_path(in->req));
    if (n < 0 || (size_t)n >= cap)
        url[0] = '\0';
}

static struct provider_callback describe(struct inbound *in, char *url, size_t cap)
{
    write_public_url(in, url, cap);
    return (struct provider_callback){
        .url = url,
        .path_token = http_request_param(in->req, "token"),
        .body = buf_str(&in->body),
        .body_len = buf_len(&in->body),
        .header_fn = header_of,
        .header_arg = in,
    };
}

/* By Redis's clock, or by ours: which of them is wrong nobody can tell, and whoever is refused is not heard again. */
static int verify(struct inbound *in, const struct batch_settings *batch)
{
    const struct worker *w = in->callbacks->worker;
    const struct trunk_settings *trunk = batch->trunk;
    char url[LIMIT_URL_LEN + 1];
    struct provider_callback callback = describe(in, url, sizeof url);
    int64_t now_ms = worker_redis_now_ms(w), own_ms = clock_wall_ms();
    int rc = provider_verify_callback(trunk->profile, &trunk->provider, &callback, now_ms);
    if (rc == ERR_AUTH && (now_ms - own_ms > CLOCKS_AGREE_MS || own_ms - now_ms > CLOCKS_AGREE_MS))
        rc = provider_verify_callback(trunk->profile, &trunk->provider, &callback, own_ms);
    return rc;
}

static void on_batch(const struct batch_settings *batch, int err, void *arg)
{
    struct inbound *in = arg;
    if (!in->req) {
        /* The client hung up; it will send again what was not answered. */
    } else if (err == ERR_NOT_FOUND) {
        answer(in, 200, "ignored");
    } else if (err != 0) {
        log_warn("callback.settings_unreadable", log_str("batch", in->token.batch), log_err(err));
        answer(in, 503, "unavailable");
    } else if (strcmp(provider_profile_name(batch->trunk->profile), provider_profile_name(in->profile)) != 0) {
        refuse(in, 401, "profile", ERR_AUTH); /* what one platform says was read as another's */
    } else if (!provider_profile_signs_callbacks(batch->trunk->profile)) {
        drop_body(in);
        ask(in, batch);
    } else {
        err = verify(in, batch);
        drop_body(in);
        if (err != 0)
            refuse(in, 401, "signature", err);
        else
            take(in, batch);
    }
    inbound_release(in);
}

static struct worker_cell *cell_of(struct worker *w, const struct token_parts *token)
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    if (ident_batch_cell(token->batch, strlen(token->batch), cell) != 0)
        return NULL;
    for (size_t i = 0; i < w->n_cells; i++)
        if (strcmp(w->cells[i].id, cell) == 0)
            return &w->cells[i];
    return NULL;
}

static void read_callback(struct inbound *in)
{
    struct worker *w = in->callbacks->worker;
    char url[LIMIT_URL_LEN + 1];
    struct provider_callback callback = describe(in, url, sizeof url);
    int rc = provider_read_callback(in->profile, &callback, &in->result);
    if (rc != 0) {
        provider_result_init(&in->result);
        if (rc == ERR_NOMEM)
            answer(in, 503, "unavailable");
        else
            refuse(in, 400, "unreadable", rc);
        return;
    }
    const char *token = in->result.token;
    if (token[0] == '\0') {
        answer(in, 200, "ignored"); /* a call that is none of ours */
        return;
    }
    rc = token_verify(seal_token_key(w->keys), token, strlen(token), &in->token);
    if (rc != 0) {
        refuse(in, 401, "token", rc);
        return;
    }
    in->cell = cell_of(w, &in->token);
    if (!in->cell) {
        refuse(in, 404, "cell", ERR_NOT_FOUND);
        return;
    }
    in->holds++;
    settings_get(in->cell->settings, in->token.batch, on_batch, in);
}

/* ---- HTTP ---- */

static const struct provider_profile *profile_of(const struct callbacks *c, const char *name)
{
    for (size_t i = 0; i < c->n_profiles; i++)
        if (strcmp(provider_profile_name(c->profiles[i]), name) == 0)
            return c->profiles[i];
    return NULL;
}

static void on_headers(struct http_request *req, void *arg)
{
    struct callbacks *c = arg;
    const struct provider_profile *profile = profile_of(c, http_request_param(req, "profile"));
    struct inbound *in = profile ? calloc(1, sizeof *in) : NULL;
    if (!in) {
        (void)http_request_reply(req, profile ? 503 : 404, NULL, NULL, 0, NULL, 0);
        return;
    }
    in->callbacks = c;
    in->req = req;
    in->profile = profile;
    in->holds = 1; /* the request's own */
    buf_init(&in->body, LIMIT_CALLBACK_BODY_BYTES);
    provider_result_init(&in->result);
    http_request_attach(req, in);
}

/* Anybody can send megabytes here, and many at a time: what is beyond a bound of all of them is not kept. */
static void on_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct callbacks *c = arg;
    struct inbound *in = http_request_attached(req);
    size_t had = held_for(buf_len(&in->body)), has = held_for(buf_len(&in->body) + len);
    if (c->held + has - had > LIMIT_CALLBACK_BYTES_HELD || buf_append(&in->body, data, len) != 0) {
        drop_body(in);
        refuse(in, 503, "busy", ERR_UNAVAILABLE);
        return;
    }
    c->held += has - had;
}

static void on_complete(struct http_request *req, void *arg)
{
    (void)arg;
    struct inbound *in = http_request_attached(req);
    in->holds++;
    read_callback(in);
    inbound_release(in);
}

static void on_gone(struct http_request *req, void *arg)
{
    (void)arg;
    struct inbound *in = http_request_attached(req);
    if (!in)
        return;
    in->req = NULL;
    drop_body(in);
    inbound_release(in);
}

static int load_profiles(struct callbacks *c)
{
    const char *name;
    for (size_t i = 0; i < LIMIT_PROFILES && (name = provider_profile_builtin_name(i)); i++) {
        int rc = provider_profile_builtin(name, &c->profiles[i]);
        if (rc != 0)
            return rc;
        c->n_profiles++;
    }
    return 0;
}

int callbacks_create(struct worker *worker, struct callbacks **ret_callbacks)
{
    struct callbacks *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->worker = worker;
    static const char *const patterns[] = {"/callbacks/{profile}", "/callbacks/{profile}/{token}"};
    for (size_t i = 0; i < 2; i++)
        c->routes[i] = (struct http_route){.method = "POST",
                                           .pattern = patterns[i],
                                           .max_body_bytes = LIMIT_CALLBACK_BODY_BYTES,
                                           .on_headers = on_headers,
                                           .on_body = on_body,
                                           .on_complete = on_complete,
                                           .on_gone = on_gone};
    int rc = load_profiles(c);
    if (rc == 0)
        rc = http_server_add_routes(daemon_http(worker->daemon), c->routes, 2, c);
    if (rc != 0) {
        callbacks_free(c);
        return rc;
    }
    *ret_callbacks = c;
    return 0;
}

void callbacks_free(struct callbacks *c)
{
    if (!c)
        return;
    struct inbound *next;
    for (struct inbound *in = c->asking; in; in = next) {
        next = in->next;
        settings_unref(in->batch);
        inbound_release(in);
    }
    for (size_t i = 0; i < c->n_profiles; i++)
        provider_profile_free(c->profiles[i]);
    free(c);
}
