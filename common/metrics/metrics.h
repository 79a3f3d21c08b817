/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters, gauges and histograms of one process, written out in the Prometheus text format. Labels are bounded: each
 * (name, label value) pair is made once, at start or from an enumeration, never from what a tenant sends.
 */
#ifndef CARILLON_METRICS_METRICS_H
#define CARILLON_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct metrics;
struct metric;

int metrics_create(struct metrics **ret_metrics) MUST_CHECK;
void metrics_free(struct metrics *m);

#define METRIC_LABELS 2 /* of one metric */

struct metric_label {
    const char *name;
    const char *value;
};

/* Make or find a metric. name: "carillon_..." with its unit; label and value NULL for none. Strings are copied. The
 * metric lives as long as `m`; memory running out aborts (metrics are made at start, and when a process meets a trunk
 * for the first time), and so does what can only be a bug: a malformed name, or one name as two kinds or with other
 * labels. */
struct metric *metrics_counter(struct metrics *m, const char *name, const char *help, const char *label,
                               const char *value);
struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help, const char *label,
                             const char *value);
/* `bounds`: ascending upper bounds, 1 to 32 of them, copied. */
struct metric *metrics_histogram(struct metrics *m, const char *name, const char *help, const double *bounds, size_t n);
/* A counter with `n_labels` labels, 1 to METRIC_LABELS. */
struct metric *metrics_labelled_counter(struct metrics *m, const char *name, const char *help,
                                        const struct metric_label *labels, size_t n_labels);
/* A histogram with one label. While it has observed nothing it is not written: of many values few may ever occur. */
struct metric *metrics_labelled_histogram(struct metrics *m, const char *name, const char *help,
                                          const struct metric_label *label, const double *bounds, size_t n);

/* A counter or a gauge; a counter never by less than 0. */
void metric_add(struct metric *metric, double amount);
/* A gauge, or a counter that something else counts. */
void metric_set(struct metric *metric, double value);
/* A histogram. */
void metric_observe(struct metric *metric, double value);

/* Appends the whole exposition, in the order in which the metrics were made. Format: Prometheus text, version 0.0.4. */
int metrics_render(const struct metrics *m, struct buf *out) MUST_CHECK;

#endif
