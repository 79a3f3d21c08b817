/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/top_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"

#define NUMBER_MOST INT64_C(1000000000000000)
#define WIDE 110 /* columns from which ids stand whole and reasons as sentences */

struct writer {
    const struct top_view *view;
    struct top_page *page;
};

/* ---- lines ---- */

/* Cut to the screen; bytes that are no printable ASCII become '?', for their width is anybody's guess. */
__attribute__((format(printf, 3, 4))) static void put(struct writer *w, bool is_heading, const char *format, ...)
{
    size_t most = w->view->rows > 0 && w->view->rows < TOP_LINES_MOST ? w->view->rows : TOP_LINES_MOST;
    size_t columns = w->view->columns < TOP_COLUMNS_MOST ? w->view->columns : TOP_COLUMNS_MOST;
    if (w->page->n == most)
        return;
    struct top_line *line = &w->page->lines[w->page->n++];
    va_list args;
    va_start(args, format);
    if (vsnprintf(line->text, columns + 1, format, args) < 0)
        line->text[0] = '\0';
    va_end(args);
    line->is_heading = is_heading;
    size_t len = strlen(line->text);
    for (size_t i = 0; i < len; i++) {
        if (line->text[i] < 0x20 || line->text[i] == 0x7F)
            line->text[i] = '?';
    }
    while (!is_heading && len > 0 && line->text[len - 1] == ' ')
        line->text[--len] = '\0';
}

/* ---- values ---- */

struct word {
    char text[24];
};

struct words {
    char text[160];
};

static const char *text_of(const cJSON *row, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool has(const cJSON *row, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, name);
    return cJSON_IsNumber(item) || cJSON_IsRaw(item);
}

/* What json_add_i64() added is raw. */
static int64_t number_of(const cJSON *row, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, name);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    int64_t exact;
    if (cJSON_IsRaw(item) &&
        parse_i64(item->valuestring, strlen(item->valuestring), -NUMBER_MOST, NUMBER_MOST, &exact) == 0)
        return exact;
    return value > (double)-NUMBER_MOST && value < (double)NUMBER_MOST ? (int64_t)value : 0;
}

/* "12345", "123k", "12.3M" */
static struct word count(int64_t n)
{
    struct word w;
    if (n < 100000)
        snprintf(w.text, sizeof w.text, "%" PRId64, n);
    else if (n < 10000000)
        snprintf(w.text, sizeof w.text, "%" PRId64 "k", n / 1000);
    else
        snprintf(w.text, sizeof w.text, "%.1fM", (double)n / 1e6);
    return w;
}

static struct word bytes(int64_t n)
{
    static const char units[] = "BKMGT";
    struct word w;
    double value = (double)n;
    size_t unit = 0;
    for (; value >= 1024 && units[unit + 1]; unit++)
        value /= 1024;
    snprintf(w.text, sizeof w.text, unit > 0 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return w;
}

/* "48/50"; "48" where there is no limit. */
static struct words of_limit(const cJSON *row, const char *used, const char *limit)
{
    struct words w;
    if (has(row, limit))
        snprintf(w.text, sizeof w.text, "%s/%s", count(number_of(row, used)).text, count(number_of(row, limit)).text);
    else
        snprintf(w.text, sizeof w.text, "%s", count(number_of(row, used)).text);
    return w;
}

static struct words starts(const cJSON *row)
{
    return of_limit(row, "startsPerSecond", "maxStartsPerSecond");
}

static struct words on_line(const cJSON *row)
{
    return of_limit(row, "onLine", "maxOnLine");
}

/* "07:12:03Z" of an instant. */
static struct word clock_of(const char *instant)
{
    struct word w = {""};
    if (strlen(instant) >= 19)
        snprintf(w.text, sizeof w.text, "%.8sZ", instant + 11);
    return w;
}

static const cJSON *list(const struct writer *w, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(w->view->shown, name);
}

/* The name of a trunk or tenant, with its cell where there are several. */
static struct words name_of(const struct writer *w, const cJSON *row)
{
    struct words name;
    bool is_one = cJSON_GetArraySize(list(w, "cells")) == 1;
    snprintf(name.text, sizeof name.text, "%s%s%s", is_one ? "" : text_of(row, "cell"), is_one ? "" : "/",
             text_of(row, "id"));
    return name;
}

/* ---- above the tables ---- */

static void put_redis(struct writer *w)
{
    const cJSON *redis = list(w, "redis");
    char most[40] = "";
    if (number_of(redis, "maxMemoryBytes") > 0)
        snprintf(most, sizeof most, " of %s", bytes(number_of(redis, "maxMemoryBytes")).text);
    put(w, false, "carillon top %s  Redis %s  memory %s%s  %s commands/s  replicas %s  clients %s  version %s",
        clock_of(text_of(w->view->shown, "at")).text, text_of(redis, "role"),
        bytes(number_of(redis, "usedMemoryBytes")).text, most, count(number_of(redis, "commandsPerSecond")).text,
        count(number_of(redis, "replicas")).text, count(number_of(redis, "clients")).text, text_of(redis, "version"));
}

static struct words cell_state(const cJSON *cell)
{
    struct words w;
    const char *closed = text_of(cell, "closedUntil");
    if (text_of(cell, "stoppedAt")[0])
        snprintf(w.text, sizeof w.text, "stopped");
    else if (closed[0])
        snprintf(w.text, sizeof w.text, "closed until %s", clock_of(closed).text);
    else
        snprintf(w.text, sizeof w.text, "%s", has(cell, "schema") ? "open" : "empty");
    return w;
}

static void put_cell(struct writer *w, const cJSON *cell)
{
    put(w, false,
        "%s %s  %s/s  claimed %s  live %s  ended %s  lag %s ms  events %s  webhooks %s  trunks %s  tenants %s",
        text_of(cell, "cell"), cell_state(cell).text, count(number_of(cell, "startsPerSecond")).text,
        count(number_of(cell, "claimed")).text, count(number_of(cell, "live")).text,
        count(number_of(cell, "ended")).text, count(number_of(cell, "lagMs")).text,
        count(number_of(cell, "events")).text, count(number_of(cell, "webhooks")).text,
        count(number_of(cell, "trunks")).text, count(number_of(cell, "tenants")).text);
}

/* Those seen last come first. */
static void put_workers(struct writer *w)
{
    const cJSON *workers = list(w, "workers"), *worker;
    char text[TOP_COLUMNS_MOST + 1];
    size_t len = 0;
    int n = cJSON_GetArraySize(workers);
    if (n == 0) {
        put(w, false, "workers: none was seen in the last minute");
        return;
    }
    cJSON_ArrayForEach(worker, workers)
    {
        if (len >= sizeof text - 1)
            break;
        int64_t ms = number_of(worker, "seenBeforeMs");
        int more = snprintf(text + len, sizeof text - len, "%s%s %" PRId64 ".%" PRId64 " s ago", len > 0 ? ", " : "",
                            text_of(worker, "id"), ms / 1000, ms / 100 % 10);
        len = more < 0 ? sizeof text : len + (size_t)more;
    }
    put(w, false, "workers %d: %s", n, text);
}

/* ---- the tables ---- */

/* "stopped: operator", "held until 07:12:03Z" */
static struct words state_of(const cJSON *row)
{
    struct words w;
    const char *reason = text_of(row, "reason"), *until = text_of(row, "until");
    snprintf(w.text, sizeof w.text, "%s%s%s%s%s", text_of(row, "state"), reason[0] ? ": " : "", reason,
             until[0] ? " until " : "", clock_of(until).text);
    return w;
}

static bool is_wide(const struct writer *w)
{
    return w->view->columns >= WIDE;
}

static int name_width(const struct writer *w)
{
    return is_wide(w) ? 24 : 14;
}

static void put_trunk(struct writer *w, const cJSON *row)
{
    const char *next = text_of(row, "nextSlotAt");
    put(w, false, "%-*.*s %9s %9s %7s  %-9s  %s", name_width(w), name_width(w), name_of(w, row).text, starts(row).text,
        on_line(row).text, count(number_of(row, "waiting")).text, next[0] ? clock_of(next).text : "-",
        state_of(row).text);
}

static void put_tenant(struct writer *w, const cJSON *row)
{
    struct word credit = {"-"};
    if (has(row, "credits"))
        credit = count(number_of(row, "credits"));
    put(w, false, "%-*.*s %9s %9s %7s  %9s %8s %7s  %s", name_width(w), name_width(w), name_of(w, row).text,
        starts(row).text, on_line(row).text, count(number_of(row, "batches")).text,
        count(number_of(row, "waiting")).text, credit.text, bytes(number_of(row, "bytes")).text, state_of(row).text);
}

static int id_width(const struct writer *w)
{
    return is_wide(w) ? 30 : 23;
}

/* Where there is no room for the whole id, its end tells them apart. */
static void put_batch(struct writer *w, const cJSON *row)
{
    const char *id = text_of(row, "id"), *why = text_of(row, "why"), *code = text_of(row, "code");
    int64_t total = number_of(row, "total"), done = number_of(row, "succeeded") + number_of(row, "failed");
    if (!is_wide(w) && strncmp(id, "batch_", 6) == 0)
        id += 6;
    put(w, false, "%-*.*s %-10.10s %9s %3" PRId64 "%% %7s %7s  %s%s%s", id_width(w), id_width(w), id,
        text_of(row, "tenant"), starts(row).text, total > 0 ? done * 100 / total : 0,
        count(number_of(row, "onLine")).text, count(number_of(row, "waiting")).text,
        code[0] ? code : text_of(row, "state"), is_wide(w) && why[0] ? ": " : "", is_wide(w) ? why : "");
}

enum table { TRUNKS, TENANTS, BATCHES, TABLES };

static const struct {
    const char *name;
    void (*put_row)(struct writer *w, const cJSON *row);
} tables[TABLES] = {{"trunks", put_trunk}, {"tenants", put_tenant}, {"batches", put_batch}};

static void put_heading(struct writer *w, enum table table)
{
    char text[TOP_COLUMNS_MOST + 1];
    if (table == TRUNKS)
        snprintf(text, sizeof text, "%-*s %9s %9s %7s  %-9s  %s", name_width(w), "TRUNK", "STARTS/S", "ON LINE",
                 "TENANTS", "NEXT SLOT", "STATE");
    else if (table == TENANTS)
        snprintf(text, sizeof text, "%-*s %9s %9s %7s  %9s %8s %7s  %s", name_width(w), "TENANT", "STARTS/S", "ON LINE",
                 "BATCHES", "CONTACTS", "CREDIT", "MEMORY", "STATE");
    else
        snprintf(text, sizeof text, "%-*s %-10s %9s %4s %7s %7s  %s", id_width(w), "BATCH", "TENANT", "STARTS/S",
                 "DONE", "ON LINE", "WAITING", "HELD BY");
    put(w, w->view->rows > 0, "%-*s", (int)w->view->columns, text);
}

/* How many rows of each table there is room for: a third each, and what one leaves the others take, batches first. */
static void share(const struct writer *w, size_t room, size_t ret_rows[TABLES])
{
    size_t left = room;
    for (int t = 0; t < TABLES; t++) {
        size_t n = (size_t)cJSON_GetArraySize(list(w, tables[t].name));
        ret_rows[t] = n < room / TABLES ? n : room / TABLES;
        left -= ret_rows[t];
    }
    for (int t = TABLES - 1; t >= 0; t--) {
        size_t n = (size_t)cJSON_GetArraySize(list(w, tables[t].name)) - ret_rows[t];
        ret_rows[t] += n < left ? n : left;
        left -= n < left ? n : left;
    }
}

static void put_tables(struct writer *w)
{
    size_t rows[TABLES], used = w->page->n + TABLES + 1; /* their headings, and the line about keys */
    share(w, w->view->rows == 0 ? TOP_LINES_MOST : w->view->rows > used ? w->view->rows - used : 0, rows);
    for (int t = 0; t < TABLES; t++) {
        const cJSON *row = cJSON_GetArrayItem(list(w, tables[t].name), 0);
        put_heading(w, (enum table)t);
        for (size_t i = 0; i < rows[t] && row; i++, row = row->next)
            tables[t].put_row(w, row);
    }
}

static void put_keys(struct writer *w)
{
    static const char *const names[TOP_SORTS] = {"starts", "on line", "waiting", "name"};
    char keys[120] = "";
    for (int i = 0; i < TOP_SORTS; i++) {
        bool is_it = (int)w->view->sort == i;
        size_t len = strlen(keys);
        snprintf(keys + len, sizeof keys - len, "  %s%d %s%s", is_it ? "[" : "", i + 1, names[i], is_it ? "]" : "");
    }
    if (w->page->n == w->view->rows) /* a screen of few rows */
        w->page->n--;
    while (w->page->n + 1 < w->view->rows && w->page->n < TOP_LINES_MOST)
        put(w, false, "%s", "");
    if (w->view->problem[0])
        put(w, true, "%-*s", (int)w->view->columns, w->view->problem);
    else
        put(w, true, "q quit  p %s  order:%s", w->view->is_paused ? "go on (paused)" : "pause", keys);
}

void top_page_write(const struct top_view *view, struct top_page *ret_page)
{
    struct writer w = {view, ret_page};
    const cJSON *cell;
    ret_page->n = 0;
    if (view->shown) {
        put_redis(&w);
        cJSON_ArrayForEach(cell, list(&w, "cells"))
        {
            put_cell(&w, cell);
        }
        put_workers(&w);
        put_tables(&w);
    }
    if (view->rows > 0)
        put_keys(&w);
}
