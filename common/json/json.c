/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/scan.h"

static int count_value(const struct json_event *event, void *arg)
{
    size_t *n = arg;
    if (event->kind != JSON_EVENT_KEY && event->kind != JSON_EVENT_CLOSE)
        (*n)++;
    return *n > LIMIT_JSON_VALUES ? ERR_TOO_LARGE : 0;
}

static int check(const char *text, size_t len, struct json_fault *ret_fault)
{
    struct json_scan *scan;
    size_t n_values = 0;
    int err = json_scan_create(count_value, &n_values, &scan);
    if (err < 0)
        return err;
    err = json_scan_feed(scan, text, len, ret_fault);
    if (err == 0)
        err = json_scan_finish(scan, ret_fault);
    json_scan_free(scan);
    if (err != ERR_TOO_LARGE)
        return err;
    if (ret_fault != NULL)
        *ret_fault = (struct json_fault){.offset = len, .reason = "too many values"};
    return ERR_INVALID;
}

int json_parse(const char *text, size_t len, cJSON **ret_value, struct json_fault *ret_fault)
{
    int err = check(text, len, ret_fault);
    if (err < 0)
        return err;
    cJSON *value = cJSON_ParseWithLength(text, len);
    if (value == NULL)
        return ERR_NOMEM; /* it takes every text that passed */
    *ret_value = value;
    return 0;
}

int json_print(const cJSON *value, struct buf *out)
{
    char *text = cJSON_PrintUnformatted(value);
    if (text == NULL)
        return ERR_NOMEM;
    int err = buf_append_str(out, text);
    cJSON_free(text);
    return err;
}

static int append_escaped(struct buf *out, char c)
{
    static const char NAMED[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";
    const char *named = c ? strchr(NAMED, c) : NULL;
    if (named)
        return buf_printf(out, "\\%c", LETTERS[named - NAMED]);
    return buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

int json_append_str(struct buf *out, const char *text, size_t len)
{
    int err = buf_append_char(out, '"');
    for (size_t at = 0, n; !err && at < len; at += n) {
        n = json_count_plain(text + at, len - at);
        err = n > 0 ? buf_append(out, text + at, n) : append_escaped(out, text[at]);
        n += n == 0;
    }
    return err ? err : buf_append_char(out, '"');
}

/* Takes `child`. */
static cJSON *add_child(cJSON *object, const char *key, cJSON *child)
{
    if (child != NULL && cJSON_AddItemToObject(object, key, child))
        return child;
    cJSON_Delete(child);
    return NULL;
}

cJSON *json_add_raw(cJSON *object, const char *key, const char *json, size_t len)
{
    if (object == NULL)
        return NULL;
    char *text = strndup(json, len);
    if (text == NULL)
        return NULL;
    cJSON *child = add_child(object, key, cJSON_CreateRaw(text));
    free(text);
    return child;
}

cJSON *json_add_str(cJSON *object, const char *key, const char *text)
{
    if (object == NULL)
        return NULL;
    return add_child(object, key, text != NULL ? cJSON_CreateString(text) : cJSON_CreateNull());
}

cJSON *json_add_item(cJSON *array, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    if (cJSON_AddItemToArray(array, item))
        return item;
    cJSON_Delete(item);
    return NULL;
}

cJSON *json_add_i64(cJSON *object, const char *key, int64_t value)
{
    char digits[24];
    if (object == NULL)
        return NULL;
    snprintf(digits, sizeof digits, "%" PRId64, value);
    return add_child(object, key, cJSON_CreateRaw(digits));
}
