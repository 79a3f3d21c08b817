/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/progress.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/timestamp.h"
#include "common/domain/batch_state.h"

#define COUNT_MOST INT64_C(1000000000000000)
#define BAR_LEAST 10
#define BAR_MOST 30
#define GAP 2 /* columns between two parts of a line */
#define INDENT 12 /* of the outcomes, below the bar */
#define PART_LEN 48

/* ---- reading ---- */

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    return value < 0 ? 0 : value > (double)COUNT_MOST ? (double)COUNT_MOST : value;
}

static int64_t count_of(const cJSON *object, const char *name)
{
    return (int64_t)number_of(object, name);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool is_state(const struct progress *p, enum batch_state state)
{
    return strcmp(p->status, batch_state_name(state)) == 0;
}

static int64_t starts_in_s(const cJSON *status, int64_t now_ms)
{
    const char *text = text_of(status, "startsAt");
    struct timestamp_parts start;
    if (timestamp_parse(text, strlen(text), &start) != 0)
        return -1;
    int64_t start_ms = start.wall_ms - (int64_t)start.offset_s * 1000;
    return start_ms > now_ms ? (start_ms - now_ms + 999) / 1000 : 0;
}

int progress_read(const cJSON *status, int64_t now_ms, struct progress *ret_progress)
{
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(status, "statistics");
    const cJSON *performance = cJSON_GetObjectItemCaseSensitive(status, "performance");
    const cJSON *remaining = cJSON_GetObjectItemCaseSensitive(performance, "estimatedTimeRemaining");
    struct progress p = {
        .status = text_of(status, "status"),
        .reason = text_of(status, "reason"),
        .outcomes = cJSON_GetObjectItemCaseSensitive(status, "outcomes"),
        .total = count_of(statistics, "total"),
        .processed = count_of(statistics, "processed"),
        .succeeded = count_of(statistics, "succeeded"),
        .ongoing = count_of(status, "ongoing"),
        .attempts = count_of(status, "attempts"),
        .remaining_s = cJSON_IsNumber(remaining) ? count_of(performance, "estimatedTimeRemaining") : -1,
        .elapsed_s = count_of(performance, "elapsedTime"),
        .starts_in_s = -1,
        .rate = number_of(performance, "callsPerSecond"),
        .limit = number_of(status, "maxCallsPerSecond"),
    };
    if (!p.status[0] || !cJSON_IsObject(statistics))
        return ERR_PROTOCOL;
    if (is_state(&p, BATCH_STATE_SCHEDULED))
        p.starts_in_s = starts_in_s(status, now_ms);
    *ret_progress = p;
    return 0;
}

bool progress_is_completed(const struct progress *p)
{
    return is_state(p, BATCH_STATE_COMPLETED);
}

bool progress_has_ended(const struct progress *p)
{
    return progress_is_completed(p) || is_state(p, BATCH_STATE_CANCELLED) || is_state(p, BATCH_STATE_FAILED);
}

/* ---- parts ---- */

struct part {
    char text[PART_LEN];
    int rank; /* the part of the highest rank is the first to be left out */
};

#define PARTS_MOST 24

struct parts {
    struct part items[PARTS_MOST];
    size_t n;
};

__attribute__((format(printf, 3, 4))) static void add(struct parts *parts, int rank, const char *format, ...)
{
    if (parts->n == PARTS_MOST)
        return;
    struct part *part = &parts->items[parts->n++];
    part->rank = rank;
    va_list args;
    va_start(args, format);
    if (vsnprintf(part->text, sizeof part->text, format, args) < 0)
        part->text[0] = '\0';
    va_end(args);
    for (char *at = part->text; *at; at++) {
        if (*at < 0x20 || *at == 0x7F)
            *at = '?'; /* bytes beyond ASCII too: their width is anybody's guess */
    }
}

static size_t length(const struct parts *parts)
{
    size_t len = 0;
    for (size_t i = 0; i < parts->n; i++)
        len += (i > 0 ? GAP : 0) + strlen(parts->items[i].text);
    return len;
}

/* Leaves parts out until the rest fits. The first one stays. */
static void fit(struct parts *parts, size_t width)
{
    while (parts->n > 1 && length(parts) > width) {
        size_t worst = parts->n - 1;
        for (size_t i = parts->n; i-- > 1;) {
            if (parts->items[i].rank > parts->items[worst].rank)
                worst = i;
        }
        parts->n--;
        memmove(&parts->items[worst], &parts->items[worst + 1], (parts->n - worst) * sizeof parts->items[0]);
    }
}

static int join(const struct parts *parts, const char *between, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < parts->n && rc == 0; i++)
        rc = buf_printf(out, "%s%s", i > 0 ? between : "", parts->items[i].text);
    return rc;
}

/* "4:07", "1:02:03", "3 d 4 h" */
struct duration {
    char text[40];
};

static struct duration duration(int64_t s)
{
    struct duration d;
    if (s < 3600)
        snprintf(d.text, sizeof d.text, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    else if (s < INT64_C(48) * 3600)
        snprintf(d.text, sizeof d.text, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(d.text, sizeof d.text, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    return d;
}

static void add_status(struct parts *parts, const struct progress *p)
{
    if (p->reason[0])
        add(parts, 0, "%s (%s)", p->status, p->reason);
    else
        add(parts, 0, "%-10s", p->status);
}

static void add_time(struct parts *parts, const struct progress *p)
{
    if (p->starts_in_s >= 0)
        add(parts, 2, "starts in %s", duration(p->starts_in_s).text);
    else if (p->remaining_s >= 0)
        add(parts, 2, "ETA %s", duration(p->remaining_s).text);
}

static void add_rate(struct parts *parts, const struct progress *p)
{
    add(parts, 3, "%.1f of %.0f calls/s", p->rate, p->limit);
}

/* "no answer 40": the API's names, as words. */
static void add_outcomes(struct parts *parts, const struct progress *p)
{
    const cJSON *outcome;
    cJSON_ArrayForEach(outcome, p->outcomes)
    {
        char words[24];
        snprintf(words, sizeof words, "%s", outcome->string ? outcome->string : "");
        for (char *at = words; *at; at++)
            *at = *at == '_' ? ' ' : (char)tolower((unsigned char)*at);
        add(parts, 5, "%s %" PRId64, words, count_of(p->outcomes, outcome->string));
    }
    if (p->ongoing > 0)
        add(parts, 4, "on the line %" PRId64, p->ongoing);
}

static int percent(const struct progress *p)
{
    int64_t done = p->processed < p->total ? p->processed : p->total;
    return p->total > 0 ? (int)(done * 100 / p->total) : 0;
}

/* ---- lines ---- */

/* A bar takes what the other parts leave. */
static void insert_bar(struct parts *parts, const struct progress *p, size_t width)
{
    size_t taken = length(parts) + GAP + 2;
    if (taken + BAR_LEAST > width || parts->n == PARTS_MOST)
        return;
    size_t cells = width - taken < BAR_MOST ? width - taken : BAR_MOST;
    size_t filled = cells * (size_t)percent(p) / 100;
    struct part bar = {.text = "["};
    memset(bar.text + 1, '#', filled);
    memset(bar.text + 1 + filled, '.', cells - filled);
    memcpy(bar.text + 1 + cells, "]", 2);
    memmove(&parts->items[2], &parts->items[1], (parts->n - 1) * sizeof parts->items[0]);
    parts->items[1] = bar;
    parts->n++;
}
_Static_assert(BAR_MOST + 3 <= PART_LEN, "the bar is a part");

int progress_render_bar(const struct progress *p, size_t width, struct buf *out)
{
    struct parts parts = {.n = 0};
    add_status(&parts, p);
    add(&parts, 4, "%3d%%", percent(p));
    add(&parts, 1, "%" PRId64 "/%" PRId64, p->processed, p->total);
    if (p->starts_in_s < 0)
        add_rate(&parts, p);
    if (!progress_has_ended(p))
        add_time(&parts, p);
    fit(&parts, width);
    insert_bar(&parts, p, width);
    if (width < PART_LEN)
        parts.items[0].text[width] = '\0'; /* the state, where not even that fits */
    return join(&parts, "  ", out);
}

int progress_render_outcomes(const struct progress *p, size_t width, struct buf *out)
{
    struct parts parts = {.n = 0};
    size_t indent = width / 2 > INDENT ? INDENT : 0;
    add_outcomes(&parts, p);
    fit(&parts, width - indent);
    if (parts.n == 0 || length(&parts) > width - indent)
        return 0; /* a count that is cut would tell another one */
    int rc = buf_printf(out, "%*s", (int)indent, "");
    return rc == 0 ? join(&parts, "  ", out) : rc;
}

int progress_render_line(const struct progress *p, struct buf *out)
{
    struct parts parts = {.n = 0};
    if (p->reason[0])
        add(&parts, 0, "%s (%s): %" PRId64 "/%" PRId64 " (%d%%)", p->status, p->reason, p->processed, p->total,
            percent(p));
    else
        add(&parts, 0, "%s: %" PRId64 "/%" PRId64 " (%d%%)", p->status, p->processed, p->total, percent(p));
    if (p->starts_in_s < 0)
        add_rate(&parts, p);
    add_outcomes(&parts, p);
    if (!progress_has_ended(p))
        add_time(&parts, p);
    return join(&parts, ", ", out);
}

int progress_render_end(const struct progress *p, struct buf *out)
{
    int rc = buf_printf(out, "%s in %s: %" PRId64 " contacts, %" PRId64 " attempts", p->status,
                        duration(p->elapsed_s).text, p->total, p->attempts);
    if (rc == 0 && p->processed > 0)
        rc = buf_printf(out, ", %.1f%% succeeded", 100.0 * (double)p->succeeded / (double)p->processed);
    if (rc == 0 && p->reason[0])
        rc = buf_printf(out, " (%.100s)", p->reason);
    return rc;
}
