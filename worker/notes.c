/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/notes.h"

#include <stddef.h>
#include <string.h>

#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/reply.h"
#include "worker/worker.h"

static const char *text_at(const struct redisReply *note, size_t index)
{
    const char *text;
    size_t len;
    return reply_str(reply_at(note, index), &text, &len) == 0 ? text : "";
}

/* {"breaker", trunk, "opened" | "reopened" | "closed", why, until ms or ""} */
static void breaker_changed(const struct worker_cell *cell, const struct redisReply *note)
{
    const char *what = text_at(note, 2);
    const struct log_field trunk = log_str("trunk", text_at(note, 1)), reason = log_said("reason", text_at(note, 3));
    int64_t until_ms = 0;
    int64_t in_ms = reply_i64(reply_at(note, 4), &until_ms) == 0 ? until_ms - worker_redis_now_ms(cell->worker) : 0;
    if (strcmp(what, "opened") == 0) {
        metric_add(cell->worker->metrics.breaker_opened, 1);
        log_error("trunk.breaker_opened", trunk, reason, log_i64("tried_in_ms", in_ms));
    } else if (strcmp(what, "reopened") == 0) {
        metric_add(cell->worker->metrics.breaker_reopened, 1);
        log_warn("trunk.breaker_reopened", trunk, reason, log_i64("tried_in_ms", in_ms));
    } else if (strcmp(what, "closed") == 0) {
        metric_add(cell->worker->metrics.breaker_closed, 1);
        log_info("trunk.breaker_closed", trunk);
    }
}

/* {"poison", batch, why} */
static void batch_poisoned(const struct worker_cell *cell, const struct redisReply *note)
{
    metric_add(cell->worker->metrics.poisoned, 1);
    log_warn("batch.poisoned", log_str("batch", text_at(note, 1)), log_said("reason", text_at(note, 2)));
}

/* {"torn", what, why} */
static void set_aside(const struct worker_cell *cell, const struct redisReply *note)
{
    metric_add(cell->worker->metrics.torn, 1);
    log_error("redis.torn", log_str("cell", cell->id), log_str("what", text_at(note, 1)),
              log_str("reason", text_at(note, 2)));
}

void notes_take(const struct redisReply *note, void *arg)
{
    const struct worker_cell *cell = arg;
    if (strcmp(text_at(note, 0), "breaker") == 0)
        breaker_changed(cell, note);
    else if (strcmp(text_at(note, 0), "poison") == 0)
        batch_poisoned(cell, note);
    else if (strcmp(text_at(note, 0), "torn") == 0)
        set_aside(cell, note);
}
