/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/redis_private.h"

int redis_channel_send(struct redis *r, const struct redis_channel *channel, int64_t deadline_us, redis_reply_fn fn,
                       void *arg)
{
    const struct redis_arg args[] = {redis_arg_str("SUBSCRIBE"), redis_arg_mem(channel->name, channel->name_len)};
    return redis_send_args(r, args, 2, deadline_us, fn, arg);
}

static void subscribed(const struct redisReply *reply, int err, void *arg)
{
    struct redis *r = arg;
    if (err == 0 && reply_error(reply))
        redis_lose(r, redis_refuse(r, reply, "SUBSCRIBE", REDIS_REFUSAL_UNREACHABLE));
}

static void channel_free(struct redis_channel *channel)
{
    if (channel) {
        free(channel->name);
        free(channel);
    }
}

int redis_subscribe(struct redis *r, const char *name, redis_message_fn fn, void *arg)
{
    if (r->state == REDIS_STATE_FREED ||
        (STAILQ_EMPTY(&r->channels) && r->state == REDIS_STATE_READY && redis_pending(r) > 0))
        return ERR_STATE;
    if (r->n_channels >= LIMIT_REDIS_CHANNELS)
        return ERR_TOO_LARGE;
    struct redis_channel *channel = calloc(1, sizeof *channel);
    int rc = ERR_NOMEM;
    if (!channel || !(channel->name = strdup(name)))
        goto cleanup;
    channel->name_len = strlen(name);
    channel->fn = fn;
    channel->arg = arg;
    rc = 0;
    /* Before, the handshake will do it. */
    if (r->state == REDIS_STATE_READY || r->state == REDIS_STATE_CHANNELS)
        rc = redis_channel_send(r, channel, clock_mono_us() + r->connect_timeout_us, subscribed, r);
    if (rc == 0) {
        STAILQ_INSERT_TAIL(&r->channels, channel, next);
        r->n_channels++;
        channel = NULL;
    }

cleanup:
    channel_free(channel);
    return rc;
}

bool redis_channel_take(struct redis *r, const redisReply *reply)
{
    const char *kind, *name, *payload;
    size_t kind_len, name_len, payload_len;
    /* RESP2 tells a message from a reply by its form; a listener sends nothing whose reply has it. */
    if (STAILQ_EMPTY(&r->channels) || reply_len(reply) != 3 || reply_str(reply_at(reply, 0), &kind, &kind_len) < 0 ||
        strcmp(kind, "message") != 0 || reply_str(reply_at(reply, 1), &name, &name_len) < 0 ||
        reply_str(reply_at(reply, 2), &payload, &payload_len) < 0)
        return false;
    const struct redis_channel *channel = NULL;
    STAILQ_FOREACH(channel, &r->channels, next)
    {
        if (channel->name_len == name_len && memcmp(channel->name, name, name_len) == 0) {
            channel->fn(name, name_len, payload, payload_len, channel->arg);
            break;
        }
    }
    return true;
}

void redis_channels_free(struct redis *r)
{
    struct redis_channel *channel;
    while ((channel = STAILQ_FIRST(&r->channels)) != NULL) {
        STAILQ_REMOVE_HEAD(&r->channels, next);
        channel_free(channel);
    }
}
