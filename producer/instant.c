/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/instant.h"

#include "common/base/timestamp.h"
#include "common/json/json.h"

bool instant_add(cJSON *object, const char *name, int64_t ms)
{
    char text[TIMESTAMP_LEN + 1];
    if (ms == 0)
        return json_add_str(object, name, NULL) != NULL;
    timestamp_format(ms, text);
    return json_add_str(object, name, text) != NULL;
}
