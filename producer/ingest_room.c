/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "producer/answer.h"
#include "producer/exchange.h"

/* In a list: no more than there are connections. */
struct ingest_stay {
    struct ingest_room *room;
    struct ingest_stay *prev, *next;
    char tenant[LIMIT_ID_LEN + 1];
    size_t bytes;
};

struct ingest_room {
    struct ingest_stay *stays;
    size_t bytes;
    struct metric *gauge;
};

int ingest_room_create(struct metrics *metrics, struct ingest_room **ret_room)
{
    struct ingest_room *room = calloc(1, sizeof *room);
    if (!room)
        return ERR_NOMEM;
    room->gauge = metrics_gauge(metrics, "carillon_ingest_bytes",
                                "Bytes of the creations, contacts and lists that are under way.", NULL, NULL);
    *ret_room = room;
    return 0;
}

void ingest_room_free(struct ingest_room *room)
{
    free(room);
}

static size_t bytes_of(const struct ingest_room *room, const char *tenant)
{
    size_t bytes = 0;
    for (const struct ingest_stay *stay = room->stays; stay; stay = stay->next) {
        if (strcmp(stay->tenant, tenant) == 0)
            bytes += stay->bytes;
    }
    return bytes;
}

bool ingest_room_has(const struct ingest_room *room, const char *tenant, size_t len)
{
    return len <= LIMIT_INGEST_BYTES_IN_FLIGHT - room->bytes &&
           len <= LIMIT_INGEST_BYTES_TENANT - bytes_of(room, tenant);
}

struct ingest_stay *ingest_room_enter(struct ingest_room *room, const char *tenant)
{
    struct ingest_stay *stay = calloc(1, sizeof *stay);
    if (!stay)
        return NULL;
    stay->room = room;
    (void)snprintf(stay->tenant, sizeof stay->tenant, "%s", tenant);
    stay->next = room->stays;
    if (stay->next)
        stay->next->prev = stay;
    room->stays = stay;
    return stay;
}

bool ingest_room_take(struct ingest_stay *stay, size_t len)
{
    struct ingest_room *room = stay->room;
    if (!ingest_room_has(room, stay->tenant, len))
        return false;
    stay->bytes += len;
    room->bytes += len;
    metric_set(room->gauge, (double)room->bytes);
    return true;
}

void ingest_room_leave(struct ingest_stay *stay)
{
    if (!stay)
        return;
    struct ingest_room *room = stay->room;
    if (stay->prev)
        stay->prev->next = stay->next;
    else
        room->stays = stay->next;
    if (stay->next)
        stay->next->prev = stay->prev;
    room->bytes -= stay->bytes;
    metric_set(room->gauge, (double)room->bytes);
    free(stay);
}

void ingest_room_refuse(struct exchange *x)
{
    exchange_error(x, 503, CODE_BUSY,
                   "Too many bytes of creations and contacts are under way. Ask again after Retry-After seconds.",
                   NULL);
}
