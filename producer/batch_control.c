/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_control.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/domain/batch_state.h"
#include "common/json/json.h"
#include "common/provider/provider.h"
#include "common/redis/reply.h"
#include "producer/batch_refusal.h"
#include "producer/body.h"
#include "producer/exchange.h"

/* What a verb is to the script, to the state machine, and to people. */
struct verb {
    const char *name; /* of batch_control.lua */
    enum batch_event events[3];
    size_t n_events;
    const char *message;
    const char *status; /* told whatever the state is; NULL: the state */
    bool counts_calls; /* the answer has cancelledJobs */
};

static const struct verb PAUSE = {
    .name = "pause",
    .events = {BATCH_EVENT_PAUSE},
    .n_events = 1,
    .message = "Batch paused. Calls under way come to their end; no new one begins.",
};
static const struct verb RESUME = {
    .name = "resume",
    .events = {BATCH_EVENT_RESUME, BATCH_EVENT_RESUME_FUTURE, BATCH_EVENT_RESUME_STARTED},
    .n_events = 3,
    .message = "Batch resumed.",
};
static const struct verb CANCEL = {
    .name = "cancel",
    .events = {BATCH_EVENT_CANCEL},
    .n_events = 1,
    .message = "Batch processing cancelled successfully",
    .counts_calls = true,
};
static const struct verb CANCEL_SEED = {
    .name = "cancel",
    .events = {BATCH_EVENT_CANCEL},
    .n_events = 1,
    .message = "Batch processing cancelled successfully",
    .status = "cancelled",
    .counts_calls = true,
};

#define IN_FLIGHT "cancelInFlight"

struct control {
    const struct verb *verb;
    char id[LIMIT_BATCH_ID_LEN + 1];
    bool is_in_flight; /* what is on the line is to be hung up */
};

/* What the script answered. */
struct controlled {
    const char *state;
    size_t state_len;
    int64_t taken; /* off the queue */
    int64_t live; /* on the line */
    const char *profile; /* of its trunk */
};

/* ---- answers ---- */

static bool allows(const struct verb *verb, enum batch_state from)
{
    enum batch_state to;
    for (size_t i = 0; i < verb->n_events; i++) {
        if (batch_state_after(from, verb->events[i], &to) == 0)
            return true;
    }
    return false;
}

static void refuse_state(struct exchange *x, const struct control *c, const struct redisReply *reply)
{
    uint32_t allowed = 0;
    for (int state = 0; state < BATCH_STATE_COUNT; state++)
        allowed |= allows(c->verb, (enum batch_state)state) ? BATCH_STATE_BIT(state) : 0;
    batch_refuse_state(x, batch_refused_state(reply), allowed,
                       "The batch's state does not allow this; details.allowedStates lists those that do.");
}

static bool can_hang_up(const char *profile_name)
{
    struct provider_profile *profile;
    if (provider_profile_builtin(profile_name, &profile) != 0)
        return false;
    bool can = provider_profile_can_hang_up(profile);
    provider_profile_free(profile);
    return can;
}

/* How many calls are hung up; where their platform can hang up none, a warning says that they go on. */
static bool add_in_flight(cJSON *body, const struct controlled *done)
{
    struct faults warnings;
    faults_init(&warnings, 1);
    if (done->live > 0 && !can_hang_up(done->profile))
        faults_add(&warnings, IN_FLIGHT, "NOT_SUPPORTED",
                   "the trunk's platform cannot hang up a call: those on the line come to their end");
    cJSON *list = cJSON_AddArrayToObject(body, "warnings");
    bool is_whole = list && json_add_i64(body, "inFlightCalls", done->live) && faults_append_list(&warnings, list) == 0;
    faults_free(&warnings);
    return is_whole;
}

static cJSON *done_json(const struct control *c, const struct controlled *done)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", c->id) &&
                    json_add_str(body, "status", c->verb->status ? c->verb->status : done->state) &&
                    (!c->verb->counts_calls || json_add_i64(body, "cancelledJobs", done->taken)) &&
                    json_add_str(body, "message", c->verb->message) && (!c->is_in_flight || add_in_flight(body, done));
    if (is_whole)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static int read_done(const struct redisReply *reply, struct controlled *ret_done)
{
    size_t len;
    int err = reply_str(reply_at(reply, 0), &ret_done->state, &ret_done->state_len);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &ret_done->taken);
    if (!err)
        err = reply_i64(reply_at(reply, 2), &ret_done->live);
    if (!err)
        err = reply_str(reply_at(reply, 3), &ret_done->profile, &len);
    return err;
}

static void on_done(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct control *c = arg;
    struct controlled done;
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
        return;
    }
    if (err == ERR_STATE) {
        refuse_state(x, c, reply);
        return;
    }
    if (!err)
        err = read_done(reply, &done);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    log_info("batch.controlled", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", c->id), log_str("verb", c->verb->name),
             log_strn("state", done.state, done.state_len), log_bool("in_flight", c->is_in_flight));
    exchange_answer(x, 200, done_json(c, &done));
}

/* ---- what is asked ---- */

/* The body is optional and can hold nothing but userId, and for a cancel whether calls on the line are hung up. */
static bool check_body(struct exchange *x, struct control *c)
{
    static const char *const known[] = {"userId", IN_FLIGHT};
    struct faults faults;
    cJSON *object = body_read_object(x, true);
    if (!object)
        return false;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, c->verb->counts_calls ? 2 : 1, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    const cJSON *in_flight = cJSON_GetObjectItemCaseSensitive(object, IN_FLIGHT);
    c->is_in_flight = cJSON_IsTrue(in_flight);
    if (c->verb->counts_calls && in_flight && !cJSON_IsBool(in_flight))
        faults_add(&faults, IN_FLIGHT, FAULT_TYPE, "must be true or false");
    bool is_good = exchange_take_faults(x, &faults) && body_check_user(x, object);
    cJSON_Delete(object);
    return is_good;
}

static void ask(struct exchange *x, struct control *c)
{
    const struct redis_arg args[] = {redis_arg_str(c->id), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(c->verb->name),
                                     redis_arg_str(c->is_in_flight ? "in-flight" : "user")};
    int err = exchange_script(x, LUA_BATCH_CONTROL, args, 4, on_done, c);
    if (err)
        exchange_fail(x, err);
}

static void start(struct exchange *x, const struct verb *verb)
{
    static const char *const by_query = "batchId";
    struct control *c = calloc(1, sizeof *c);
    if (!c) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, c, free);
    c->verb = verb;
    if (exchange_knows_query(x, &by_query, verb == &CANCEL_SEED) && exchange_batch_id(x, c->id) && check_body(x, c))
        ask(x, c);
}

static void run_pause(struct exchange *x)
{
    start(x, &PAUSE);
}

static void run_resume(struct exchange *x)
{
    start(x, &RESUME);
}

static void run_cancel(struct exchange *x)
{
    start(x, &CANCEL);
}

static void run_cancel_seed(struct exchange *x)
{
    start(x, &CANCEL_SEED);
}

void batch_control_pause(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_pause);
}

void batch_control_resume(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_resume);
}

void batch_control_cancel(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_cancel);
}

void batch_control_cancel_seed(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_cancel_seed);
}
