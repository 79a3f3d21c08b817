/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cell_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis/reply.h"
#include "tests/sim/judge.h"

#define PIECE "1000"

/* One look; the counts that it tells go to `counts` (may be NULL). */
static void look(struct server *server, const char *const *words, size_t n, char *counts, size_t cap)
{
    redisReply *reply = server_script(server, LUA_AUDIT, words, NULL, n);
    if (reply->type == REDIS_REPLY_ERROR)
        judge_broken(PROMISE_AUDIT, "%s: %s", words[0], reply->str);
    for (size_t i = 2; i < reply_len(reply); i++)
        judge_broken(PROMISE_AUDIT, "%s", reply_at(reply, i)->str);
    if (counts)
        (void)snprintf(counts, cap, " %s", reply_len(reply) > 1 ? reply_at(reply, 1)->str : "");
    freeReplyObject(reply);
}
#define LOOK(server, counts, cap, ...)                                                                                 \
    look(server, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),      \
         counts, cap)

static long count_named(const char *counts, const char *name)
{
    char word[24];
    (void)snprintf(word, sizeof word, " %s=", name);
    const char *at = strstr(counts, word);
    return at ? strtol(at + strlen(word), NULL, 10) : 0;
}

static void audit_batch(struct server *server, const char *id)
{
    static const char *const names[] = {"due", "claimed", "live", "ended", "succeeded", "attempts"};
    char told[512], counted[512];
    LOOK(server, told, sizeof told, "batch", id);
    LOOK(server, NULL, 0, "flying", "b", id, "0", PIECE);
    LOOK(server, counted, sizeof counted, "calls", id, "0", "16");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (count_named(told, names[i]) != count_named(counted, names[i]))
            judge_broken(PROMISE_AUDIT, "%s counts %ld %s, there are %ld", id, count_named(told, names[i]), names[i],
                         count_named(counted, names[i]));
}

void cell_audit(const struct campaign *c, struct server *server)
{
    static const char *const sets[] = {"claimed", "live", "ended", "appending"};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        LOOK(server, NULL, 0, sets[i], "0", PIECE);
    for (size_t i = 0; i < c->n_trunks; i++) {
        LOOK(server, NULL, 0, "trunk", c->trunks[i].id);
        LOOK(server, NULL, 0, "flying", "k", c->trunks[i].id, "0", PIECE);
    }
    for (size_t i = 0; i < c->n_tenants; i++) {
        LOOK(server, NULL, 0, "tenant", c->tenants[i].id, "0", PIECE);
        LOOK(server, NULL, 0, "flying", "t", c->tenants[i].id, "0", PIECE);
    }
    for (size_t i = 0; i < c->n_batches; i++)
        if (c->batches[i].is_created)
            audit_batch(server, c->batches[i].id);
}
