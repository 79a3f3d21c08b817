/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/faults.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"

/* A path's own spelling of "the whole input" in fieldErrors, where "" would be a strange key. */
#define WHOLE_INPUT "body"

void faults_init(struct faults *f, size_t max)
{
    memset(f, 0, sizeof *f);
    f->max = max;
}

void faults_free(struct faults *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].path);
        free(f->items[i].message);
    }
    free(f->items);
    faults_init(f, f->max);
}

static int grow(struct faults *f)
{
    size_t cap = f->cap ? 2 * f->cap : 8;
    if (cap > f->max)
        cap = f->max;
    struct fault *items = realloc(f->items, cap * sizeof *items);
    if (!items)
        return ERR_NOMEM;
    f->items = items;
    f->cap = cap;
    return 0;
}

/* Makes of what vsnprintf() cut, for want of room, a text of whole UTF-8 characters: paths and messages quote what
 * tenants wrote. */
static void mend_cut(char *text, int written, size_t cap)
{
    if (written < 0)
        text[0] = '\0';
    if (written < 0 || (size_t)written < cap)
        return;
    size_t len = cap - 1, start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (len - (start - 1) < need)
        text[start - 1] = '\0';
}

static void keep(struct faults *f, const char *path, const char *code, const char *message)
{
    if (f->n >= f->max || (f->n == f->cap && grow(f) < 0)) {
        f->more++;
        return;
    }
    char full[FAULT_PATH_LEN + 1];
    const char *dot = f->prefix[0] && path[0] ? "." : "";
    int written = snprintf(full, sizeof full, "%s%s%s", f->prefix, dot, path);
    mend_cut(full, written, sizeof full);
    char *own_path = strdup(full);
    char *own_message = strdup(message);
    if (!own_path || !own_message) {
        free(own_path);
        free(own_message);
        f->more++;
        return;
    }
    f->items[f->n++] = (struct fault){.path = own_path, .code = code, .message = own_message};
}

void faults_add(struct faults *f, const char *path, const char *code, const char *format, ...)
{
    if (!f)
        return;
    char message[FAULT_MESSAGE_LEN + 1];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    mend_cut(message, written, sizeof message);
    keep(f, path, code, message);
}

void faults_add_path(struct faults *f, const char *code, const char *message, const char *path_format, ...)
{
    if (!f)
        return;
    char path[FAULT_PATH_LEN + 1];
    va_list args;
    va_start(args, path_format);
    int written = vsnprintf(path, sizeof path, path_format, args);
    va_end(args);
    mend_cut(path, written, sizeof path);
    keep(f, path, code, message);
}

void faults_at(struct faults *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int written = vsnprintf(f->prefix, sizeof f->prefix, format, args);
    va_end(args);
    mend_cut(f->prefix, written, sizeof f->prefix);
}

uint64_t faults_count(const struct faults *f)
{
    return f->n + f->more;
}

const char *faults_only_code(const struct faults *f)
{
    return f->n == 1 && f->more == 0 ? f->items[0].code : NULL;
}

int faults_add_field_errors(const struct faults *f, cJSON *details)
{
    cJSON *by_path = cJSON_AddObjectToObject(details, "fieldErrors");
    if (!by_path)
        return ERR_NOMEM;
    /* cJSON looks names up one by one. Faults of one path come together, so looking at the last one first keeps a full
     * list from costing its square. */
    const char *last_path = NULL;
    cJSON *messages = NULL;
    for (size_t i = 0; i < f->n; i++) {
        const char *path = f->items[i].path[0] ? f->items[i].path : WHOLE_INPUT;
        if (!last_path || strcmp(path, last_path) != 0) {
            messages = cJSON_GetObjectItemCaseSensitive(by_path, path);
            if (!messages)
                messages = cJSON_AddArrayToObject(by_path, path);
            last_path = path;
        }
        if (!json_add_item(messages, f->items[i].message))
            return ERR_NOMEM;
    }
    if (f->more > 0 && !json_add_i64(details, "more", (int64_t)f->more))
        return ERR_NOMEM;
    return 0;
}

static int append_one(cJSON *list, const char *path, const char *code, const char *message)
{
    cJSON *item = cJSON_CreateObject();
    if ((path && !json_add_str(item, "path", path)) || !json_add_str(item, "code", code) ||
        !json_add_str(item, "message", message) || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return ERR_NOMEM;
    }
    return 0;
}

int faults_append_list(const struct faults *f, cJSON *list)
{
    for (size_t i = 0; i < f->n; i++) {
        int rc = append_one(list, f->items[i].path, f->items[i].code, f->items[i].message);
        if (rc < 0)
            return rc;
    }
    if (f->more == 0)
        return 0;
    char message[64];
    (void)snprintf(message, sizeof message, "%" PRIu64 " more of these are not listed", f->more);
    return append_one(list, NULL, "MORE", message);
}
