/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/tenant_policy.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/credit.h"

int tenant_policy_ask_for(struct exchange *x, const char *agent_id, const char *trunk, exchange_reply_fn fn, void *arg)
{
    const struct redis_arg args[] = {redis_arg_str(exchange_identity(x)->tenant), redis_arg_str(agent_id),
                                     redis_arg_str(trunk)};
    return exchange_script(x, LUA_TENANT_POLICY, args, 3, fn, arg);
}

int tenant_policy_ask(struct exchange *x, const char *agent_id, const cJSON *options, exchange_reply_fn fn, void *arg)
{
    const cJSON *trunk = cJSON_GetObjectItemCaseSensitive(options, "trunk");
    const char *name = cJSON_IsString(trunk) && strlen(trunk->valuestring) <= LIMIT_ID_LEN ? trunk->valuestring : "";
    return tenant_policy_ask_for(x, agent_id, name, fn, arg);
}

/* A text that is JSON; NULL where there is none. */
static int read_json(const struct redisReply *reply, cJSON **ret_value)
{
    const char *text;
    size_t len;
    *ret_value = NULL;
    int err = reply_str(reply, &text, &len);
    if (!err && len > 0)
        err = json_parse(text, len, ret_value, NULL);
    return err == ERR_INVALID ? ERR_PROTOCOL : err;
}

static void take_trunks(struct tenant_policy *p)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, p->trunks)
    {
        if (cJSON_IsString(item) && p->options.n_trunks < TENANT_TRUNKS_MOST)
            p->trunk_names[p->options.n_trunks++] = item->valuestring;
    }
    p->options.trunks = p->trunk_names;
}

static int read_caller_ids(const struct redisReply *reply, uint64_t ret_numbers[LIMIT_CALLER_IDS], size_t *ret_n,
                           bool *ret_are_listed)
{
    cJSON *list = NULL;
    const cJSON *item;
    size_t n = 0;
    int err = reply_is_nil(reply) ? 0 : read_json(reply, &list);
    cJSON_ArrayForEach(item, list)
    {
        uint64_t number;
        if (cJSON_IsString(item) && n < LIMIT_CALLER_IDS &&
            phone_parse(item->valuestring, strlen(item->valuestring), &number) == 0)
            ret_numbers[n++] = number;
    }
    *ret_n = n;
    *ret_are_listed = list != NULL;
    cJSON_Delete(list);
    return err;
}

/* A trunk that is not there has none: what names it is refused for that. */
static int take_caller_ids(struct tenant_policy *p, const struct redisReply *reply)
{
    bool are_listed;
    int err = read_caller_ids(reply, p->caller_ids, &p->options.n_caller_ids, &are_listed);
    p->options.caller_ids = are_listed ? p->caller_ids : NULL;
    return err;
}

static int take_timezone(struct tenant_policy *p, const struct redisReply *reply)
{
    const char *text;
    size_t len;
    int err = reply_str(reply, &text, &len);
    if (!err && len > LIMIT_TIMEZONE_LEN)
        err = ERR_PROTOCOL;
    if (err || len == 0)
        return err;
    memcpy(p->timezone, text, len + 1);
    p->options.timezone = p->timezone;
    return 0;
}

static int take_agent(struct tenant_policy *p, const struct redisReply *reply)
{
    const char *text;
    size_t len;
    int err = reply_str(reply, &text, &len);
    p->is_agent_known = !err && (len == 0 || strcmp(text, "active") == 0);
    return err;
}

static int read_policy(const struct exchange *x, const struct redisReply *reply, struct tenant_policy *ret)
{
    const struct api *api = exchange_api(x);
    *ret = (struct tenant_policy){
        .options = {.max_calls_per_second = api->max_calls_per_second, .private_webhooks = &api->private_webhooks}};
    int err = read_json(reply_at(reply, 0), &ret->trunks);
    if (!err)
        err = read_json(reply_at(reply, 1), &ret->window);
    if (!err)
        err = take_timezone(ret, reply_at(reply, 2));
    if (!err)
        err = take_caller_ids(ret, reply_at(reply, 3));
    if (!err)
        err = take_agent(ret, reply_at(reply, 4));
    take_trunks(ret);
    ret->options.window = ret->window;
    if (err)
        tenant_policy_clear(ret);
    return err;
}

bool tenant_policy_take(struct exchange *x, const struct redisReply *reply, int err, struct tenant_policy *ret)
{
    if (!err)
        err = read_policy(x, reply, ret);
    if (err)
        exchange_fail(x, err);
    return err == 0;
}

void tenant_policy_clear(struct tenant_policy *p)
{
    cJSON_Delete(p->trunks);
    cJSON_Delete(p->window);
    p->trunks = p->window = NULL;
}

/* In the seed's words. */
static void refuse_agent(struct exchange *x)
{
    exchange_error_named(x, 404, "Agent not found or inactive", "AGENT_NOT_FOUND",
                         "The specified agent does not exist, is inactive, or you do not have access to it");
}

bool tenant_policy_admits(struct exchange *x, const struct tenant_policy *p, const struct redisReply *reply, int err,
                          const struct faults *faults, uint64_t contacts)
{
    if (err && err != ERR_INVALID) {
        exchange_fail(x, err);
        return false;
    }
    if (faults_count(faults) > 0) {
        exchange_faults(x, faults);
        return false;
    }
    if (!p->is_agent_known) {
        refuse_agent(x);
        return false;
    }
    return credit_covers(x, reply_at(reply, TENANT_POLICY_CREDIT), contacts);
}
