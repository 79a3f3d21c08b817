/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_create.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_begun.h"
#include "producer/batch_settings.h"
#include "producer/body.h"
#include "producer/dry_run.h"
#include "producer/exchange.h"
#include "producer/idempotency.h"
#include "producer/ingest_body.h"
#include "producer/ingest_room.h"
#include "producer/ingest_write.h"
#include "producer/links.h"
#include "producer/tenant_policy.h"

/* What a creation holds, from its admission to the last reply. */
struct creation {
    struct api *api;
    struct ingest_stay *room; /* of the bytes of all creations */
    int64_t began_us;
    bool is_draft;
    struct dry_run *dry_run; /* NULL: it is meant */
    struct ingest_body *body;
    struct batch_begun begun;
    struct batch_options options;
    struct batch_settings settings;
    struct ingest_write *write;
};

static void creation_free(void *state)
{
    struct creation *c = state;
    ingest_write_free(c->write);
    batch_settings_free(&c->settings);
    batch_options_free(&c->options);
    ingest_body_free(c->body);
    dry_run_free(c->dry_run);
    ingest_room_leave(c->room);
    free(c);
}

/* ---- admission ---- */

/* Told before the body is sent, as far as its length is declared. */
static bool has_room(const struct exchange *x)
{
    int64_t declared = http_request_content_length(exchange_request(x));
    return declared < 0 ||
           ingest_room_has(exchange_api(x)->ingest_room, exchange_identity(x)->tenant, (size_t)declared);
}

static int creation_make(struct exchange *x, bool is_draft, bool is_dry_run)
{
    struct creation *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->api = exchange_api(x);
    c->room = ingest_room_enter(c->api->ingest_room, exchange_identity(x)->tenant);
    c->began_us = clock_mono_us();
    c->is_draft = is_draft;
    int err = c->room ? 0 : ERR_NOMEM;
    if (!err && is_dry_run)
        err = dry_run_create(&c->dry_run);
    if (!err)
        err = ingest_body_create(is_draft, c->dry_run, &c->body);
    if (err) {
        creation_free(c);
        return err;
    }
    exchange_keep(x, c, creation_free);
    return 0;
}

static void admitted(struct exchange *x)
{
    static const char *const known[] = {"draft", "dryRun"};
    struct http_request *req = exchange_request(x);
    bool is_draft, is_dry_run;
    if (!exchange_knows_query(x, known, 2) || !exchange_flag(x, "draft", &is_draft) ||
        !exchange_flag(x, "dryRun", &is_dry_run))
        return;
    if (!body_is_json(req)) {
        body_refuse_type(x);
        return;
    }
    if (!has_room(x)) {
        ingest_room_refuse(x);
        return;
    }
    if (!is_dry_run && !idempotency_begin(x))
        return;
    int err = creation_make(x, is_draft, is_dry_run);
    if (err)
        exchange_fail(x, err);
    else
        http_request_resume(req);
}

void batch_create_headers(struct http_request *req, void *arg)
{
    struct exchange *x = exchange_begin(arg, req, ACCESS_WRITE, admitted);
    /* Until Redis has said whose key it is, the body waits in the socket. */
    if (x && exchange_is_open(x) && !exchange_kept(x))
        http_request_pause(req);
}

/* ---- the body ---- */

static void refuse_size(struct exchange *x)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_i64(details, "maxContacts", LIMIT_INLINE_CONTACTS);
    exchange_error(x, 413, "TOO_MANY_CONTACTS",
                   "A body may hold 100000 contacts. Send more in chunks: POST /api/v1/batch?draft=true, then POST "
                   "/api/v1/batch/{id}/contacts; or split them over several batches.",
                   details);
}

static void refuse_body(struct exchange *x, const struct creation *c, int err)
{
    if (err == ERR_INVALID)
        exchange_faults(x, ingest_body_faults(c->body));
    else if (err == ERR_TOO_LARGE)
        refuse_size(x);
    else
        exchange_fail(x, err);
}

void batch_create_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    (void)arg;
    struct exchange *x = http_request_attached(req);
    struct creation *c = x ? exchange_kept(x) : NULL;
    if (!c || !exchange_is_open(x))
        return;
    if (!ingest_room_take(c->room, len)) {
        ingest_room_refuse(x);
        return;
    }
    int err = ingest_body_feed(c->body, data, len);
    if (!err && !c->dry_run)
        err = idempotency_feed(x, data, len);
    if (err)
        refuse_body(x, c, err);
}

/* ---- the answer ---- */

static const char *message_of(const char *state)
{
    if (strcmp(state, "draft") == 0)
        return "Draft made. Send its contacts to POST /api/v1/batch/{id}/contacts, then start it.";
    if (strcmp(state, "scheduled") == 0)
        return "Batch accepted. It starts at its scheduled time.";
    return "Batch accepted. Its calls are placed as their turn comes.";
}

static cJSON *created_json(const struct exchange *x, const struct creation *c, const struct ingest_result *result)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", result->batch_id) &&
                    json_add_str(body, "status", result->state) &&
                    json_add_str(body, "message", message_of(result->state)) &&
                    json_add_i64(body, "total", (int64_t)result->total) &&
                    links_add(body, exchange_api(x)->public_url, result->batch_id) == 0;
    cJSON *warnings = cJSON_AddArrayToObject(body, "warnings");
    if (is_whole && warnings && faults_append_list(ingest_body_warnings(c->body), warnings) == 0)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static void answer_unknown(struct exchange *x, const struct ingest_result *result)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "batchId", result->batch_id);
    exchange_error(x, 503, "OUTCOME_UNKNOWN",
                   "Redis went away at the last step. The batch may have been created: ask for details.batchId once "
                   "Redis is back, before you send it again.",
                   details);
}

static void answer_failure(struct exchange *x, const struct ingest_result *result)
{
    log_warn("batch.not_created", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", result->batch_id), log_err(result->err));
    if (result->err == ERR_TIMEOUT)
        answer_unknown(x, result);
    else if (result->err == ERR_TOO_LARGE)
        exchange_error(x, 409, "TOO_MANY_ENDPOINTS",
                       "The batch's webhook URLs would give the tenant more endpoints (origins) than it may have.",
                       NULL);
    else if (result->err == ERR_NOT_FOUND)
        exchange_error(x, 409, CODE_TRUNK_NOT_FOUND, "The trunk that this batch would use does not exist.", NULL);
    else
        exchange_fail(x, result->err);
}

static void written(struct exchange *x, const struct ingest_result *result)
{
    const struct creation *c = exchange_kept(x);
    if (result->err) {
        answer_failure(x, result);
        return;
    }
    log_info("batch.created", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", result->batch_id),
             log_i64("contacts", (int64_t)result->total), log_i64("took_ms", (clock_mono_us() - c->began_us) / 1000));
    metric_add(c->api->contacts, (double)result->total);
    exchange_answer(x, 202, created_json(x, c, result));
}

/* ---- from the judged body to the writing ---- */

static void start_writing(struct exchange *x, struct creation *c)
{
    const struct batch_request *request = ingest_body_request(c->body);
    const char *user_id = request->user_id[0] ? request->user_id : exchange_identity(x)->tenant;
    int err = batch_settings_make(&c->options, request->agent_id, user_id, ingest_body_contacts(c->body),
                                  clock_wall_ms(), &c->settings);
    if (!err)
        err = batch_settings_put_quotas(&c->settings, &c->api->quota_defaults);
    const struct ingest_write_config config = {
        .x = x,
        .pack = ingest_body_pack(c->body),
        .options = &c->options,
        .settings = &c->settings,
        .warnings = ingest_body_warnings(c->body),
        .is_draft = c->is_draft,
        .batch_id = idempotency_batch_id(x),
        .on_done = written,
    };
    if (!err)
        err = ingest_write_start(&config, &c->write);
    if (err)
        exchange_fail(x, err);
}

static void go(struct exchange *x, struct creation *c)
{
    if (c->dry_run)
        dry_run_answer(c->dry_run, x, &c->options, ingest_body_warnings(c->body));
    else
        start_writing(x, c);
}

static int judge_options(struct creation *c, const struct tenant_policy *policy)
{
    return options_read(ingest_body_request(c->body)->options, &policy->options, clock_wall_ms(), &c->options,
                        ingest_body_faults(c->body), ingest_body_warnings(c->body));
}

static void on_policy(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct creation *c = arg;
    struct tenant_policy policy;
    if (!tenant_policy_take(x, reply, err, &policy))
        return;
    err = judge_options(c, &policy);
    if (tenant_policy_admits(x, &policy, reply, err, ingest_body_faults(c->body), ingest_body_contacts(c->body)))
        go(x, c);
    tenant_policy_clear(&policy);
}

static void ask_tenant(struct exchange *x, struct creation *c)
{
    const struct batch_request *request = ingest_body_request(c->body);
    int err = tenant_policy_ask(x, request->agent_id, request->options, on_policy, c);
    if (err)
        exchange_fail(x, err);
}

/* ---- a creation that was begun before, under the same key ---- */

static void on_begun(struct exchange *x, const struct batch_begun *begun, void *arg)
{
    struct creation *c = arg;
    struct ingest_result made = {.err = 0};
    if (!begun) {
        ask_tenant(x, c);
        return;
    }
    snprintf(made.batch_id, sizeof made.batch_id, "%s", idempotency_batch_id(x));
    snprintf(made.state, sizeof made.state, "%s", begun->state);
    made.total = begun->total;
    exchange_answer(x, 202, created_json(x, c, &made));
}

static void claimed(struct exchange *x)
{
    struct creation *c = exchange_kept(x);
    batch_begun_ask(&c->begun, x, on_begun, c);
}

void batch_create_complete(struct http_request *req, void *arg)
{
    (void)arg;
    struct exchange *x = http_request_attached(req);
    struct creation *c = x ? exchange_kept(x) : NULL;
    if (!c || !exchange_is_open(x))
        return;
    int err = ingest_body_finish(c->body);
    const struct batch_request *request = ingest_body_request(c->body);
    if (err)
        refuse_body(x, c, err);
    else if (request->user_id[0] && !exchange_is_user(x, request->user_id))
        exchange_error(x, 403, CODE_FORBIDDEN, "userId is not the owner of this API key.", NULL);
    else if (c->dry_run)
        ask_tenant(x, c);
    else
        idempotency_claim(x, claimed);
}
