/* SPDX-License-Identifier: Apache-2.0
 *
 * Paused batches: nothing hands them out, so no set that is in turn has them. They are looked for among the newest of
 * those tenants that have more batches than were found.
 */
#include <string.h>

#include "common/base/ident.h"
#include "common/domain/batch_state.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/top_internal.h"

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

static int take_newest(const struct redisReply *reply, void *arg)
{
    struct top_look *look = arg;
    for (size_t i = 0; i < reply_len(reply) && look->n_newest < sizeof look->newest / sizeof look->newest[0]; i++) {
        const char *id = top_text(reply_at(reply, i));
        struct top_newest *newest = &look->newest[look->n_newest];
        if (!ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
            continue;
        newest->look = look;
        memcpy(newest->id, id, strlen(id) + 1);
        look->n_newest++;
    }
    return 0;
}

void top_ask_newest(struct top_look *look)
{
    char last[REDIS_I64_LEN];
    for (size_t i = 0; i < look->n_tenants && look->n_batches < LIMIT_TOP_BATCHES; i++) {
        struct key key = key_tenant_batches(look->cell, look->tenant[i].id);
        const struct redis_arg args[] = {redis_arg_str("ZRANGE"), key_arg(&key), redis_arg_str("0"),
                                         redis_arg_i64(LIMIT_TOP_NEWEST - 1, last), redis_arg_str("REV")};
        if (has_more(look, &look->tenant[i]))
            volley_command(&look->volley, args, 5, take_newest, look);
    }
}

static int take_state(const struct redisReply *reply, void *arg)
{
    struct top_newest *newest = arg;
    if (strcmp(top_text(reply), batch_state_name(BATCH_STATE_PAUSED)) == 0)
        top_add_batch(newest->look, newest->id, strlen(newest->id));
    return 0;
}

void top_ask_states(struct top_look *look)
{
    for (size_t i = 0; i < look->n_newest; i++) {
        struct key key = key_batch(look->cell, look->newest[i].id);
        const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("state")};
        volley_command(&look->volley, args, 3, take_state, &look->newest[i]);
    }
}
