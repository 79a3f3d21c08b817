/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_redial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/domain/batch_request.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_begun.h"
#include "producer/batch_lookup.h"
#include "producer/batch_refusal.h"
#include "producer/batch_settings_read.h"
#include "producer/body.h"
#include "producer/exchange.h"
#include "producer/idempotency.h"
#include "producer/links.h"
#include "producer/redial_copy.h"
#include "producer/tenant_policy.h"

#define STATES_ENDED                                                                                                   \
    (BATCH_STATE_BIT(BATCH_STATE_COMPLETED) | BATCH_STATE_BIT(BATCH_STATE_CANCELLED) |                                 \
     BATCH_STATE_BIT(BATCH_STATE_FAILED))

struct redial {
    struct export_place *place; /* among the producer's exports; NULL: none yet */
    struct batch_begun begun;
    struct batch_lookup source;
    cJSON *body;
    const cJSON *overrides; /* borrowed from the body; NULL: none */
    bool wanted[OUTCOME_COUNT];
    struct faults faults, warnings;
    struct call_scope scope; /* of the source */
    char agent_id[BATCH_REQUEST_AGENT_BYTES + 1];
    char user_id[BATCH_REQUEST_USER_BYTES + 1];
    uint64_t expected; /* contacts, as the source counts them */
    struct batch_options options;
    struct batch_settings settings;
    struct redial_copy *copy;
};

static void redial_free(void *state)
{
    struct redial *r = state;
    api_give_export(r->place);
    redial_copy_free(r->copy);
    batch_settings_free(&r->settings);
    batch_options_free(&r->options);
    faults_free(&r->faults);
    faults_free(&r->warnings);
    cJSON_Delete(r->body);
    free(r);
}

/* ---- answers ---- */

static bool add_outcomes(cJSON *body, const uint64_t by_outcome[OUTCOME_COUNT])
{
    cJSON *object = cJSON_AddObjectToObject(body, "outcomes");
    for (size_t i = 0; object && i < OUTCOME_COUNT; i++) {
        if (by_outcome[i] > 0 && !json_add_i64(object, outcome_rows()[i].name, (int64_t)by_outcome[i]))
            return false;
    }
    return object != NULL;
}

static cJSON *made_json(const struct exchange *x, const struct redial *r, const struct redial_result *made)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", made->batch_id) &&
                    json_add_str(body, "status", made->state) &&
                    json_add_str(body, "message", "Redial accepted. Its calls are placed as their turn comes.") &&
                    json_add_str(body, "redialOf", r->source.id) && json_add_i64(body, "total", (int64_t)made->total) &&
                    add_outcomes(body, made->by_outcome) &&
                    links_add(body, exchange_api(x)->public_url, made->batch_id) == 0;
    cJSON *warnings = cJSON_AddArrayToObject(body, "warnings");
    if (is_whole && warnings && faults_append_list(&r->warnings, warnings) == 0)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static void refuse_none(struct exchange *x)
{
    exchange_error(x, 409, "NOTHING_TO_REDIAL", "No contact of this batch ended with one of these outcomes.", NULL);
}

static void refuse_unknown(struct exchange *x, const char *batch_id)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "batchId", batch_id);
    exchange_error(x, 503, "OUTCOME_UNKNOWN",
                   "Redis went away at the last step. The batch may have been created: ask for details.batchId once "
                   "Redis is back, before you send it again.",
                   details);
}

static void on_copied(struct exchange *x, const struct redial_result *made)
{
    const struct redial *r = exchange_kept(x);
    if (made->err)
        log_warn("batch.not_redialed", log_str("request", http_request_id(exchange_request(x))),
                 log_str("tenant", exchange_identity(x)->tenant), log_str("source", r->source.id), log_err(made->err));
    switch (made->err) {
    case 0:
        log_info("batch.redialed", log_str("request", http_request_id(exchange_request(x))),
                 log_str("tenant", exchange_identity(x)->tenant), log_str("source", r->source.id),
                 log_str("batch", made->batch_id), log_i64("contacts", (int64_t)made->total));
        metric_add(exchange_api(x)->contacts, (double)made->total);
        exchange_answer(x, 202, made_json(x, r, made));
        break;
    case ERR_STATE:
        refuse_none(x);
        break;
    case ERR_TIMEOUT:
        refuse_unknown(x, made->batch_id);
        break;
    case ERR_TOO_LARGE:
        exchange_error(x, 409, "TOO_MANY_ENDPOINTS",
                       "The batch's webhook URLs would give the tenant more endpoints (origins) than it may have.",
                       NULL);
        break;
    case ERR_NOT_FOUND:
        if (made->is_source_gone)
            exchange_not_found(x);
        else
            exchange_error(x, 409, CODE_TRUNK_NOT_FOUND, "The trunk that this batch would use does not exist.", NULL);
        break;
    default:
        exchange_fail(x, made->err);
    }
}

/* ---- the options: the source's, but for its schedule and what the body names ---- */

static bool is_among(const struct options_policy *policy, const char *trunk)
{
    for (size_t i = 0; i < policy->n_trunks; i++) {
        if (strcmp(policy->trunks[i], trunk) == 0)
            return true;
    }
    return false;
}

/* Numbers that are not the trunk's, or not any more, are left behind. */
static void keep_caller_ids(struct batch_options *o, const struct options_policy *policy)
{
    size_t n = 0;
    for (size_t i = 0; policy->caller_ids && i < o->n_caller_ids; i++) {
        size_t at = 0;
        while (at < policy->n_caller_ids && policy->caller_ids[at] != o->caller_ids[i])
            at++;
        if (at < policy->n_caller_ids)
            o->caller_ids[n++] = o->caller_ids[i];
    }
    o->n_caller_ids = policy->caller_ids ? n : o->n_caller_ids;
}

static int judge_options(struct redial *r, const struct options_policy *policy)
{
    int err = 0;
    keep_caller_ids(&r->options, policy);
    if (r->overrides)
        err =
            options_change(&r->options, r->overrides, OPTIONS_PATH, policy, clock_wall_ms(), &r->faults, &r->warnings);
    if ((!err || err == ERR_INVALID) && !is_among(policy, r->options.trunk)) {
        faults_add(&r->faults, OPTIONS_PATH ".trunk", FAULT_NOT_ALLOWED,
                   "must be named: this tenant may not use that of the batch any more");
        err = ERR_INVALID;
    }
    return err;
}

static void start_copy(struct exchange *x, struct redial *r)
{
    int err = batch_settings_make(&r->options, r->agent_id, r->user_id, r->expected, clock_wall_ms(), &r->settings);
    if (!err)
        err = batch_settings_put_quotas(&r->settings, &exchange_api(x)->quota_defaults);
    const struct redial_copy_config config = {
        .x = x,
        .source = &r->scope,
        .wanted = r->wanted,
        .options = &r->options,
        .settings = &r->settings,
        .batch_id = idempotency_batch_id(x),
        .on_done = on_copied,
    };
    if (!err)
        err = redial_copy_start(&config, &r->copy);
    if (err)
        exchange_fail(x, err);
}

static void on_policy(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct redial *r = arg;
    struct tenant_policy policy;
    if (!tenant_policy_take(x, reply, err, &policy))
        return;
    err = judge_options(r, &policy.options);
    if (tenant_policy_admits(x, &policy, reply, err, &r->faults, r->expected))
        start_copy(x, r);
    tenant_policy_clear(&policy);
}

static void ask_policy(struct exchange *x, struct redial *r)
{
    bool names_trunk = cJSON_GetObjectItemCaseSensitive(r->overrides, "trunk") != NULL;
    int err = names_trunk ? tenant_policy_ask(x, r->agent_id, r->overrides, on_policy, r)
                          : tenant_policy_ask_for(x, r->agent_id, r->options.trunk, on_policy, r);
    if (err)
        exchange_fail(x, err);
}

/* ---- the source ---- */

static int count_wanted(struct redial *r, const struct batch_report *report)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        char field[32];
        int64_t n = 0;
        (void)snprintf(field, sizeof field, "outcome:%s", outcome_rows()[i].name);
        const struct redisReply *value = r->wanted[i] ? reply_field(report->fields, field) : NULL;
        if (value && (reply_i64(value, &n) != 0 || n > LIMIT_COUNT))
            return ERR_PROTOCOL;
        r->expected += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}

static int copy_text(const char *text, char *ret, size_t cap)
{
    size_t len = text ? strlen(text) : 0;
    if (!text || len >= cap)
        return ERR_PROTOCOL;
    memcpy(ret, text, len + 1);
    return 0;
}

static int take_source(struct redial *r, const struct batch_report *report)
{
    r->scope = call_scope_of(report);
    int err = count_wanted(r, report);
    if (!err)
        err = copy_text(report->agent_id, r->agent_id, sizeof r->agent_id);
    if (!err && !r->user_id[0])
        err = copy_text(report->user_id, r->user_id, sizeof r->user_id);
    if (!err)
        err = batch_settings_read(report->fields, &r->options);
    if (!err)
        r->options.has_start = r->options.has_expiry = false;
    return err;
}

static void on_source(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct redial *r = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    if (!batch_state_is_end(report->state) || report->live + report->ended > 0) {
        batch_refuse_state(x, batch_state_name(report->state), STATES_ENDED,
                           "The batch has not ended: its contacts may still be called.");
        return;
    }
    int err = take_source(r, report);
    if (err)
        exchange_fail(x, err);
    else if (r->expected == 0)
        refuse_none(x);
    else
        ask_policy(x, r);
}

/* ---- a redial that was begun before, under the same key ---- */

static void on_begun(struct exchange *x, const struct batch_begun *begun, void *arg)
{
    struct redial *r = arg;
    struct redial_result made = {.err = 0};
    if (!begun) {
        batch_lookup_ask(&r->source, x, on_source, r);
        return;
    }
    (void)snprintf(made.batch_id, sizeof made.batch_id, "%s", idempotency_batch_id(x));
    (void)snprintf(made.state, sizeof made.state, "%s", begun->state);
    made.total = begun->total;
    exchange_answer(x, 202, made_json(x, r, &made));
}

static void claimed(struct exchange *x)
{
    struct redial *r = exchange_kept(x);
    batch_begun_ask(&r->begun, x, on_begun, r);
}

/* ---- what is asked ---- */

/* A dial that rang nobody up, whatever came of it. Who must not be called, or has no telephone, is not called again
 * unless the tenant says so; nor is who was never called, for a cancel or an expiry meant that. */
static void want_default(bool wanted[OUTCOME_COUNT])
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = &outcome_rows()[i];
        wanted[i] = !row->is_success && !row->is_apart && row->outcome != OUTCOME_INVALID_NUMBER;
    }
}

static void read_outcome(struct redial *r, size_t i, const cJSON *item)
{
    enum outcome outcome;
    if (!cJSON_IsString(item))
        faults_add_path(&r->faults, FAULT_TYPE, "must be a string", "outcomes[%zu]", i);
    else if (outcome_from_name(item->valuestring, strlen(item->valuestring), &outcome) != 0)
        faults_add_path(&r->faults, FAULT_RANGE, "must be an outcome such as NO_ANSWER", "outcomes[%zu]", i);
    else if (outcome_row(outcome)->is_success)
        faults_add_path(&r->faults, FAULT_NOT_ALLOWED, "must be one of those that count as failed", "outcomes[%zu]", i);
    else
        r->wanted[outcome] = true;
}

static void read_outcomes(struct redial *r, const cJSON *list)
{
    size_t i = 0;
    const cJSON *item;
    if (!list) {
        want_default(r->wanted);
        return;
    }
    if (!cJSON_IsArray(list)) {
        faults_add(&r->faults, "outcomes", FAULT_TYPE, "must be a list of outcomes");
        return;
    }
    if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > OUTCOME_COUNT) {
        faults_add(&r->faults, "outcomes", FAULT_LENGTH, "must hold 1 to %d outcomes", OUTCOME_COUNT);
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        read_outcome(r, i++, item);
    }
}

static bool read_body(struct exchange *x, struct redial *r)
{
    static const char *const known[] = {"userId", "outcomes", OPTIONS_PATH};
    r->body = body_read_object(x, true);
    if (!r->body)
        return false;
    body_check_names(r->body, known, 3, &r->faults);
    const char *user_id = body_str(r->body, "userId", sizeof r->user_id - 1, &r->faults);
    if (user_id)
        memcpy(r->user_id, user_id, strlen(user_id) + 1);
    read_outcomes(r, cJSON_GetObjectItemCaseSensitive(r->body, "outcomes"));
    r->overrides = cJSON_GetObjectItemCaseSensitive(r->body, OPTIONS_PATH);
    if (r->overrides && !cJSON_IsObject(r->overrides))
        faults_add(&r->faults, OPTIONS_PATH, FAULT_TYPE, "must be an object");
    if (faults_count(&r->faults) > 0) {
        exchange_faults(x, &r->faults);
        return false;
    }
    return body_check_user(x, r->body);
}

/* A copy reads as much of Redis as an export: it takes one's place. */
static bool take_place(struct exchange *x, struct redial *r)
{
    r->place = api_take_export(exchange_api(x), exchange_identity(x)->tenant);
    if (!r->place)
        exchange_error(x, 503, CODE_BUSY, EXPORTS_BUSY, NULL);
    return r->place != NULL;
}

static void run(struct exchange *x)
{
    struct redial *r = calloc(1, sizeof *r);
    if (!r) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    faults_init(&r->faults, LIMIT_FAULTS);
    faults_init(&r->warnings, LIMIT_WARNINGS);
    exchange_keep(x, r, redial_free);
    if (exchange_knows_query(x, NULL, 0) && exchange_batch_id(x, r->source.id) && read_body(x, r) && take_place(x, r))
        idempotency_claim(x, claimed);
}

void batch_redial(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
