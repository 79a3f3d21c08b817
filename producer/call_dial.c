/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_dial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/base/timestamp.h"
#include "common/domain/batch_request.h"
#include "common/domain/contact.h"
#include "common/domain/webhook_url.h"
#include "common/json/json.h"
#include "common/json/span.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_begun.h"
#include "producer/body.h"
#include "producer/call_lookup.h"
#include "producer/exchange.h"
#include "producer/idempotency.h"
#include "producer/ingest_pack.h"
#include "producer/ingest_write.h"
#include "producer/tenant_policy.h"

#define DIAL_PRIORITY 10
#define DETAILS "callerDetails"
#define CALL_BACK "statusCallBackUrl"
#define DIAL_TEXT_LEN 48 /* "<number> <hash of the contact's id>" */
#define CONTACT_TEXT_MAX ((size_t)2 * LIMIT_SMALL_BODY_BYTES)

struct dial {
    cJSON *body;
    struct faults faults, warnings;
    struct batch_request request; /* agent and user */
    struct contact contact;
    char *call_back; /* URL; NULL: none */
    char text[DIAL_TEXT_LEN + 1];
    struct batch_begun begun;
    struct ingest_pack *pack;
    struct batch_options options;
    struct batch_settings settings;
    struct ingest_write *write;
};

static void dial_free(void *state)
{
    struct dial *d = state;
    ingest_write_free(d->write);
    batch_settings_free(&d->settings);
    batch_options_free(&d->options);
    ingest_pack_free(d->pack);
    contact_free(&d->contact);
    batch_request_free(&d->request);
    faults_free(&d->faults);
    faults_free(&d->warnings);
    cJSON_Delete(d->body);
    free(d->call_back);
    free(d);
}

/* ---- answers ---- */

static cJSON *dialed_json(const struct exchange *x, const char *batch_id)
{
    char id[LIMIT_CALL_ID_LEN + 1], link[LIMIT_URL_LEN + 128];
    cJSON *body = cJSON_CreateObject();
    cJSON *links = cJSON_CreateObject();
    bool is_whole = ident_make_call(batch_id, 0, id) == 0 && cJSON_AddTrueToObject(body, "success") &&
                    json_add_str(body, "callId", id) && json_add_str(body, "batchId", batch_id) &&
                    json_add_str(body, "status", "SCHEDULED") &&
                    json_add_str(body, "message", "Call accepted. It is placed as soon as its limits allow it.");
    (void)snprintf(link, sizeof link, "%s/api/v1/call/check-status?callId=%s", exchange_api(x)->public_url, id);
    is_whole = is_whole && json_add_str(links, "status", link);
    if (is_whole && cJSON_AddItemToObject(body, "links", links))
        return body;
    cJSON_Delete(links);
    cJSON_Delete(body);
    return NULL;
}

static void refuse_busy(struct exchange *x, const char *rival)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "callId", rival);
    exchange_error(x, 409, "CALL_IN_PROGRESS", "A call to this contact is in progress: details.callId.", details);
}

static void answer_failure(struct exchange *x, const struct ingest_result *result)
{
    char id[LIMIT_CALL_ID_LEN + 1] = "";
    cJSON *details;
    switch (result->err) {
    case ERR_EXISTS:
        refuse_busy(x, result->rival);
        break;
    case ERR_TOO_LARGE:
        exchange_error(x, 409, "TOO_MANY_ENDPOINTS",
                       CALL_BACK " would give the tenant more endpoints (origins) than it may have.", NULL);
        break;
    case ERR_NOT_FOUND:
        exchange_error(x, 409, CODE_TRUNK_NOT_FOUND, "The trunk that this call would use does not exist.", NULL);
        break;
    case ERR_TIMEOUT:
        details = cJSON_CreateObject();
        if (ident_make_call(result->batch_id, 0, id) == 0)
            (void)json_add_str(details, "callId", id);
        exchange_error(x, 503, "OUTCOME_UNKNOWN",
                       "Redis went away at the last step. The call may be placed: ask for details.callId once Redis is "
                       "back, before you dial again.",
                       details);
        break;
    default:
        exchange_fail(x, result->err);
    }
}

static void written(struct exchange *x, const struct ingest_result *result)
{
    if (result->err) {
        log_info("call.not_dialed", log_str("request", http_request_id(exchange_request(x))),
                 log_str("tenant", exchange_identity(x)->tenant), log_str("batch", result->batch_id),
                 log_err(result->err));
        answer_failure(x, result);
        return;
    }
    log_info("call.dialed", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", result->batch_id));
    metric_add(exchange_api(x)->contacts, 1);
    exchange_answer(x, 200, dialed_json(x, result->batch_id));
}

/* ---- from the judged body to the writing ---- */

/* A single call has one attempt, goes before the tenant's batches, and does not come hours later. */
static int make_options(struct dial *d, const struct options_policy *policy)
{
    char expires[TIMESTAMP_LEN + 1];
    int64_t now_ms = clock_wall_ms();
    cJSON *json = cJSON_CreateObject();
    timestamp_format(now_ms + LIMIT_DIAL_LIFE_MS, expires);
    int err = json_add_str(json, "expiresAt", expires) ? 0 : ERR_NOMEM;
    if (!err)
        err = options_read(json, policy, now_ms, &d->options, &d->faults, &d->warnings);
    cJSON_Delete(json);
    if (!err) {
        d->options.priority = DIAL_PRIORITY;
        d->options.retry.max_attempts = 1;
        d->options.on_call_complete = d->call_back;
        d->call_back = NULL;
    }
    return err;
}

static void start_writing(struct exchange *x, struct dial *d)
{
    const char *user_id = d->request.user_id[0] ? d->request.user_id : exchange_identity(x)->tenant;
    int err = batch_settings_make(&d->options, d->request.agent_id, user_id, 1, clock_wall_ms(), &d->settings);
    if (!err)
        err = batch_settings_put_quotas(&d->settings, &exchange_api(x)->quota_defaults);
    if (!err)
        err = ingest_pack_create(&d->pack);
    if (!err)
        err = ingest_pack_add(d->pack, &d->contact, 1);
    const struct ingest_write_config config = {
        .x = x,
        .pack = d->pack,
        .options = &d->options,
        .settings = &d->settings,
        .batch_id = idempotency_batch_id(x),
        .dial = d->text,
        .warnings = &d->warnings,
        .on_done = written,
    };
    if (!err)
        err = ingest_write_start(&config, &d->write);
    if (err)
        exchange_fail(x, err);
}

static void on_policy(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct dial *d = arg;
    struct tenant_policy policy;
    if (!tenant_policy_take(x, reply, err, &policy))
        return;
    err = make_options(d, &policy.options);
    if (tenant_policy_admits(x, &policy, reply, err, &d->faults, 1))
        start_writing(x, d);
    tenant_policy_clear(&policy);
}

static void on_begun(struct exchange *x, const struct batch_begun *begun, void *arg)
{
    struct dial *d = arg;
    if (begun) {
        exchange_answer(x, 200, dialed_json(x, idempotency_batch_id(x)));
        return;
    }
    int err = tenant_policy_ask(x, d->request.agent_id, NULL, on_policy, d);
    if (err)
        exchange_fail(x, err);
}

static void claimed(struct exchange *x)
{
    struct dial *d = exchange_kept(x);
    batch_begun_ask(&d->begun, x, on_begun, d);
}

/* ---- the body: the seed's names for what a batch and a contact have ---- */

/* Faults that were found under our names are told under the seed's. */
static void move_faults(struct faults *from, struct faults *to)
{
    static const struct {
        const char *ours;
        const char *seed;
    } names[] = {
        {"phoneNumber", "to"},
        {"id", "contactId"},
        {"agentId", "agentConfigId"},
        {"name", DETAILS ".name"},
        {"email", DETAILS ".email"},
        {"company", DETAILS ".company"},
        {"metadata", DETAILS ".metadata"},
    };
    for (size_t i = 0; i < from->n; i++) {
        const struct fault *fault = &from->items[i];
        size_t at = 0;
        while (at < sizeof names / sizeof names[0] && strcmp(names[at].ours, fault->path) != 0)
            at++;
        faults_add(to, at < sizeof names / sizeof names[0] ? names[at].seed : fault->path, fault->code, "%s",
                   fault->message);
    }
}

static int append_member(struct buf *out, const char *name, struct json_span value)
{
    return buf_printf(out, "%s\"%s\":%.*s", buf_len(out) > 1 ? "," : "", name, (int)value.len, value.text);
}

static int append_details(struct buf *out, struct json_span details)
{
    struct json_members members;
    struct json_span key, value;
    int err = 0;
    bool has_any = json_members_begin(&members, details.text, details.len);
    while (!err && has_any && json_members_next(&members, &key, &value)) {
        err = buf_append_str(out, buf_len(out) > 1 ? "," : "");
        if (!err)
            err = buf_printf(out, "%.*s:%.*s", (int)key.len, key.text, (int)value.len, value.text);
    }
    return err;
}

/* The contact as an element of a batch's contacts[], each value as it was written. */
static int write_contact(const char *json, size_t len, struct buf *out)
{
    struct json_members members;
    struct json_span key, value;
    int err = buf_append_char(out, '{');
    bool has_any = json_members_begin(&members, json, len);
    while (!err && has_any && json_members_next(&members, &key, &value)) {
        if (json_key_equals(key, "to"))
            err = append_member(out, "phoneNumber", value);
        else if (json_key_equals(key, "contactId"))
            err = append_member(out, "id", value);
        else if (json_key_equals(key, DETAILS))
            err = append_details(out, value);
    }
    return err ? err : buf_append_char(out, '}');
}

static int read_contact(struct exchange *x, struct dial *d, struct faults *found)
{
    size_t len;
    struct buf text;
    const char *json = http_request_body(exchange_request(x), &len);
    buf_init(&text, CONTACT_TEXT_MAX);
    int err = write_contact(json, len, &text);
    if (!err)
        err = contact_read_json(&d->contact, buf_str(&text), buf_len(&text), found, &d->warnings);
    buf_free(&text);
    return err == ERR_INVALID ? 0 : err;
}

static int read_agent(struct dial *d, struct faults *found)
{
    struct buf text;
    const cJSON *agent = cJSON_GetObjectItemCaseSensitive(d->body, "agentConfigId");
    if (!agent) {
        faults_add(found, "agentId", FAULT_REQUIRED, "Agent ID is required");
        return 0;
    }
    buf_init(&text, LIMIT_SMALL_BODY_BYTES);
    int err = json_print(agent, &text);
    if (!err)
        err = batch_request_member(&d->request, "agentId", buf_str(&text), buf_len(&text), found);
    buf_free(&text);
    return err;
}

static int read_call_back(const struct api *api, struct dial *d)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(d->body, CALL_BACK);
    struct webhook_url url;
    const char *why;
    if (!value || cJSON_IsNull(value))
        return 0;
    if (!cJSON_IsString(value))
        faults_add(&d->faults, CALL_BACK, FAULT_TYPE, "must be a URL");
    else if (webhook_url_parse(value->valuestring, strlen(value->valuestring), &url, &why) < 0)
        faults_add(&d->faults, CALL_BACK, FAULT_URL, "%s", why);
    else if (webhook_url_judge(&url, &api->private_webhooks, &why) < 0)
        faults_add(&d->faults, CALL_BACK, FAULT_URL_REFUSED, "%s", why);
    else
        d->call_back = strdup(value->valuestring);
    return faults_count(&d->faults) == 0 && !d->call_back ? ERR_NOMEM : 0;
}

static void check_details(struct dial *d)
{
    static const char *const known[] = {"name", "email", "company", "metadata"};
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(d->body, DETAILS);
    if (!details || cJSON_IsNull(details))
        return;
    if (!cJSON_IsObject(details)) {
        faults_add(&d->faults, DETAILS, FAULT_TYPE, "must be an object");
        return;
    }
    faults_at(&d->faults, DETAILS);
    body_check_names(details, known, sizeof known / sizeof known[0], &d->faults);
    faults_at(&d->faults, "%s", "");
}

/* What keeps two calls from one contact at the same time (lib/batch.lua). */
static int write_dial(struct dial *d)
{
    uint64_t hash;
    int n = snprintf(d->text, sizeof d->text, "%" PRIu64, d->contact.phone);
    int err = d->contact.id[0] ? ingest_id_hash(d->contact.id, strlen(d->contact.id), &hash) : 0;
    if (!err && d->contact.id[0])
        (void)snprintf(d->text + n, sizeof d->text - (size_t)n, " %" PRIu64, hash);
    return err;
}

static int read_body(struct exchange *x, struct dial *d)
{
    static const char *const known[] = {"to", "agentConfigId", "userId", "contactId", DETAILS, CALL_BACK};
    struct faults found;
    faults_init(&found, LIMIT_FAULTS);
    body_check_names(d->body, known, sizeof known / sizeof known[0], &d->faults);
    const char *user_id = body_str(d->body, "userId", sizeof d->request.user_id - 1, &d->faults);
    if (user_id)
        memcpy(d->request.user_id, user_id, strlen(user_id) + 1);
    check_details(d);
    int err = read_call_back(exchange_api(x), d);
    if (!err)
        err = read_agent(d, &found);
    if (!err)
        err = read_contact(x, d, &found);
    move_faults(&found, &d->faults);
    faults_free(&found);
    if (!err && faults_count(&d->faults) > 0)
        err = ERR_INVALID;
    return err ? err : write_dial(d);
}

static void run(struct exchange *x)
{
    struct dial *d = calloc(1, sizeof *d);
    if (!d || contact_init(&d->contact) != 0) {
        free(d);
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    faults_init(&d->faults, LIMIT_FAULTS);
    faults_init(&d->warnings, LIMIT_WARNINGS);
    exchange_keep(x, d, dial_free);
    if (!exchange_knows_query(x, NULL, 0))
        return;
    d->body = body_read_object(x, false);
    if (!d->body)
        return;
    int err = read_body(x, d);
    if (err == ERR_INVALID)
        exchange_faults(x, &d->faults);
    else if (err)
        exchange_fail(x, err);
    else if (body_check_user(x, d->body))
        idempotency_claim(x, claimed);
}

void call_dial(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
