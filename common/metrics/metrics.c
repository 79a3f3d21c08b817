/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"

#define MAX_BOUNDS 32u
#define NUMBER_LEN 32

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct metric {
    enum kind kind;
    char *value; /* of the family's label; NULL where it has none */
    double number;
    double sum;
    double bounds[MAX_BOUNDS];
    size_t n_bounds;
    uint64_t counts[MAX_BOUNDS + 1]; /* observations up to each bound and above the one before; the last: above all */
    struct metric *next;
};

/* All metrics of one name. */
struct family {
    char *name;
    char *help;
    char *label; /* NULL for none */
    enum kind kind;
    struct metric *first;
    struct family *next;
};

struct metrics {
    struct family *first;
};

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool is_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    }
    return true;
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int metrics_create(struct metrics **ret_metrics)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (!m)
        return ERR_NOMEM;
    *ret_metrics = m;
    return 0;
}

static void family_free(struct family *family)
{
    while (family->first) {
        struct metric *next = family->first->next;
        free(family->first->value);
        free(family->first);
        family->first = next;
    }
    free(family->name);
    free(family->help);
    free(family->label);
    free(family);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    while (m->first) {
        struct family *next = m->first->next;
        family_free(m->first);
        m->first = next;
    }
    free(m);
}

static struct family *find_family(struct metrics *m, enum kind kind, const char *name, const char *help,
                                  const char *label)
{
    struct family **at = &m->first;
    for (; *at; at = &(*at)->next) {
        if (strcmp((*at)->name, name) == 0) {
            require((*at)->kind == kind && is_same((*at)->label, label));
            return *at;
        }
    }
    require(is_name(name) && (!label || is_name(label)));
    struct family *family = must(calloc(1, sizeof *family));
    family->kind = kind;
    family->name = must(strdup(name));
    family->help = must(strdup(help));
    family->label = label ? must(strdup(label)) : NULL;
    *at = family;
    return family;
}

static struct metric *find_metric(struct metrics *m, enum kind kind, const char *name, const char *help,
                                  const char *label, const char *value)
{
    require(!label == !value);
    struct family *family = find_family(m, kind, name, help, label);
    struct metric **at = &family->first;
    for (; *at; at = &(*at)->next) {
        if (is_same((*at)->value, value))
            return *at;
    }
    struct metric *metric = must(calloc(1, sizeof *metric));
    metric->kind = kind;
    metric->value = value ? must(strdup(value)) : NULL;
    *at = metric;
    return metric;
}

struct metric *metrics_counter(struct metrics *m, const char *name, const char *help, const char *label,
                               const char *value)
{
    return find_metric(m, KIND_COUNTER, name, help, label, value);
}

struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *label,
                             const char *value)
{
    return find_metric(m, KIND_GAUGE, name, help, label, value);
}

struct metric *metrics_histogram(struct metrics *m, const char *name, const char *help, const double *bounds, size_t n)
{
    require(n > 0 && n <= MAX_BOUNDS);
    for (size_t i = 0; i < n; i++)
        require(isfinite(bounds[i]) && (i == 0 || bounds[i - 1] < bounds[i]));
    struct metric *metric = find_metric(m, KIND_HISTOGRAM, name, help, NULL, NULL);
    bool is_new = metric->n_bounds == 0;
    require(is_new || (metric->n_bounds == n && memcmp(metric->bounds, bounds, n * sizeof *bounds) == 0));
    memcpy(metric->bounds, bounds, n * sizeof *bounds);
    metric->n_bounds = n;
    return metric;
}

void metric_add(struct metric *metric, double amount)
{
    require(metric->kind == KIND_GAUGE || (metric->kind == KIND_COUNTER && amount >= 0));
    metric->number += amount;
}

void metric_set(struct metric *metric, double value)
{
    require(metric->kind != KIND_HISTOGRAM);
    metric->number = value;
}

void metric_observe(struct metric *metric, double value)
{
    size_t i = 0;
    require(metric->kind == KIND_HISTOGRAM);
    while (i < metric->n_bounds && !(value <= metric->bounds[i]))
        i++;
    metric->counts[i]++;
    metric->sum += value;
}

/* The shortest of the usual spellings that reads back as the same number. */
static const char *number_text(double value, char space[NUMBER_LEN])
{
    double back;
    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value > 0 ? "+Inf" : "-Inf";
    int n = snprintf(space, NUMBER_LEN, "%.15g", value);
    if (parse_double(space, (size_t)n, -INFINITY, INFINITY, &back) || back != value)
        snprintf(space, NUMBER_LEN, "%.17g", value);
    return space;
}

/* A line break and a backslash would end or change the line; a quote only a label's value. */
static int append_escaped(struct buf *out, const char *text, bool is_quoted)
{
    int err = 0;
    for (; *text && !err; text++) {
        if (*text == '\n')
            err = buf_append_str(out, "\\n");
        else if (*text == '\\' || (*text == '"' && is_quoted))
            err = buf_printf(out, "\\%c", *text);
        else
            err = buf_append_char(out, *text);
    }
    return err;
}

static int render_plain(const struct family *family, const struct metric *metric, struct buf *out)
{
    char space[NUMBER_LEN];
    int err = buf_append_str(out, family->name);
    if (!err && metric->value) {
        err = buf_printf(out, "{%s=\"", family->label);
        err = err ? err : append_escaped(out, metric->value, true);
        err = err ? err : buf_append_str(out, "\"}");
    }
    return err ? err : buf_printf(out, " %s\n", number_text(metric->number, space));
}

static int render_histogram(const struct family *family, const struct metric *metric, struct buf *out)
{
    char space[NUMBER_LEN];
    uint64_t count = 0;
    int err = 0;
    for (size_t i = 0; i <= metric->n_bounds && !err; i++) {
        double bound = i < metric->n_bounds ? metric->bounds[i] : INFINITY;
        count += metric->counts[i];
        err = buf_printf(out, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", family->name, number_text(bound, space), count);
    }
    if (!err)
        err = buf_printf(out, "%s_sum %s\n", family->name, number_text(metric->sum, space));
    return err ? err : buf_printf(out, "%s_count %" PRIu64 "\n", family->name, count);
}

static int render_family(const struct family *family, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    int err = buf_printf(out, "# HELP %s ", family->name);
    err = err ? err : append_escaped(out, family->help, false);
    err = err ? err : buf_printf(out, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
    for (const struct metric *metric = family->first; metric && !err; metric = metric->next)
        err = (family->kind == KIND_HISTOGRAM ? render_histogram : render_plain)(family, metric, out);
    return err;
}

int metrics_render(const struct metrics *m, struct buf *out)
{
    int err = 0;
    for (const struct family *family = m->first; family && !err; family = family->next)
        err = render_family(family, out);
    return err;
}
