/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "producer/cli/top_look.h"

/* The numbers by which the busiest comes first; what is even goes by the next one, in the end by its name. */
static const char *const numbers[TOP_SORTS][3] = {
    [TOP_BY_STARTS] = {"startsPerSecond", "onLine", "waiting"},
    [TOP_BY_ON_LINE] = {"onLine", "startsPerSecond", "waiting"},
    [TOP_BY_WAITING] = {"waiting", "onLine", "startsPerSecond"},
    [TOP_BY_NAME] = {NULL, NULL, NULL},
};

static double number_of(const cJSON *row, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, name);
    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static const char *name_of(const cJSON *row)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, "id");
    return cJSON_IsString(item) ? item->valuestring : "";
}

struct entry {
    cJSON *row;
};

static int compare(const void *a, const void *b, void *arg)
{
    const cJSON *left = ((const struct entry *)a)->row, *right = ((const struct entry *)b)->row;
    const char *const *by = arg;
    for (size_t i = 0; i < 3 && by[i]; i++) {
        double l = number_of(left, by[i]), r = number_of(right, by[i]);
        if (l > r || l < r)
            return l > r ? -1 : 1;
    }
    return strcmp(name_of(left), name_of(right));
}

static int sort_list(cJSON *list, enum top_sort sort)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    struct entry *rows = calloc(n + 1, sizeof *rows);
    if (!rows)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i].row = cJSON_DetachItemFromArray(list, 0);
    qsort_r(rows, n, sizeof rows[0], compare, (void *)numbers[sort]);
    for (size_t i = 0; i < n; i++)
        (void)cJSON_AddItemToArray(list, rows[i].row); /* a link, no memory */
    free(rows);
    return 0;
}

int top_look_sort(cJSON *shown, enum top_sort sort)
{
    static const char *const lists[] = {"trunks", "tenants", "batches"};
    int rc = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && rc == 0; i++)
        rc = sort_list(cJSON_GetObjectItemCaseSensitive(shown, lists[i]), sort);
    return rc;
}
