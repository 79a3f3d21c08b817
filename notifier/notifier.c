/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/notifier.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "notifier/cell.h"

#define REPORT_MOST_MS 5000

static int invalid_option(const char *option, const char *value)
{
    log_error("config.invalid", log_str("option", option), log_str("value", value));
    return ERR_INVALID;
}

static int read_options(struct notifier *n)
{
    const struct conf *conf = daemon_conf(n->daemon);
    n->ca_file = conf_str(conf, "ca-file");
    n->timeout_ms = conf_i64(conf, "webhook-timeout-ms");
    /* Found out later, it would look like a fault of every receiver. */
    if (n->ca_file && access(n->ca_file, R_OK) < 0)
        return invalid_option("ca-file", n->ca_file);
    for (size_t i = 0; i < conf_count(conf, "allow-private-webhooks"); i++) {
        const char *range = conf_str_at(conf, "allow-private-webhooks", i);
        if (cidr_list_add(&n->egress.allowed, range, strlen(range)) < 0)
            return invalid_option("allow-private-webhooks", range);
    }
    return egress_policy_add_own(&n->egress);
}

static void on_drain_deadline(void *arg)
{
    struct notifier *n = arg;
    log_warn("hooks.drain_gave_up", log_i64("in_flight", (int64_t)n->in_flight));
    daemon_drained(n->daemon);
}

static int start_cells(struct notifier *n)
{
    /* Known before the first cell starts: the tick depends on it. */
    n->n_cells = daemon_cell_count(n->daemon);
    for (size_t i = 0; i < n->n_cells; i++) {
        int err = cell_init(&n->cells[i], n, daemon_cell(n->daemon, i));
        if (err) {
            n->n_cells = i + 1;
            return err;
        }
    }
    return 0;
}

int notifier_create(struct daemon *d, struct notifier **ret_notifier)
{
    struct notifier *n = calloc(1, sizeof *n);
    if (!n)
        return ERR_NOMEM;
    n->daemon = d;
    n->loop = daemon_loop(d);
    n->redis = daemon_redis(d);
    n->keys = daemon_keys(d);
    n->id = daemon_id(d);
    n->began_us = clock_mono_us();
    stats_init(&n->stats, daemon_metrics(d));
    int err = contact_init(&n->contact);
    if (!err)
        err = read_options(n);
    if (!err)
        err = shares_create(LIMIT_WEBHOOK_TENANT_IN_FLIGHT, &n->tenants);
    if (!err)
        err = shares_create(LIMIT_WEBHOOK_HOST_IN_FLIGHT, &n->hosts);
    if (!err)
        err = resolver_create(n->loop, conf_str(daemon_conf(d), "dns-server"), &n->resolver);
    if (!err)
        err = http_client_create(n->loop, LIMIT_WEBHOOK_IN_FLIGHT, &n->http);
    if (!err)
        err = loop_timer_create(n->loop, on_drain_deadline, n, &n->drain_timer);
    if (!err)
        err = start_cells(n);
    if (err) {
        notifier_free(n);
        return err;
    }
    log_info("hooks.started", log_str("notifier", n->id), log_i64("cells", (int64_t)n->n_cells));
    *ret_notifier = n;
    return 0;
}

void notifier_free(struct notifier *n)
{
    if (!n)
        return;
    http_client_free(n->http); /* before the deliveries that its transfers belong to */
    for (size_t i = 0; i < n->n_cells; i++)
        cell_clear(&n->cells[i]);
    shares_free(n->tenants);
    shares_free(n->hosts);
    resolver_free(n->resolver); /* after the deliveries that wait for it */
    loop_timer_free(n->drain_timer);
    contact_free(&n->contact);
    free(n);
}

struct cell *notifier_cell(struct notifier *n, const char *name)
{
    for (size_t i = 0; i < n->n_cells; i++) {
        if (strcmp(n->cells[i].name, name) == 0)
            return &n->cells[i];
    }
    return NULL;
}

void notifier_drain(struct notifier *n)
{
    n->is_draining = true;
    /* Past every request's deadline, and a while to report. */
    loop_timer_arm_us(n->drain_timer, 1000 * (n->timeout_ms + REPORT_MOST_MS));
    for (size_t i = 0; i < n->n_cells; i++)
        cell_drain(&n->cells[i]);
    notifier_progress(n);
}

void notifier_progress(struct notifier *n)
{
    size_t n_drained = 0;
    for (size_t i = 0; i < n->n_cells; i++) {
        cell_work(&n->cells[i]);
        n_drained += cell_is_drained(&n->cells[i]);
    }
    if (n->is_draining && n_drained == n->n_cells) {
        loop_timer_disarm(n->drain_timer);
        daemon_drained(n->daemon);
    }
}
