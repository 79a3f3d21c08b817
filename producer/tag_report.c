/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/tag_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/json.h"

struct sums {
    int64_t batches;
    int64_t total;
    int64_t succeeded;
    int64_t failed;
    int64_t attempts;
    int64_t retries;
    int64_t talked_s;
};

struct row {
    char *tag; /* NULL: of batches without one */
    struct sums sums;
};

struct tag_report {
    struct sums totals;
    size_t n;
    struct row rows[LIMIT_LIST];
    bool is_cut;
};

int tag_report_create(struct tag_report **ret_report)
{
    *ret_report = calloc(1, sizeof **ret_report);
    return *ret_report ? 0 : ERR_NOMEM;
}

void tag_report_free(struct tag_report *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free(t->rows[i].tag);
    free(t);
}

/* ---- adding ---- */

static void add(struct sums *sums, const struct batch_report *batch)
{
    sums->batches++;
    sums->total += batch->total;
    sums->succeeded += batch->succeeded;
    sums->failed += batch->failed;
    sums->attempts += batch->attempts;
    /* The first attempts are those of contacts whose turn has come. */
    sums->retries += batch->attempts > batch->cursor ? batch->attempts - batch->cursor : 0;
    sums->talked_s += batch->talked_s;
}

static bool is_tag(const struct row *row, const char *tag)
{
    return tag && row->tag ? strcmp(row->tag, tag) == 0 : !tag && !row->tag;
}

static int add_to_row(struct tag_report *t, const char *tag, const struct batch_report *batch)
{
    size_t i = 0;
    while (i < t->n && !is_tag(&t->rows[i], tag))
        i++;
    if (i == LIMIT_LIST) {
        t->is_cut = true;
        return 0;
    }
    if (i == t->n) {
        char *copy = tag ? strdup(tag) : NULL;
        if (tag && !copy)
            return ERR_NOMEM;
        t->rows[t->n++].tag = copy;
    }
    add(&t->rows[i].sums, batch);
    return 0;
}

int tag_report_add(struct tag_report *t, const struct batch_report *batch)
{
    cJSON *tags = NULL, *tag;
    const char *text = batch->tags ? batch->tags : "[]";
    int err = json_parse(text, strlen(text), &tags, NULL);
    if (!err && cJSON_GetArraySize(tags) == 0)
        err = add_to_row(t, NULL, batch);
    cJSON_ArrayForEach(tag, tags)
    {
        if (!err && cJSON_IsString(tag))
            err = add_to_row(t, tag->valuestring, batch);
    }
    if (!err)
        add(&t->totals, batch);
    cJSON_Delete(tags);
    return err;
}

/* ---- telling ---- */

static bool add_sums(cJSON *object, const struct sums *sums)
{
    int64_t processed = sums->succeeded + sums->failed;
    double minutes = round((double)sums->talked_s * 100.0 / 60.0) / 100.0;
    return json_add_i64(object, "batches", sums->batches) && json_add_i64(object, "total", sums->total) &&
           json_add_i64(object, "processed", processed) && json_add_i64(object, "succeeded", sums->succeeded) &&
           json_add_i64(object, "failed", sums->failed) && json_add_i64(object, "pending", sums->total - processed) &&
           cJSON_AddNumberToObject(object, "answerRate", batch_report_percent(sums->succeeded, processed)) &&
           json_add_i64(object, "attempts", sums->attempts) && json_add_i64(object, "retries", sums->retries) &&
           cJSON_AddNumberToObject(object, "minutes", minutes);
}

static bool add_rows(cJSON *object, const struct tag_report *t)
{
    cJSON *list = cJSON_AddArrayToObject(object, "tags");
    for (size_t i = 0; list && i < t->n; i++) {
        cJSON *row = cJSON_CreateObject();
        if (!row || !cJSON_AddItemToArray(list, row) || !json_add_str(row, "tag", t->rows[i].tag) ||
            !add_sums(row, &t->rows[i].sums))
            return false;
    }
    return list != NULL;
}

cJSON *tag_report_json(const struct tag_report *t)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = object && add_rows(object, t) && add_sums(cJSON_AddObjectToObject(object, "totals"), &t->totals) &&
                    cJSON_AddBoolToObject(object, "isCut", t->is_cut);
    if (is_whole)
        return object;
    cJSON_Delete(object);
    return NULL;
}
