/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/domain/options.h"
#include "common/domain/timezone.h"
#include "common/json/json.h"
#include "producer/admin_agents.h"
#include "producer/admin_fleet.h"
#include "producer/admin_keys.h"
#include "producer/admin_providers.h"
#include "producer/admin_state.h"
#include "producer/admin_tenants.h"
#include "producer/admin_trunks.h"
#include "producer/answer.h"
#include "producer/api_pages.h"
#include "producer/batch_contacts.h"
#include "producer/batch_control.h"
#include "producer/batch_create.h"
#include "producer/batch_errors.h"
#include "producer/batch_events.h"
#include "producer/batch_list.h"
#include "producer/batch_patch.h"
#include "producer/batch_read.h"
#include "producer/batch_redial.h"
#include "producer/batch_remove.h"
#include "producer/batch_retries.h"
#include "producer/batch_start.h"
#include "producer/batch_why.h"
#include "producer/call_attempts.h"
#include "producer/call_dial.h"
#include "producer/call_export.h"
#include "producer/call_list.h"
#include "producer/call_status.h"
#include "producer/dashboard_files.h"
#include "producer/dashboard_login.h"
#include "producer/event_hub.h"
#include "producer/exchange.h"
#include "producer/suppressions.h"
#include "producer/tenant_view.h"
#include "producer/webhook_again.h"
#include "producer/webhook_change.h"
#include "producer/webhook_deliveries.h"
#include "producer/webhook_remove.h"
#include "producer/webhooks.h"
#include "version.h"

/* ---- options ---- */

static int check_range(const char *text, const char **ret_why)
{
    struct cidr range;
    *ret_why = "is not an address range such as 10.0.0.0/8";
    return cidr_parse(text, strlen(text), &range);
}

static int check_url(const char *text, const char **ret_why)
{
    size_t len = strlen(text);
    bool has_scheme = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
    *ret_why = "is not the start of a URL such as https://calls.example";
    return has_scheme && len <= LIMIT_URL_LEN && text[len - 1] != '/' ? 0 : ERR_INVALID;
}

const struct conf_option api_options[] = {
    {.name = "allow-private-webhooks",
     .kind = CONF_STR,
     .flags = CONF_REPEATABLE | CONF_RELOADABLE,
     .help = "an address range (CIDR) where webhooks may lead although it is private, also by http",
     .check = check_range},
    {.name = "event-heartbeat-ms",
     .kind = CONF_I64,
     .default_text = "15000",
     .min = 100,
     .max = 30000,
     .help = "how long an event stream may be quiet before a comment shows that it lives"},
    {.name = "max-calls-per-second",
     .kind = CONF_I64,
     .flags = CONF_RELOADABLE,
     .default_text = "30",
     .min = 1,
     .max = 1000,
     .help = "the most that a batch may ask for as maxCallsPerSecond"},
    {.name = "max-event-listeners",
     .kind = CONF_I64,
     .default_text = "768",
     .min = 1,
     .max = LIMIT_HTTP_CONNECTIONS,
     .help = "how many event streams may be open; each takes one of the server's 1,024 connections"},
    {.name = "max-batches",
     .kind = CONF_I64,
     .flags = CONF_RELOADABLE,
     .default_text = "10000",
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "batches without an end of a tenant that has no quota of its own; 0: no limit"},
    {.name = "max-bytes",
     .kind = CONF_I64,
     .flags = CONF_RELOADABLE,
     .default_text = "4294967296",
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "bytes in Redis of the contacts without an end of such a tenant; 0: no limit"},
    {.name = "max-queued-contacts",
     .kind = CONF_I64,
     .flags = CONF_RELOADABLE,
     .default_text = "10000000",
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "contacts without an end of such a tenant; 0: no limit"},
    {.name = "max-requests-per-second",
     .kind = CONF_I64,
     .flags = CONF_RELOADABLE,
     .default_text = "1000",
     .min = 1,
     .max = LIMIT_TENANT_REQUEST_RATE,
     .help = "requests a second that a tenant may make which has no quota of its own"},
    {.name = "public-url",
     .kind = CONF_STR,
     .help = "what links in answers begin with, such as https://calls.example (default: the address listened on)",
     .check = check_url},
    {.name = "upload-timeout-ms",
     .kind = CONF_I64,
     .default_text = "120000",
     .min = 100,
     .max = 3600000,
     .help =
         "how long a client may take to send the body of a creation, or each 512 KiB of a chunk of contacts, before "
         "it gets a 408"},
};
_Static_assert(LIMIT_HTTP_BODY_MS == 120000, "the default of upload-timeout-ms");
_Static_assert(LIMIT_LISTENERS == 768 && LIMIT_HTTP_CONNECTIONS == 1024, "max-event-listeners");
const size_t api_option_count = sizeof api_options / sizeof api_options[0];

static void read_settings(struct api *api)
{
    const struct conf *conf = daemon_conf(api->daemon);
    struct cidr_list ranges = {.n = 0};
    for (size_t i = 0; i < conf_count(conf, "allow-private-webhooks"); i++) {
        const char *text = conf_str_at(conf, "allow-private-webhooks", i);
        int err = cidr_list_add(&ranges, text, strlen(text));
        if (err)
            log_error("webhooks.range_left_out", log_str("range", text), log_err(err));
    }
    api->private_webhooks = ranges;
    api->max_calls_per_second = (int32_t)conf_i64(conf, "max-calls-per-second");
    api->requests_per_second = conf_i64(conf, "max-requests-per-second");
    api->quota_defaults = (struct quota_defaults){.batches = conf_i64(conf, "max-batches"),
                                                  .contacts = conf_i64(conf, "max-queued-contacts"),
                                                  .bytes = conf_i64(conf, "max-bytes")};
}

/* ---- routes ---- */

/* The seed's health route: the process answers. */
static void health(struct http_request *req, void *arg)
{
    (void)arg;
    cJSON *body = cJSON_CreateObject();
    if (!json_add_str(body, "status", "ok") || !json_add_str(body, "version", CARILLON_VERSION)) {
        cJSON_Delete(body);
        body = NULL;
    }
    answer_json(req, 200, body);
}

#define SMALL(method_, pattern_, fn_)                                                                                  \
    {                                                                                                                  \
        .method = (method_), .pattern = (pattern_), .max_body_bytes = LIMIT_SMALL_BODY_BYTES, .on_complete = (fn_),    \
        .on_gone = exchange_gone                                                                                       \
    }

#define SUPPRESSIONS(method_, fn_)                                                                                     \
    {                                                                                                                  \
        .method = (method_), .pattern = "/api/v1/suppressions", .max_body_bytes = LIMIT_SUPPRESSIONS_BODY_BYTES,       \
        .on_headers = (fn_), .on_complete = exchange_run_whole, .on_gone = exchange_gone                               \
    }

#define AGENTS(method_, fn_)                                                                                           \
    {                                                                                                                  \
        .method = (method_), .pattern = "/api/v1/admin/agents", .max_body_bytes = LIMIT_AGENTS_BODY_BYTES,             \
        .on_headers = (fn_), .on_complete = exchange_run_whole, .on_gone = exchange_gone                               \
    }

static const struct http_route ROUTES[] = {
    {.method = "GET", .pattern = "/api/v1/health", .on_complete = health},
    {.method = "GET", .pattern = "/openapi.yaml", .on_complete = api_pages_yaml},
    {.method = "GET", .pattern = "/docs", .on_complete = api_pages_html},
    {.method = "GET", .pattern = "/dashboard", .on_complete = dashboard_files_redirect},
    SMALL("POST", "/dashboard/session", dashboard_login_open),
    SMALL("GET", "/dashboard/session", dashboard_login_show),
    {.method = "DELETE", .pattern = "/dashboard/session", .on_complete = dashboard_login_close},
    {.method = "GET", .pattern = "/dashboard/{path...}", .on_complete = dashboard_files_get},
    {.method = "POST",
     .pattern = "/api/v1/batch",
     .max_body_bytes = LIMIT_BODY_BYTES,
     .on_headers = batch_create_headers,
     .on_body = batch_create_body,
     .on_complete = batch_create_complete,
     .on_gone = exchange_gone},
    {.method = "POST",
     .pattern = "/api/v1/batch/{id}/contacts",
     .max_body_bytes = LIMIT_CHUNK_BYTES,
     .deadline_bytes = LIMIT_CHUNK_PROGRESS_BYTES,
     .on_headers = batch_contacts_headers,
     .on_body = batch_contacts_body,
     .on_complete = batch_contacts_complete,
     .on_gone = batch_contacts_gone},
    SMALL("POST", "/api/v1/batch/{id}/start", batch_start),
    SMALL("GET", "/api/v1/batch/{id}/errors", batch_errors),
    SMALL("GET", "/api/v1/batch/list", batch_list),
    SMALL("GET", "/api/v1/batch/check-status", batch_read_check_status),
    SMALL("GET", "/api/v1/status/batch", batch_read_live),
    SMALL("POST", "/api/v1/batch/cancel", batch_control_cancel_seed),
    SMALL("GET", "/api/v1/batch/{id}", batch_read_one),
    SMALL("DELETE", "/api/v1/batch/{id}", batch_remove),
    SMALL("PATCH", "/api/v1/batch/{id}", batch_patch),
    SMALL("GET", "/api/v1/batch/{id}/status", batch_read_one),
    SMALL("GET", "/api/v1/batch/{id}/events", batch_events),
    SMALL("GET", "/api/v1/batch/{id}/why", batch_why),
    SMALL("GET", "/api/v1/batch/{id}/retries", batch_retries),
    SMALL("GET", "/api/v1/batch/{id}/calls", call_list),
    SMALL("GET", "/api/v1/batch/{id}/calls/export", call_export),
    SMALL("GET", "/api/v1/reports/tags", batch_list_tags),
    SMALL("POST", "/api/v1/call/dial", call_dial),
    SMALL("GET", "/api/v1/status/call", call_status_live),
    SMALL("GET", "/api/v1/call/check-status", call_status_check),
    SMALL("GET", "/api/v1/call/{id}/attempts", call_attempts),
    SMALL("POST", "/api/v1/batch/{id}/pause", batch_control_pause),
    SMALL("POST", "/api/v1/batch/{id}/resume", batch_control_resume),
    SMALL("POST", "/api/v1/batch/{id}/cancel", batch_control_cancel),
    SMALL("POST", "/api/v1/batch/{id}/redial", batch_redial),
    SMALL("GET", "/api/v1/tenant", tenant_view),
    SMALL("GET", "/api/v1/suppressions", suppressions_list),
    SUPPRESSIONS("PUT", suppressions_put),
    SUPPRESSIONS("DELETE", suppressions_delete),
    SMALL("GET", "/api/v1/webhooks/endpoints", webhooks_list),
    SMALL("PUT", "/api/v1/webhooks/endpoints", webhooks_put),
    SMALL("GET", "/api/v1/webhooks/endpoints/{id}", webhook_show),
    SMALL("PATCH", "/api/v1/webhooks/endpoints/{id}", webhook_change),
    SMALL("DELETE", "/api/v1/webhooks/endpoints/{id}", webhook_remove),
    SMALL("POST", "/api/v1/webhooks/endpoints/{id}/secret/rotate", webhook_rotate),
    SMALL("POST", "/api/v1/webhooks/endpoints/{id}/test", webhook_test),
    SMALL("POST", "/api/v1/webhooks/endpoints/{id}/recover", webhook_recover),
    SMALL("GET", "/api/v1/webhooks/deliveries", webhook_deliveries_list),
    SMALL("GET", "/api/v1/webhooks/deliveries/{id}", webhook_deliveries_show),
    SMALL("POST", "/api/v1/webhooks/deliveries/{id}/redeliver", webhook_redeliver),
    SMALL("GET", "/api/v1/admin/tenants", admin_tenants_list),
    SMALL("POST", "/api/v1/admin/tenants", admin_tenants_create),
    SMALL("GET", "/api/v1/admin/tenants/{id}", admin_tenants_show),
    SMALL("PATCH", "/api/v1/admin/tenants/{id}", admin_tenants_change),
    SMALL("GET", "/api/v1/admin/trunks", admin_trunks_list),
    SMALL("POST", "/api/v1/admin/trunks", admin_trunks_create),
    SMALL("GET", "/api/v1/admin/trunks/{id}", admin_trunks_show),
    SMALL("PATCH", "/api/v1/admin/trunks/{id}", admin_trunks_change),
    SMALL("GET", "/api/v1/admin/fleet", admin_fleet),
    SMALL("GET", "/api/v1/admin/batch/{id}/why", batch_why_any),
    SMALL("GET", "/api/v1/admin/providers", admin_providers_list),
    SMALL("GET", "/api/v1/admin/keys", admin_keys_list),
    SMALL("POST", "/api/v1/admin/keys", admin_keys_create),
    SMALL("POST", "/api/v1/admin/keys/{id}/rotate", admin_keys_rotate),
    SMALL("DELETE", "/api/v1/admin/keys/{id}", admin_keys_revoke),
    SMALL("GET", "/api/v1/admin/agents", admin_agents_list),
    AGENTS("PUT", admin_agents_put),
    AGENTS("DELETE", admin_agents_delete),
    SMALL("POST", "/api/v1/admin/stop", admin_state_stop),
    SMALL("POST", "/api/v1/admin/start", admin_state_start),
};

/* ---- the process's life ---- */

static void make_metrics(struct api *api)
{
    static const char *const classes[] = {"2xx", "4xx", "5xx", "other"};
    struct metrics *m = daemon_metrics(api->daemon);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        api->answers[i] =
            metrics_counter(m, "carillon_api_answers_total", "Answers of the API by class.", "class", classes[i]);
    static const double answer_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
    api->answer_seconds =
        metrics_histogram(m, "carillon_api_answer_seconds", "From a request's head to the beginning of its answer.",
                          answer_bounds, sizeof answer_bounds / sizeof answer_bounds[0]);
    api->over_quota = metrics_counter(m, "carillon_api_over_quota_total",
                                      "Requests refused because their tenant was at a quota.", NULL, NULL);
    api->contacts = metrics_counter(m, "carillon_contacts_total", "Contacts taken into batches.", NULL, NULL);
    api->rows_rejected = metrics_counter(m, "carillon_contact_rows_rejected_total",
                                         "Rows of contacts that were no contacts.", NULL, NULL);
    api->event_listeners = metrics_gauge(m, "carillon_event_listeners", "Event streams that are open.", NULL, NULL);
    api->event_batches = metrics_gauge(m, "carillon_event_batches", "Batches that somebody listens to.", NULL, NULL);
    api->events_reads = metrics_counter(m, "carillon_event_reads_total",
                                        "Times that a batch was read for all its listeners together.", NULL, NULL);
    api->events_skipped =
        metrics_counter(m, "carillon_events_skipped_total",
                        "Statuses kept from listeners who were behind; they got a newer one.", NULL, NULL);
}

/* The table, with the deadline that the operator gives to bodies that are read while they arrive. */
static int add_routes(struct api *api)
{
    size_t n = sizeof ROUTES / sizeof ROUTES[0];
    api->routes = malloc(sizeof ROUTES);
    if (!api->routes)
        return ERR_NOMEM;
    memcpy(api->routes, ROUTES, sizeof ROUTES);
    for (size_t i = 0; i < n; i++) {
        if (api->routes[i].on_body)
            api->routes[i].deadline_ms = conf_i64(daemon_conf(api->daemon), "upload-timeout-ms");
    }
    return http_server_add_routes(daemon_http(api->daemon), api->routes, n, api);
}

int api_start(struct daemon *d, void **ret_state)
{
    if (!timezone_has_data()) {
        log_error("timezone.no_data", log_str("fix", "install the tzdata package"));
        return ERR_INVALID;
    }
    struct api *api = calloc(1, sizeof *api);
    if (!api)
        return ERR_NOMEM;
    api->daemon = d;
    api->loop = daemon_loop(d);
    api->redis = daemon_redis(d);
    api->keys = daemon_keys(d);
    api->public_url = conf_str(daemon_conf(d), "public-url");
    if (!api->public_url)
        api->public_url = http_server_url(daemon_http(d));
    read_settings(api);
    make_metrics(api);
    int err = key_cache_create(&api->key_cache);
    if (!err)
        err = quotas_create(&api->quotas);
    if (!err)
        err = event_hub_create(api, (unsigned)conf_i64(daemon_conf(d), "max-event-listeners"),
                               conf_i64(daemon_conf(d), "event-heartbeat-ms"), &api->events);
    if (!err)
        err = ingest_room_create(daemon_metrics(d), &api->ingest_room);
    if (!err)
        err = known_numbers_create(&api->known_numbers);
    if (!err)
        err = add_routes(api);
    if (err) {
        api_stop(api);
        return err;
    }
    http_server_on_refuse(daemon_http(d), answer_refusal, NULL);
    *ret_state = api;
    return 0;
}

/* Streams would hold the process up for ever; all other requests come to their end by themselves. */
void api_drain(void *state)
{
    struct api *api = state;
    event_hub_drain(api->events);
    daemon_drained(api->daemon);
}

void api_reload(void *state)
{
    read_settings(state);
}

void api_stop(void *state)
{
    struct api *api = state;
    if (!api)
        return;
    quotas_free(api->quotas);
    event_hub_free(api->events);
    ingest_room_free(api->ingest_room);
    known_numbers_free(api->known_numbers);
    key_cache_free(api->key_cache);
    free(api->routes);
    free(api);
}

/* ---- what the routes share ---- */

bool api_serves_cell(const struct api *api, const char *cell)
{
    for (size_t i = 0; i < daemon_cell_count(api->daemon); i++) {
        if (strcmp(daemon_cell(api->daemon, i), cell) == 0)
            return true;
    }
    return false;
}

void api_count_answer(const struct api *api, int status)
{
    size_t class = status / 100 == 2 ? 0 : status / 100 == 4 ? 1 : status / 100 == 5 ? 2 : 3;
    metric_add(api->answers[class], 1);
}

struct export_place *api_take_export(struct api *api, const char *tenant)
{
    struct export_place *place = NULL;
    size_t of_tenant = 0;
    for (size_t i = 0; i < LIMIT_EXPORTS; i++) {
        of_tenant += strcmp(api->exports[i].tenant, tenant) == 0;
        if (!place && !api->exports[i].tenant[0])
            place = &api->exports[i];
    }
    if (!place || of_tenant >= LIMIT_EXPORTS_TENANT)
        return NULL;
    (void)snprintf(place->tenant, sizeof place->tenant, "%s", tenant);
    return place;
}

void api_give_export(struct export_place *place)
{
    if (place)
        place->tenant[0] = '\0';
}
