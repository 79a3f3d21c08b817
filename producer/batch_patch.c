/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_patch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/encode.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_lookup.h"
#include "producer/batch_refusal.h"
#include "producer/batch_settings.h"
#include "producer/batch_settings_read.h"
#include "producer/body.h"
#include "producer/endpoint_offer.h"
#include "producer/etag.h"
#include "producer/exchange.h"
#include "producer/tenant_policy.h"

/* How often it is reckoned again because somebody else changed the batch meanwhile. */
#define TRIES_MOST 5
#define TAGS_TEXT_MAX ((size_t)LIMIT_TAGS * (2 * 4 * LIMIT_TAG_LEN + 1))

/* Until its start the schedule may change too. */
#define STATES_BEFORE_START                                                                                            \
    (BATCH_STATE_BIT(BATCH_STATE_DRAFT) | BATCH_STATE_BIT(BATCH_STATE_SCHEDULED) | BATCH_STATE_BIT(BATCH_STATE_PAUSED))
#define STATES_OPEN                                                                                                    \
    (STATES_BEFORE_START | BATCH_STATE_BIT(BATCH_STATE_PENDING) | BATCH_STATE_BIT(BATCH_STATE_PROCESSING))

/* What one reckoning makes: the options before and after, and what is sent of them. */
struct change {
    struct batch_options before, after;
    struct batch_settings settings_before, settings_after;
    struct endpoint_offers offers;
    struct buf tags_got, tags_lost;
    int64_t revision; /* that it was reckoned from */
};

struct patch {
    struct batch_lookup lookup;
    cJSON *body;
    const cJSON *named; /* the options that the body names, borrowed from it */
    const char *path; /* of them */
    bool is_of_schedule;
    struct faults faults, warnings;
    bool has_policy;
    struct tenant_policy policy;
    struct change change;
    unsigned tries;
};

static void change_clear(struct change *c)
{
    batch_options_free(&c->before);
    batch_options_free(&c->after);
    batch_settings_free(&c->settings_before);
    batch_settings_free(&c->settings_after);
    endpoint_offers_free(&c->offers);
    buf_free(&c->tags_got);
    buf_free(&c->tags_lost);
    memset(c, 0, sizeof *c);
}

static void patch_free(void *state)
{
    struct patch *p = state;
    change_clear(&p->change);
    tenant_policy_clear(&p->policy);
    faults_free(&p->faults);
    faults_free(&p->warnings);
    cJSON_Delete(p->body);
    free(p);
}

/* ---- answers ---- */

static void refuse_revision(struct exchange *x, int64_t revision)
{
    char etag[ETAG_LEN + 1];
    cJSON *details = cJSON_CreateObject();
    etag_format(revision, etag);
    (void)json_add_str(details, "etag", etag);
    exchange_error(x, 412, "PRECONDITION_FAILED",
                   "The batch's settings are not those that If-Match names. Read them again: details.etag is theirs.",
                   details);
}

static void refuse_started(struct exchange *x, const char *state)
{
    batch_refuse_state(x, state, STATES_BEFORE_START,
                       "The batch has started: scheduledStartTime and timezone cannot be changed any more.");
}

static void refuse_over(struct exchange *x, const char *state)
{
    batch_refuse_state(x, state, STATES_OPEN,
                       "The batch is over: its settings cannot be changed any more; details.allowedStates lists the "
                       "states in which they can.");
}

static cJSON *done_json(const struct patch *p, const char *state, bool is_changed)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", p->lookup.id) &&
                    json_add_str(body, "status", state) &&
                    json_add_str(body, "message", is_changed ? "Batch changed." : "The batch is like that already.");
    cJSON *options = cJSON_AddObjectToObject(body, OPTIONS_PATH);
    cJSON *warnings = cJSON_AddArrayToObject(body, "warnings");
    if (is_whole && options && warnings && options_add_json(&p->change.after, options) == 0 &&
        faults_append_list(&p->warnings, warnings) == 0)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static void answer_done(struct exchange *x, const struct patch *p, const char *state, int64_t revision)
{
    char etag[ETAG_LEN + 1];
    bool is_changed = revision != p->change.revision;
    etag_format(revision, etag);
    if (is_changed)
        log_info("batch.changed", log_str("request", http_request_id(exchange_request(x))),
                 log_str("tenant", exchange_identity(x)->tenant), log_str("batch", p->lookup.id),
                 log_i64("revision", revision));
    exchange_answer_with(x, 200, done_json(p, state, is_changed), (struct http_header){"ETag", etag});
}

/* ---- the writing ---- */

static void start(struct exchange *x, struct patch *p);

/* Somebody else changed the batch meanwhile: everything is judged once more by what stands now. */
static void reckon_again(struct exchange *x, struct patch *p)
{
    if (++p->tries < TRIES_MOST)
        start(x, p);
    else
        exchange_error(x, 503, CODE_BUSY, "Others change this batch at the same time. Ask again.", NULL);
}

static void on_changed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct patch *p = arg;
    const char *what, *state;
    size_t what_len, state_len;
    int64_t revision;
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
        return;
    }
    if (err == ERR_STATE) {
        const char *refused = batch_refused_state(reply);
        enum batch_state now;
        bool is_open = refused && batch_state_from_name(refused, strlen(refused), &now) == 0 &&
                       (STATES_OPEN & BATCH_STATE_BIT(now));
        if (p->is_of_schedule && is_open)
            refuse_started(x, refused);
        else
            refuse_over(x, refused);
        return;
    }
    if (!err)
        err = reply_str(reply_at(reply, 0), &what, &what_len);
    if (!err)
        err = reply_str(reply_at(reply, 1), &state, &state_len);
    if (!err)
        err = reply_i64(reply_at(reply, 2), &revision);
    if (err)
        exchange_fail(x, err);
    else if (strcmp(what, "raced") == 0)
        reckon_again(x, p);
    else
        answer_done(x, p, state, revision);
}

static void send_change(struct exchange *x, struct patch *p)
{
    struct redis_arg args[6 + BATCH_SETTINGS_DIFF_ARGS];
    char revision[REDIS_I64_LEN];
    const struct change *c = &p->change;
    args[0] = redis_arg_str(p->lookup.id);
    args[1] = redis_arg_str(exchange_identity(x)->tenant);
    args[2] = redis_arg_i64(c->revision, revision);
    args[3] = redis_arg_str(p->is_of_schedule ? "1" : "0");
    args[4] = redis_arg_mem(buf_str(&c->tags_got), buf_len(&c->tags_got));
    args[5] = redis_arg_mem(buf_str(&c->tags_lost), buf_len(&c->tags_lost));
    size_t n = 6 + batch_settings_diff(&c->settings_before, &c->settings_after, args + 6);
    int err = exchange_script(x, LUA_BATCH_CHANGE, args, n, on_changed, p);
    if (err)
        exchange_fail(x, err);
}

static void on_endpoints(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    if (err == ERR_TOO_LARGE)
        exchange_error(x, 409, "TOO_MANY_ENDPOINTS",
                       "The batch's webhook URLs would give the tenant more endpoints (origins) than it may have.",
                       NULL);
    else if (err)
        exchange_fail(x, err);
    else
        send_change(x, arg);
}

/* The endpoints of its URLs come first, as in a creation: no event of theirs may lack one. */
static void send_endpoints(struct exchange *x, struct patch *p)
{
    struct redis_arg args[ENDPOINT_OFFERS_ARGS];
    if (p->change.offers.n == 0) {
        send_change(x, p);
        return;
    }
    size_t n = endpoint_offers_args(&p->change.offers, exchange_identity(x)->tenant, args);
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, n, on_endpoints, p);
    if (err)
        exchange_fail(x, err);
}

/* ---- the reckoning ---- */

static bool has_tag(const struct batch_options *o, const char *tag)
{
    for (size_t i = 0; i < o->n_tags; i++) {
        if (strcmp(o->tags[i], tag) == 0)
            return true;
    }
    return false;
}

/* The tags of `o` that `other` has not, as the script takes them. */
static int write_tags(const struct batch_options *o, const struct batch_options *other, struct buf *ret)
{
    int err = 0;
    buf_init(ret, TAGS_TEXT_MAX);
    for (size_t i = 0; !err && i < o->n_tags; i++) {
        char hex[2 * 4 * LIMIT_TAG_LEN + 1];
        size_t len = strlen(o->tags[i]);
        if (has_tag(other, o->tags[i]))
            continue;
        if (2 * len >= sizeof hex)
            return ERR_PROTOCOL;
        encode_hex(o->tags[i], len, hex);
        err = buf_printf(ret, "%s%s", buf_len(ret) > 0 ? " " : "", hex);
    }
    return err;
}

static int make_settings(const struct batch_report *report, struct change *c)
{
    int64_t now_ms = clock_wall_ms();
    const char *agent_id = report->agent_id ? report->agent_id : "";
    const char *user_id = report->user_id ? report->user_id : "";
    int err = batch_settings_make(&c->before, agent_id, user_id, 0, now_ms, &c->settings_before);
    if (!err)
        err = batch_settings_make(&c->after, agent_id, user_id, 0, now_ms, &c->settings_after);
    if (!err)
        err = write_tags(&c->after, &c->before, &c->tags_got);
    if (!err)
        err = write_tags(&c->before, &c->after, &c->tags_lost);
    return err;
}

static int reckon(const struct exchange *x, struct patch *p, const struct batch_report *report)
{
    struct change *c = &p->change;
    const struct api *api = exchange_api(x);
    int err = batch_settings_read(report->fields, &c->before);
    if (!err)
        err = batch_settings_read(report->fields, &c->after);
    const char *trunk = c->before.trunk;
    struct options_policy policy = p->policy.options;
    policy.trunks = &trunk;
    policy.n_trunks = 1;
    policy.keeps_trunk = true;
    if (!err)
        err = options_change(&c->after, p->named, p->path, &policy, clock_wall_ms(), &p->faults, &p->warnings);
    if (!err)
        err = make_settings(report, c);
    if (!err && cJSON_GetObjectItemCaseSensitive(p->named, "webhooks"))
        err = endpoint_offers_make(api->keys, exchange_identity(x)->tenant, &c->after, &c->offers);
    return err;
}

static void on_policy(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct patch *p = arg;
    p->has_policy = tenant_policy_take(x, reply, err, &p->policy);
    if (p->has_policy)
        start(x, p);
}

/* What the operator permits on the batch's trunk, which only the batch tells: it is read again afterwards. */
static void ask_policy(struct exchange *x, struct patch *p, const struct batch_report *report)
{
    int err = tenant_policy_ask_for(x, report->agent_id ? report->agent_id : "", report->trunk ? report->trunk : "",
                                    on_policy, p);
    if (err)
        exchange_fail(x, err);
}

/* A state that allows nothing is told before faults are, and both before a failed If-Match (RFC 9110 section 13.2.1).
 */
static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct patch *p = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    if (!(STATES_OPEN & BATCH_STATE_BIT(report->state)) || report->expired_ms) {
        refuse_over(x, batch_state_name(report->state));
        return;
    }
    if (!p->has_policy) {
        ask_policy(x, p, report);
        return;
    }
    change_clear(&p->change);
    faults_free(&p->faults);
    faults_free(&p->warnings);
    p->change.revision = report->revision;
    int err = reckon(x, p, report);
    const char *if_match = http_request_header(exchange_request(x), "If-Match");
    if (faults_count(&p->faults) > 0)
        exchange_faults(x, &p->faults);
    else if (err)
        exchange_fail(x, err);
    else if (if_match && !etag_is_named(if_match, report->revision))
        refuse_revision(x, report->revision);
    else
        send_endpoints(x, p);
}

static void start(struct exchange *x, struct patch *p)
{
    batch_lookup_ask(&p->lookup, x, on_report, p);
}

/* ---- the body: the options by themselves, or under "options" as in a creation ---- */

static bool read_body(struct exchange *x, struct patch *p)
{
    static const char *const known[] = {"userId", OPTIONS_PATH};
    p->body = body_read_object(x, false);
    if (!p->body)
        return false;
    (void)body_str(p->body, "userId", LIMIT_SMALL_BODY_BYTES, &p->faults);
    p->named = cJSON_GetObjectItemCaseSensitive(p->body, OPTIONS_PATH);
    if (p->named)
        body_check_names(p->body, known, 2, &p->faults);
    if (faults_count(&p->faults) > 0) {
        exchange_faults(x, &p->faults);
        return false;
    }
    if (!body_check_user(x, p->body))
        return false;
    cJSON_DeleteItemFromObjectCaseSensitive(p->body, "userId");
    p->path = p->named ? OPTIONS_PATH : "";
    if (!p->named)
        p->named = p->body;
    p->is_of_schedule = cJSON_GetObjectItemCaseSensitive(p->named, "scheduledStartTime") ||
                        cJSON_GetObjectItemCaseSensitive(p->named, "timezone");
    return true;
}

static void run(struct exchange *x)
{
    struct patch *p = calloc(1, sizeof *p);
    if (!p) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    faults_init(&p->faults, LIMIT_FAULTS);
    faults_init(&p->warnings, LIMIT_WARNINGS);
    exchange_keep(x, p, patch_free);
    if (exchange_knows_query(x, NULL, 0) && exchange_batch_id(x, p->lookup.id) && read_body(x, p))
        start(x, p);
}

void batch_patch(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
