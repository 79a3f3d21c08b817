/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/base/log.h"

#define METRICS_MAX_BYTES ((size_t)1 << 20)
#define REASON_MAX_BYTES 512u

static void reply_json(struct http_request *req, int status, const struct http_header *headers, size_t n_headers,
                       const cJSON *object)
{
    char *text = object ? cJSON_PrintUnformatted(object) : NULL;
    if (text)
        (void)http_request_reply(req, status, "application/json", headers, n_headers, text, strlen(text));
    else
        (void)http_request_reply(req, 500, NULL, NULL, 0, NULL, 0);
    cJSON_free(text);
}

/* ---- /healthz ---- */

static void on_healthz(struct http_request *req, void *arg)
{
    static const char body[] = "{\"status\":\"ok\"}";
    (void)arg;
    (void)http_request_reply(req, 200, "application/json", NULL, 0, body, sizeof body - 1);
}

/* ---- /readyz ---- */

static void add_reason(cJSON *reasons, const char *reason)
{
    cJSON_AddItemToArray(reasons, cJSON_CreateString(reason));
}

static void add_redis_reason(const struct daemon *d, cJSON *reasons)
{
    struct buf text;
    buf_init(&text, REASON_MAX_BYTES);
    int err = buf_printf(&text, "redis: %s: %s", daemon_refusal_name(d->refusal), d->refusal_detail);
    add_reason(reasons, err ? "redis" : buf_str(&text));
    buf_free(&text);
}

static void add_own_reason(const struct daemon *d, cJSON *reasons)
{
    struct buf why;
    buf_init(&why, REASON_MAX_BYTES);
    if (!d->spec->is_ready(d->state, &why))
        add_reason(reasons, buf_len(&why) ? buf_str(&why) : "the process is not ready");
    buf_free(&why);
}

bool daemon_is_ready(const struct daemon *d)
{
    struct buf why;
    buf_init(&why, REASON_MAX_BYTES);
    bool is_ready = d->phase == DAEMON_RUNNING && (!d->redis || d->is_redis_usable) &&
                    (!d->spec->is_ready || (d->is_started && d->spec->is_ready(d->state, &why)));
    buf_free(&why);
    return is_ready;
}

static void add_reasons(const struct daemon *d, cJSON *reasons)
{
    if (d->phase == DAEMON_STARTING)
        add_reason(reasons, "starting");
    else if (d->phase != DAEMON_RUNNING)
        add_reason(reasons, "draining");
    if (d->redis && !d->is_redis_usable)
        add_redis_reason(d, reasons);
    if (d->is_started && d->spec->is_ready)
        add_own_reason(d, reasons);
}

static void on_readyz(struct http_request *req, void *arg)
{
    cJSON *answer = cJSON_CreateObject();
    cJSON *reasons = cJSON_AddArrayToObject(answer, "reasons");
    if (reasons)
        add_reasons(arg, reasons);
    bool is_ready = reasons && cJSON_GetArraySize(reasons) == 0;
    if (is_ready)
        cJSON_DeleteItemFromObjectCaseSensitive(answer, "reasons");
    cJSON_AddStringToObject(answer, "status", is_ready ? "ready" : "unavailable");
    reply_json(req, is_ready ? 200 : 503, NULL, 0, answer);
    cJSON_Delete(answer);
}

/* ---- /metrics ---- */

static void on_metrics(struct http_request *req, void *arg)
{
    struct daemon *d = arg;
    struct buf text;
    buf_init(&text, METRICS_MAX_BYTES);
    daemon_collect(d);
    if (metrics_render(d->metrics, &text) == 0)
        (void)http_request_reply(req, 200, "text/plain; version=0.0.4", NULL, 0, buf_str(&text), buf_len(&text));
    else
        (void)http_request_reply(req, 500, NULL, NULL, 0, NULL, 0);
    buf_free(&text);
}

/* ---- everything else, unless the process answers it ---- */

static const char *refusal_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {{400, "bad request"},
                 {404, "no such route"},
                 {405, "method not allowed"},
                 {413, "the body is too large"},
                 {414, "the request target is too long"},
                 {417, "the expectation cannot be met"},
                 {431, "the headers are too large"},
                 {501, "not implemented"},
                 {503, "starting"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "refused";
}

static void on_refuse(struct http_request *req, int status, const char *detail, void *arg)
{
    static const struct http_header retry_after = {"Retry-After", "1"};
    const struct daemon *d = arg;
    /* A callback that comes while we start must be sent again, not given up for a 404. */
    bool is_early = d->phase == DAEMON_STARTING && (status == 404 || status == 405);
    if (is_early)
        status = 503;
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "error", refusal_text(status));
    if (detail && *detail && !is_early)
        cJSON_AddStringToObject(answer, "detail", detail);
    reply_json(req, status, &retry_after, is_early, answer);
    cJSON_Delete(answer);
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/healthz", .on_complete = on_healthz},
    {.method = "GET", .pattern = "/readyz", .on_complete = on_readyz},
    {.method = "GET", .pattern = "/metrics", .on_complete = on_metrics},
};

bool daemon_bind(struct daemon *d)
{
    const char *listen = conf_str(d->conf, "listen");
    const struct http_bounds bounds = {
        .head_ms = conf_i64(d->conf, "request-timeout-ms"),
        .body_ms = conf_i64(d->conf, "request-timeout-ms"),
    };
    int err =
        http_server_create_bounded(d->loop, listen, &bounds, routes, sizeof routes / sizeof routes[0], d, &d->http);
    if (err) {
        log_error("http.not_bound", log_str("listen", listen), log_err(err),
                  log_str("detail", err == ERR_IO ? strerror(errno) : "HOST:PORT is wanted"));
        return false;
    }
    http_server_on_refuse(d->http, on_refuse, d);
    return true;
}
