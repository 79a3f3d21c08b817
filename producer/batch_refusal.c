/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_refusal.h"

#include <string.h>

#include "common/json/json.h"
#include "common/redis/reply.h"

#define STATE_LEN 31

static cJSON *state_names(uint32_t states)
{
    cJSON *list = cJSON_CreateArray();
    for (int state = 0; list && state < BATCH_STATE_COUNT; state++) {
        if ((states & BATCH_STATE_BIT(state)) && !json_add_item(list, batch_state_name((enum batch_state)state))) {
            cJSON_Delete(list);
            list = NULL;
        }
    }
    return list;
}

cJSON *batch_refusal_details(const char *state, uint32_t allowed)
{
    char word[STATE_LEN + 1];
    size_t len = state ? strcspn(state, ",") : 0;
    cJSON *details = cJSON_CreateObject();
    if (len > STATE_LEN)
        len = STATE_LEN;
    if (state)
        memcpy(word, state, len);
    word[len] = '\0';
    (void)json_add_str(details, "status", state ? word : NULL);
    cJSON *states = state_names(allowed);
    if (!cJSON_AddItemToObject(details, "allowedStates", states))
        cJSON_Delete(states);
    return details;
}

void batch_refuse_state(struct exchange *x, const char *state, uint32_t allowed, const char *message)
{
    exchange_error(x, 409, "BATCH_STATE", message, batch_refusal_details(state, allowed));
}

const char *batch_refused_state(const struct redisReply *reply)
{
    const char *text = reply_error(reply);
    const char *state = text ? strchr(text, ' ') : NULL;
    return state ? state + 1 : NULL;
}
