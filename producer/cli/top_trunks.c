/* SPDX-License-Identifier: Apache-2.0
 *
 * The trunks of a cell, and the flows that have work there.
 */
#include <string.h>

#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/top_internal.h"
#include "producer/instant.h"

enum field { STATE, REASON, CPS, MAX_CONCURRENT, HELD, HOLD_UNTIL, BREAKER, BREAKER_REASON, BREAKER_UNTIL, FIELDS };
static const char *const fields[FIELDS] = {"state",          "reason",         "cps",
                                           "max_concurrent", "held",           "hold_until_ms",
                                           "breaker",        "breaker_reason", "breaker_until_ms"};

/* What an operator would call it: the heaviest thing that is so. */
struct verdict {
    const char *state;
    const char *reason; /* "" for none */
    int64_t until_ms; /* 0 for none */
};

static struct verdict judge(const struct redisReply *reply, int64_t now_ms)
{
    const char *state = top_text(reply_at(reply, STATE)), *breaker = top_text(reply_at(reply, BREAKER));
    int64_t hold_ms = top_number(reply_at(reply, HOLD_UNTIL), 0);
    if (strcmp(state, "active") != 0)
        return (struct verdict){state[0] ? state : "missing", top_text(reply_at(reply, REASON)), 0};
    if (breaker[0])
        return (struct verdict){strcmp(breaker, "probing") == 0 ? "probing" : "breaker",
                                top_text(reply_at(reply, BREAKER_REASON)),
                                top_number(reply_at(reply, BREAKER_UNTIL), 0)};
    if (hold_ms > now_ms)
        return (struct verdict){"held", "", hold_ms};
    return (struct verdict){top_text(reply_at(reply, HELD))[0] ? "full" : "active", "", 0};
}

static int take_trunk(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    struct verdict verdict = judge(reply, row->look->now_us / 1000);
    row->cps = top_number(reply_at(reply, CPS), 0);
    if (!json_add_str(row->shown, "state", verdict.state) ||
        !json_add_str(row->shown, "reason", verdict.reason[0] ? verdict.reason : NULL) ||
        !instant_add(row->shown, "until", verdict.until_ms))
        return ERR_NOMEM;
    int rc = top_put_reply(row->shown, "maxStartsPerSecond", reply_at(reply, CPS));
    return rc ? rc : top_put_reply(row->shown, "maxOnLine", reply_at(reply, MAX_CONCURRENT));
}

/* Those in turn and those that wait are told apart by nobody here. */
static int take_flows(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    int rc = 0;
    for (size_t i = 0; i < reply_len(reply) && rc == 0; i++) {
        const char *tenant;
        size_t len;
        rc = reply_str(reply_at(reply, i), &tenant, &len);
        if (rc == 0)
            rc = top_add_tenant(row->look, tenant, len);
        if (rc == 0)
            top_add_flow(row->look, row->id, tenant, len);
    }
    return rc;
}

static int take_waiting(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    cJSON *waiting = cJSON_GetObjectItemCaseSensitive(row->shown, "waiting");
    int64_t n = top_number(reply, 0);
    if (!waiting)
        return top_put(row->shown, "waiting", n);
    cJSON_SetNumberHelper(waiting, waiting->valuedouble + (double)n);
    return 0;
}

static void ask_set(struct top_row *row, const struct key *key)
{
    char last[REDIS_I64_LEN];
    const struct redis_arg range[] = {redis_arg_str("ZRANGE"), key_arg(key), redis_arg_str("0"),
                                      redis_arg_i64(LIMIT_TOP_SAMPLE - 1, last)};
    const struct redis_arg count[] = {redis_arg_str("ZCARD"), key_arg(key)};
    volley_command(&row->look->volley, range, 4, take_flows, row);
    volley_command(&row->look->volley, count, 2, take_waiting, row);
}

void top_ask_trunks(struct top_look *look)
{
    struct redis_arg args[2 + FIELDS] = {redis_arg_str("HMGET")};
    for (size_t i = 0; i < FIELDS; i++)
        args[2 + i] = redis_arg_str(fields[i]);
    for (size_t i = 0; i < look->n_trunks; i++) {
        struct top_row *row = &look->trunk[i];
        struct key key = key_trunk(look->cell, row->id), turn = key_flows_turn(look->cell, row->id);
        args[1] = key_arg(&key);
        volley_command(&look->volley, args, 2 + FIELDS, take_trunk, row);
        top_ask_on_line(row, 'k');
        ask_set(row, &turn);
    }
    /* Behind all who could dial now: there may be more than are looked at. */
    for (size_t i = 0; i < look->n_trunks; i++) {
        struct key waiting = key_flows_waiting(look->cell, look->trunk[i].id);
        ask_set(&look->trunk[i], &waiting);
    }
}

/* ---- finding them, and what else a cell has ---- */

/* The first is the one that is due first: when that is over, nobody has claimed in time. */
static int take_due_trunks(const struct redisReply *reply, void *arg)
{
    struct top_look *look = arg;
    int64_t now_ms = look->now_us / 1000, first_ms = top_number(reply_at(reply, 1), now_ms);
    int rc = top_put(look->cell_shown, "lagMs", first_ms < now_ms ? now_ms - first_ms : 0);
    for (size_t i = 0; i + 1 < reply_len(reply) && rc == 0; i += 2) {
        const char *id;
        size_t len;
        struct top_row *row = NULL;
        rc = reply_str(reply_at(reply, i), &id, &len);
        if (rc == 0)
            rc = top_add_trunk(look, id, len, &row);
        if (rc == 0 && row && !instant_add(row->shown, "nextSlotAt", top_number(reply_at(reply, i + 1), 0)))
            rc = ERR_NOMEM;
    }
    return rc;
}

static int take_sample(const struct redisReply *reply, bool is_trunk, struct top_look *look)
{
    const struct redisReply *ids = reply_at(reply, 1);
    int rc = 0;
    for (size_t i = 0; i < reply_len(ids) && rc == 0; i++) {
        const char *id;
        size_t len;
        struct top_row *row;
        rc = reply_str(reply_at(ids, i), &id, &len);
        if (rc == 0)
            rc = is_trunk ? top_add_trunk(look, id, len, &row) : top_add_tenant(look, id, len);
    }
    return rc;
}

static int take_trunk_sample(const struct redisReply *reply, void *arg)
{
    return take_sample(reply, true, arg);
}

static int take_tenant_sample(const struct redisReply *reply, void *arg)
{
    return take_sample(reply, false, arg);
}

static int take_trunk_count(const struct redisReply *reply, void *arg)
{
    return top_put_reply(((struct top_look *)arg)->cell_shown, "trunks", reply);
}

static int take_tenant_count(const struct redisReply *reply, void *arg)
{
    return top_put_reply(((struct top_look *)arg)->cell_shown, "tenants", reply);
}

static int take_workers(const struct redisReply *reply, void *arg)
{
    struct top_look *look = arg;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        int64_t seen_ms = top_number(reply_at(reply, i + 1), 0);
        cJSON *worker = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(look->workers, worker)) {
            cJSON_Delete(worker);
            return ERR_NOMEM;
        }
        if (!json_add_str(worker, "id", top_text(reply_at(reply, i))) || !json_add_str(worker, "cell", look->cell) ||
            !instant_add(worker, "lastSeenAt", seen_ms) ||
            top_put(worker, "seenBeforeMs", look->now_us / 1000 - seen_ms) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* "<batch>/<ordinal>/<dial>", the first part counts. */
static int take_live(const struct redisReply *reply, void *arg)
{
    for (size_t i = 0; i < reply_len(reply); i++) {
        const char *member = top_text(reply_at(reply, i));
        top_add_batch(arg, member, strcspn(member, "/"));
    }
    return 0;
}

/* Full trunks and tenants, tenants whose numbers are on a call, batches at their own limit: "<kind>/<id>". */
static int take_parked(const struct redisReply *reply, void *arg)
{
    int rc = 0;
    for (size_t i = 0; i < reply_len(reply) && rc == 0; i++) {
        const char *member = top_text(reply_at(reply, i));
        size_t len = strlen(member);
        struct top_row *row;
        if (len < 2 || member[1] != '/')
            continue;
        if (member[0] == 'k')
            rc = top_add_trunk(arg, member + 2, len - 2, &row);
        else if (member[0] == 'b')
            top_add_batch(arg, member + 2, len - 2);
        else
            rc = top_add_tenant(arg, member + 2, len - 2);
    }
    return rc;
}

static void count(struct top_look *look, const struct key *key, session_reply_fn take)
{
    const struct redis_arg args[] = {redis_arg_str("SCARD"), key_arg(key)};
    volley_command(&look->volley, args, 2, take, look);
}

/* Some of a set, for what has no work and is to be shown where there is room. */
static void fill_up(struct top_look *look, const struct key *key, session_reply_fn take)
{
    char most[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str("SSCAN"), key_arg(key), redis_arg_str("0"), redis_arg_str("COUNT"),
                                     redis_arg_i64(LIMIT_TOP_SAMPLE, most)};
    volley_command(&look->volley, args, 5, take, look);
}

void top_fill_up(struct top_look *look)
{
    struct key tenants = key_tenant_index(look->cell);
    if (look->n_tenants < LIMIT_TOP_TENANTS)
        fill_up(look, &tenants, take_tenant_sample);
}

static void find_in_order(struct top_look *look, const struct key *key, int64_t most, bool has_scores, bool is_reverse,
                          session_reply_fn take)
{
    char last[REDIS_I64_LEN];
    struct redis_arg args[6] = {redis_arg_str("ZRANGE"), key_arg(key), redis_arg_str("0"),
                                redis_arg_i64(most - 1, last)};
    size_t n = 4;
    if (is_reverse)
        args[n++] = redis_arg_str("REV");
    if (has_scores)
        args[n++] = redis_arg_str("WITHSCORES");
    volley_command(&look->volley, args, n, take, look);
}

void top_find(struct top_look *look)
{
    struct key trunks = key_trunks(look->cell), live = key_live(look->cell), parked = key_parked(look->cell);
    struct key workers = key_workers(look->cell), trunk_index = key_trunk_index(look->cell);
    struct key tenant_index = key_tenant_index(look->cell);
    find_in_order(look, &trunks, LIMIT_TOP_TRUNKS, true, false, take_due_trunks);
    find_in_order(look, &live, LIMIT_TOP_SAMPLE, false, false, take_live);
    find_in_order(look, &parked, LIMIT_TOP_SAMPLE, false, false, take_parked);
    find_in_order(look, &workers, LIMIT_TOP_WORKERS, true, true, take_workers);
    count(look, &trunk_index, take_trunk_count);
    count(look, &tenant_index, take_tenant_count);
    fill_up(look, &trunk_index, take_trunk_sample); /* the last: those with work come first */
}
