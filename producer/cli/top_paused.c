/* SPDX-License-Identifier: Apache-2.0
 *
 * Paused batches: nothing hands them out, so no set that is in turn has them. `expiries` has every batch that has not
 * ended and may dial again; where it has more than are looked at, the newest of those tenants that have more batches
 * than were found are looked at too, and those of them that wait for credit stand in a set of their own.
 */
#include <string.h>

#include "common/base/ident.h"
#include "common/domain/batch_state.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/top_internal.h"

/* ---- those that may be ---- */

static int take_suspects(const struct redisReply *reply, void *arg)
{
    struct top_look *look = arg;
    for (size_t i = 0; i < reply_len(reply) && look->n_suspects < sizeof look->suspect / sizeof look->suspect[0]; i++) {
        const char *id = top_text(reply_at(reply, i));
        struct top_suspect *suspect = &look->suspect[look->n_suspects];
        if (!ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
            continue;
        suspect->look = look;
        memcpy(suspect->id, id, strlen(id) + 1);
        look->n_suspects++;
    }
    return 0;
}

/* The first of them from `from` on, and as far as `to`. */
static void ask_expiring(struct top_look *look, struct redis_arg from, struct redis_arg to)
{
    char most[REDIS_I64_LEN];
    struct key key = key_expiries(look->cell);
    const struct redis_arg args[] = {redis_arg_str("ZRANGE"),
                                     key_arg(&key),
                                     from,
                                     to,
                                     redis_arg_str("BYSCORE"),
                                     redis_arg_str("LIMIT"),
                                     redis_arg_str("0"),
                                     redis_arg_i64(LIMIT_TOP_EXPIRING, most)};
    volley_command(&look->volley, args, 8, take_suspects, look);
}

/* Single calls, of which there may be any number, expire within an hour: they are not to hide what lives for weeks. */
void top_ask_expiring(struct top_look *look)
{
    char soon[REDIS_I64_LEN];
    const struct redis_arg at = redis_arg_i64(look->now_us / 1000 + LIMIT_DIAL_LIFE_MS, soon);
    ask_expiring(look, redis_arg_str("-inf"), at);
    ask_expiring(look, at, redis_arg_str("+inf"));
}

static bool is_of(const cJSON *batch, const char *tenant)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(batch, "tenant");
    return cJSON_IsString(value) && strcmp(value->valuestring, tenant) == 0;
}

/* Whether the tenant's own count of batches that have not ended goes beyond those that were found. */
static bool has_more(const struct top_look *look, const struct top_row *tenant)
{
    const cJSON *batches = cJSON_GetObjectItemCaseSensitive(tenant->shown, "batches");
    double found = 0;
    for (size_t i = 0; i < look->n_batches; i++)
        found += look->batch[i].shown && is_of(look->batch[i].shown, tenant->id);
    return cJSON_IsNumber(batches) && batches->valuedouble > found;
}

static int take_unfunded(const struct redisReply *reply, void *arg)
{
    for (size_t i = 0; i < reply_len(reply); i++) {
        const char *id = top_text(reply_at(reply, i));
        top_add_paused(arg, id, strlen(id));
    }
    return 0;
}

static void ask_range(struct top_look *look, const struct key *key, int64_t most, session_reply_fn take)
{
    char last[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str("ZRANGE"), key_arg(key), redis_arg_str("0"),
                                     redis_arg_i64(most - 1, last), redis_arg_str("REV")};
    volley_command(&look->volley, args, 5, take, look);
}

void top_ask_newest(struct top_look *look)
{
    for (size_t i = 0; i < look->n_tenants && look->n_batches < LIMIT_TOP_BATCHES + LIMIT_TOP_PAUSED; i++) {
        struct key unfunded = key_unfunded(look->cell, look->tenant[i].id);
        struct key batches = key_tenant_batches(look->cell, look->tenant[i].id);
        if (!has_more(look, &look->tenant[i]))
            continue;
        ask_range(look, &unfunded, LIMIT_TOP_UNFUNDED, take_unfunded);
        ask_range(look, &batches, LIMIT_TOP_NEWEST, take_suspects);
    }
}

/* ---- those that are ---- */

static int take_state(const struct redisReply *reply, void *arg)
{
    struct top_suspect *suspect = arg;
    if (strcmp(top_text(reply), batch_state_name(BATCH_STATE_PAUSED)) == 0)
        top_add_paused(suspect->look, suspect->id, strlen(suspect->id));
    return 0;
}

void top_ask_states(struct top_look *look)
{
    for (; look->n_suspects_asked < look->n_suspects; look->n_suspects_asked++) {
        struct top_suspect *suspect = &look->suspect[look->n_suspects_asked];
        struct key key = key_batch(look->cell, suspect->id);
        const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("state")};
        if (!top_has_batch(look, suspect->id))
            volley_command(&look->volley, args, 3, take_state, suspect);
    }
}
