/* SPDX-License-Identifier: Apache-2.0
 *
 * The producer: what its routes share for the process's life. Private to producer/.
 */
#ifndef CARILLON_PRODUCER_API_H
#define CARILLON_PRODUCER_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/log.h"
#include "common/base/seal.h"
#include "common/conf/conf.h"
#include "common/daemon/daemon.h"
#include "common/domain/cidr.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/redis/redis.h"
#include "producer/ingest_room.h"
#include "producer/key_cache.h"
#include "producer/known_numbers.h"
#include "producer/quota.h"

/* Every command's deadline. */
#define API_REDIS_MS 5000

struct api {
    /* borrowed from the daemon */
    struct daemon *daemon;
    struct loop *loop;
    struct redis *redis;
    const struct seal_keys *keys;
    const char *public_url; /* what links in answers begin with */

    /* owned */
    struct key_cache *key_cache;
    struct quotas *quotas;
    struct http_route *routes;
    struct event_hub *events;

    /* settings */
    struct cidr_list private_webhooks;
    int32_t max_calls_per_second;
    struct quota_defaults quota_defaults;
    int64_t requests_per_second; /* of a tenant that has no quota of its own */

    struct ingest_room *ingest_room;
    struct known_numbers *known_numbers;

    struct export_place {
        char tenant[LIMIT_ID_LEN + 1]; /* "": free */
    } exports[LIMIT_EXPORTS];

    struct log_pace failures_told; /* requests that failed because Redis is away */

    /* metrics */
    struct metric *answers[4]; /* 2xx, 4xx, 5xx, anything else */
    struct metric *answer_seconds; /* from a request's head to the beginning of its answer */
    struct metric *over_quota; /* requests refused */
    struct metric *contacts; /* taken into batches */
    struct metric *rows_rejected; /* of chunks */
    struct metric *event_listeners;
    struct metric *event_batches;
    struct metric *events_reads;
    struct metric *events_skipped;
};

extern const struct conf_option api_options[];
extern const size_t api_option_count;

/* The daemon's hooks (daemon.h). */
int api_start(struct daemon *d, void **ret_state) MUST_CHECK;
void api_drain(void *state);
void api_reload(void *state);
void api_stop(void *state);

/* Whether this process serves the cell. */
bool api_serves_cell(const struct api *api, const char *cell);
/* Counts an answer. */
void api_count_answer(const struct api *api, int status);
#define EXPORTS_BUSY "Too many exports are under way. Ask again after Retry-After seconds."
/* Takes one of the places for answers that run through a whole batch, until api_give_export(); NULL where all are
 * taken, or all that one tenant may have. */
struct export_place *api_take_export(struct api *api, const char *tenant);
/* Accepts NULL. */
void api_give_export(struct export_place *place);

#endif
