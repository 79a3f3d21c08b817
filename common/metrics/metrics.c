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
    char *values[METRIC_LABELS]; /* of the family's labels */
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
    char *labels[METRIC_LABELS];
    size_t n_labels;
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
        for (size_t i = 0; i < family->n_labels; i++)
            free(family->first->values[i]);
        free(family->first);
        family->first = next;
    }
    free(family->name);
    free(family->help);
    for (size_t i = 0; i < family->n_labels; i++)
        free(family->labels[i]);
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

static bool has_labels(const struct family *family, const struct metric_label *labels, size_t n)
{
    bool is_same = family->n_labels == n;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = strcmp(family->labels[i], labels[i].name) == 0;
    return is_same;
}

static struct family *find_family(struct metrics *m, enum kind kind, const char *name, const char *help,
                                  const struct metric_label *labels, size_t n)
{
    struct family **at = &m->first;
    for (; *at; at = &(*at)->next) {
        if (strcmp((*at)->name, name) == 0) {
            require((*at)->kind == kind && has_labels(*at, labels, n));
            return *at;
        }
    }
    require(is_name(name));
    struct family *family = must(calloc(1, sizeof *family));
    family->kind = kind;
    family->name = must(strdup(name));
    family->help = must(strdup(help));
    for (; family->n_labels < n; family->n_labels++) {
        require(is_name(labels[family->n_labels].name));
        family->labels[family->n_labels] = must(strdup(labels[family->n_labels].name));
    }
    *at = family;
    return family;
}

static bool has_values(const struct metric *metric, const struct metric_label *labels, size_t n)
{
    bool is_same = true;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = strcmp(metric->values[i], labels[i].value) == 0;
    return is_same;
}

static struct metric *find_metric(struct metrics *m, enum kind kind, const char *name, const char *help,
                                  const struct metric_label *labels, size_t n)
{
    struct family *family = find_family(m, kind, name, help, labels, n);
    struct metric **at = &family->first;
    for (; *at; at = &(*at)->next) {
        if (has_values(*at, labels, n))
            return *at;
    }
    struct metric *metric = must(calloc(1, sizeof *metric));
    metric->kind = kind;
    for (size_t i = 0; i < n; i++)
        metric->values[i] = must(strdup(labels[i].value));
    *at = metric;
    return metric;
}

static struct metric *find_with_one(struct metrics *m, enum kind kind, const char *name, const char *help,
                                    const char *label, const char *value)
{
    require(!label == !value);
    const struct metric_label labels[] = {{label, value}};
    return find_metric(m, kind, name, help, labels, label ? 1 : 0);
}

struct metric *metrics_counter(struct metrics *m, const char *name, const char *help, const char *label,
                               const char *value)
{
    return find_with_one(m, KIND_COUNTER, name, help, label, value);
}

struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *label,
                             const char *value)
{
    return find_with_one(m, KIND_GAUGE, name, help, label, value);
}

struct metric *metrics_labelled_counter(struct metrics *m, const char *name, const char *help,
                                        const struct metric_label *labels, size_t n_labels)
{
    require(n_labels > 0 && n_labels <= METRIC_LABELS);
    return find_metric(m, KIND_COUNTER, name, help, labels, n_labels);
}

static struct metric *with_bounds(struct metric *metric, const double *bounds, size_t n)
{
    require(n > 0 && n <= MAX_BOUNDS);
    for (size_t i = 0; i < n; i++)
        require(isfinite(bounds[i]) && (i == 0 || bounds[i - 1] < bounds[i]));
    bool is_new = metric->n_bounds == 0;
    require(is_new || (metric->n_bounds == n && memcmp(metric->bounds, bounds, n * sizeof *bounds) == 0));
    memcpy(metric->bounds, bounds, n * sizeof *bounds);
    metric->n_bounds = n;
    return metric;
}

struct metric *metrics_histogram(struct metrics *m, const char *name, const char *help, const double *bounds, size_t n)
{
    return with_bounds(find_metric(m, KIND_HISTOGRAM, name, help, NULL, 0), bounds, n);
}

struct metric *metrics_labelled_histogram(struct metrics *m, const char *name, const char *help,
                                          const struct metric_label *label, const double *bounds, size_t n)
{
    return with_bounds(find_metric(m, KIND_HISTOGRAM, name, help, label, 1), bounds, n);
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

/* `bound`: of a bucket; NULL elsewhere. */
static int append_labels(struct buf *out, const struct family *family, const struct metric *metric, const char *bound)
{
    const char *before = "{";
    int err = 0;
    for (size_t i = 0; i < family->n_labels && !err; i++, before = ",") {
        err = buf_printf(out, "%s%s=\"", before, family->labels[i]);
        err = err ? err : append_escaped(out, metric->values[i], true);
        err = err ? err : buf_append_char(out, '"');
    }
    if (bound && !err)
        err = buf_printf(out, "%sle=\"%s\"", before, bound);
    return err || (!bound && family->n_labels == 0) ? err : buf_append_char(out, '}');
}

/* One line: name and suffix, labels, number. */
static int append_sample(struct buf *out, const struct family *family, const struct metric *metric, const char *suffix,
                         const char *bound, const char *number)
{
    int err = buf_printf(out, "%s%s", family->name, suffix);
    err = err ? err : append_labels(out, family, metric, bound);
    return err ? err : buf_printf(out, " %s\n", number);
}

static int render_plain(const struct family *family, const struct metric *metric, struct buf *out)
{
    char space[NUMBER_LEN];
    return append_sample(out, family, metric, "", NULL, number_text(metric->number, space));
}

static int render_histogram(const struct family *family, const struct metric *metric, struct buf *out)
{
    char bound_space[NUMBER_LEN], space[NUMBER_LEN];
    uint64_t count = 0;
    int err = 0;
    for (size_t i = 0; i <= metric->n_bounds; i++)
        count += metric->counts[i];
    if (count == 0 && family->n_labels > 0)
        return 0;
    count = 0;
    for (size_t i = 0; i <= metric->n_bounds && !err; i++) {
        double bound = i < metric->n_bounds ? metric->bounds[i] : INFINITY;
        count += metric->counts[i];
        snprintf(space, sizeof space, "%" PRIu64, count);
        err = append_sample(out, family, metric, "_bucket", number_text(bound, bound_space), space);
    }
    if (!err)
        err = append_sample(out, family, metric, "_sum", NULL, number_text(metric->sum, bound_space));
    return err ? err : append_sample(out, family, metric, "_count", NULL, space);
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
