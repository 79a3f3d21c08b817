/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/hours.h"

#include "common/base/log.h"
#include "common/domain/calling_window.h"
#include "common/json/json.h"
#include "common/redis/script.h"

static void on_published(const struct redisReply *reply, int err, void *arg)
{
    const struct worker_cell *cell = arg;
    if (err == 0)
        err = reply_to_err(reply);
    if (err != 0)
        log_warn("hours.not_published", log_str("cell", cell->id), log_err(err));
}

static int read_window(const char *text, size_t len, struct calling_window *ret_window)
{
    cJSON *json;
    int rc = json_parse(text, len, &json, NULL);
    if (rc != 0)
        return rc;
    rc = calling_window_read(json, "", "", ret_window, NULL, NULL);
    cJSON_Delete(json);
    return rc;
}

static int publish(struct worker_cell *cell, const char *batch_id, const char *text, size_t len, int64_t expires_ms)
{
    struct calling_window window;
    char hours[CALLING_WINDOW_HOURS_LEN + 1], known[REDIS_I64_LEN];
    int64_t known_ms;
    int rc = read_window(text, len, &window);
    if (rc == 0)
        rc = calling_window_publish(&window, worker_redis_now_ms(cell->worker), expires_ms, hours, &known_ms);
    if (rc != 0)
        return rc;
    const struct redis_arg args[] = {
        redis_arg_str(batch_id),
        redis_arg_mem(text, len),
        redis_arg_str(hours),
        redis_arg_i64(known_ms, known),
    };
    return script_run(cell->worker->redis, LUA_BATCH_HOURS, cell->prefix, args, sizeof args / sizeof args[0],
                      WORKER_SCRIPT_DEADLINE_MS, on_published, cell);
}

static void take(struct worker_cell *cell, const struct redisReply *row)
{
    const char *batch_id = "", *window;
    size_t id_len, window_len;
    int64_t expires_ms;
    int rc = reply_str(reply_at(row, 0), &batch_id, &id_len);
    if (rc == 0)
        rc = reply_str(reply_at(row, 1), &window, &window_len);
    if (rc == 0 && reply_i64(reply_at(row, 2), &expires_ms) != 0)
        expires_ms = INT64_MAX;
    if (rc == 0)
        rc = publish(cell, batch_id, window, window_len, expires_ms);
    if (rc != 0)
        log_error("hours.not_reckoned", log_str("batch", batch_id), log_err(rc));
}

void hours_publish(struct worker_cell *cell, const struct redisReply *wanted)
{
    for (size_t i = 0; i < reply_len(wanted); i++)
        take(cell, reply_at(wanted, i));
}
