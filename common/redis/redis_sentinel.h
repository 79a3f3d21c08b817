/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is the primary: asks one Sentinel after another until one tells, beginning with the one that told last
 * (https://redis.io/docs/reference/sentinel-clients/). Each is asked over a connection of its own, which lives for one
 * question. What a Sentinel says is a hint: whoever connects to what it names must ask that for its ROLE. Inside
 * common/redis only.
 */
#ifndef CARILLON_REDIS_REDIS_SENTINEL_H
#define CARILLON_REDIS_REDIS_SENTINEL_H

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/redis/redis.h"
#include "common/redis/redis_url.h"

struct redis_sentinel;

/* How a round ended. `primary` is borrowed for the call, and NULL where no Sentinel told one: redis_sentinel_refusal()
 * and redis_sentinel_detail() say why. The module may be asked again and freed in here. */
typedef void (*redis_sentinel_fn)(const struct redis_place *primary, void *arg);

/* `url` names the Sentinels and the primary; of `config` it takes the Sentinels' password and the files of TLS. All
 * copied. ERR_NOMEM. */
int redis_sentinel_create(struct loop *loop, const struct redis_config *config, const struct redis_url *url,
                          redis_sentinel_fn fn, void *arg, struct redis_sentinel **ret_sentinel) MUST_CHECK;
/* Accepts NULL. */
void redis_sentinel_free(struct redis_sentinel *s);

/* Begins a round, none being under way: each Sentinel is asked once and has LIMIT_SENTINEL_MS to be connected to, and
 * again for its answer. The end is told by `fn`, never from inside this call; not where an error is returned. */
int redis_sentinel_ask(struct redis_sentinel *s) MUST_CHECK;
/* Ends a round without a word. Accepts NULL. */
void redis_sentinel_cancel(struct redis_sentinel *s);
/* What the last round found is not the primary: whoever named it may be behind, and is asked last in the next round. */
void redis_sentinel_distrust(struct redis_sentinel *s);

/* Of the last round that found nothing: why, if all Sentinels failed alike, REDIS_REFUSAL_UNREACHABLE otherwise; and
 * what each of them answered, for people. */
enum redis_refusal redis_sentinel_refusal(const struct redis_sentinel *s);
const char *redis_sentinel_detail(const struct redis_sentinel *s);

#endif
