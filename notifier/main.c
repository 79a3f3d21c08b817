/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon-notifier: tells tenants what became of their calls and batches. It reads the events that the engine wrote,
 * renders and signs them, and delivers them to the tenants' endpoints until they are taken or given up.
 */
#include <stddef.h>
#include <string.h>

#include "common/daemon/daemon.h"
#include "common/domain/cidr.h"
#include "notifier/cell.h"
#include "notifier/notifier.h"

static int check_range(const char *text, const char **ret_why)
{
    struct cidr range;
    int err = cidr_parse(text, strlen(text), &range);
    if (err)
        *ret_why = "an address range is wanted, such as 10.0.0.0/8 or ::1/128, with no bit set behind its prefix";
    return err;
}

static int check_server(const char *text, const char **ret_why)
{
    *ret_why = "is no ADDRESS:PORT of a DNS server, such as 10.0.0.2:53 or [fd00::2]:53";
    return resolver_check_server(text);
}

static const struct conf_option OPTIONS[] = {
    {.name = "allow-private-webhooks",
     .kind = CONF_STR,
     .flags = CONF_REPEATABLE,
     .check = check_range,
     .help = "address range to which webhooks may lead although it is private, also over plain http"},
    {.name = "dns-server",
     .kind = CONF_STR,
     .check = check_server,
     .help = "ADDRESS:PORT that is asked for receivers' names, and nobody else (default: as the system is configured)"},
    {.name = "ca-file",
     .kind = CONF_FILE,
     .help = "certificates that webhook receivers are checked against (default: the system's)"},
    {.name = "webhook-timeout-ms",
     .kind = CONF_I64,
     .default_text = "15000",
     .min = LIMIT_WEBHOOK_TIMEOUT_LEAST_MS,
     .max = LIMIT_WEBHOOK_TIMEOUT_MOST_MS,
     .help = "how long a receiver has for its whole answer"},
};

static int start(struct daemon *d, void **ret_state)
{
    struct notifier *n = NULL;
    int err = notifier_create(d, &n);
    if (!err)
        *ret_state = n;
    return err;
}

static void on_redis_ready(void *state)
{
    struct notifier *n = state;
    for (size_t i = 0; i < n->n_cells; i++)
        cell_look(&n->cells[i]);
}

static void on_wake(void *state, const char *name)
{
    struct cell *cell = notifier_cell(state, name);
    if (cell)
        cell_wake(cell);
}

static void drain(void *state)
{
    notifier_drain(state);
}

static void stop(void *state)
{
    notifier_free(state);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "carillon-notifier",
        .id_prefix = "notifier_",
        .options = OPTIONS,
        .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
        .default_listen = "127.0.0.1:8082",
        .wants_redis = true,
        .wake_channel = key_wake_events_channel,
        .start = start,
        .on_redis_ready = on_redis_ready,
        .on_wake = on_wake,
        .drain = drain,
        .stop = stop,
    };
    return daemon_main(&spec, argc, argv);
}
