/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/links.h"

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/json/json.h"

static bool add_link(cJSON *links, const char *name, const char *base, const char *before, const char *batch_id,
                     const char *behind)
{
    struct buf url;
    buf_init(&url, (size_t)2 * LIMIT_URL_LEN);
    bool is_added =
        buf_printf(&url, "%s%s%s%s", base, before, batch_id, behind) == 0 && json_add_str(links, name, buf_str(&url));
    buf_free(&url);
    return is_added;
}

int links_add(cJSON *object, const char *base, const char *batch_id)
{
    cJSON *links = cJSON_AddObjectToObject(object, "links");
    bool is_whole = add_link(links, "status", base, "/api/v1/batch/", batch_id, "/status") &&
                    add_link(links, "dashboard", base, "/dashboard/batches/", batch_id, "");
    return is_whole ? 0 : ERR_NOMEM;
}
