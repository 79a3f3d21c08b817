/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_statistics.h"

#include "common/json/json.h"

int64_t batch_statistics_processed(const struct batch_statistics *s)
{
    return s->succeeded + s->failed;
}

int64_t batch_statistics_pending(const struct batch_statistics *s)
{
    int64_t pending = s->total - batch_statistics_processed(s);
    return pending > 0 ? pending : 0;
}

/* Rounded half up in integers, so that two thirds are 66.67 everywhere; 100 only for all. */
static double percent(int64_t part, int64_t whole)
{
    if (whole <= 0)
        return 0;
    int64_t hundredths = (part * 20000 + whole) / (2 * whole);
    if (hundredths >= 10000 && part < whole)
        hundredths = 9999;
    return (double)hundredths / 100;
}

double batch_statistics_percent_complete(const struct batch_statistics *s)
{
    return percent(batch_statistics_processed(s), s->total);
}

double batch_statistics_success_rate(const struct batch_statistics *s)
{
    return percent(s->succeeded, batch_statistics_processed(s));
}

int batch_statistics_add_json(const struct batch_statistics *s, cJSON *object, const char *key)
{
    cJSON *figures = cJSON_AddObjectToObject(object, key);
    bool ok = json_add_i64(figures, "total", s->total) &&
              json_add_i64(figures, "processed", batch_statistics_processed(s)) &&
              json_add_i64(figures, "succeeded", s->succeeded) && json_add_i64(figures, "failed", s->failed) &&
              json_add_i64(figures, "pending", batch_statistics_pending(s)) &&
              cJSON_AddNumberToObject(figures, "percentComplete", batch_statistics_percent_complete(s)) &&
              cJSON_AddNumberToObject(figures, "successRate", batch_statistics_success_rate(s));
    return ok ? 0 : ERR_NOMEM;
}
