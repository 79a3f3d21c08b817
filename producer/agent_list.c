/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/agent_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/redis/reply.h"

static int compare_ids(const void *a, const void *b)
{
    const struct agent *left = a, *right = b;
    return strcmp(left->id, right->id);
}

static int take(struct agent *agent, const struct redisReply *id, const struct redisReply *state)
{
    const char *text;
    size_t len;
    int err = reply_str(id, &text, &len);
    if (err)
        return err;
    if (len >= sizeof agent->id)
        return ERR_PROTOCOL;
    memcpy(agent->id, text, len + 1);
    err = reply_str(state, &text, &len);
    agent->is_active = !err && strcmp(text, "active") == 0;
    return err;
}

int agent_list_read(const struct redisReply *reply, struct agent_list *ret_list)
{
    size_t n = reply_len(reply) / 2;
    struct agent_list list = {.items = calloc(n > 0 ? n : 1, sizeof *list.items)};
    int err = list.items ? 0 : ERR_NOMEM;
    for (; list.n < n && !err; list.n++)
        err = take(&list.items[list.n], reply_at(reply, 2 * list.n), reply_at(reply, 2 * list.n + 1));
    if (err) {
        agent_list_clear(&list);
        return err;
    }
    qsort(list.items, list.n, sizeof *list.items, compare_ids);
    *ret_list = list;
    return 0;
}

void agent_list_clear(struct agent_list *list)
{
    free(list->items);
    *list = (struct agent_list){.n = 0};
}

bool agent_id_is_good(const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > (size_t)BATCH_REQUEST_AGENT_BYTES || !utf8_is_valid(id, len) ||
        utf8_count(id, len) > LIMIT_AGENT_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7F)
            return false;
    }
    return true;
}
