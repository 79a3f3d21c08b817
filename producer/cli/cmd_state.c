/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping and starting a trunk or a tenant: nothing new begins within a second of a stop.
 */
#include <string.h>

#include "common/base/clock.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"

static const struct resource_kind *kind_of(const char *word)
{
    if (strcmp(word, resource_trunk.name) == 0)
        return &resource_trunk;
    if (strcmp(word, resource_tenant.name) == 0)
        return &resource_tenant;
    out_complain("'%s' cannot be stopped or started: 'trunk' or 'tenant' can", word);
    return NULL;
}

static enum cli_exit change_state(struct session *s, bool is_stop)
{
    const struct resource_kind *kind = kind_of(conf_rest(session_conf(s), 0));
    const char *id = conf_rest(session_conf(s), 1);
    struct resource_change *change;
    if (!kind || !resource_check_id(id))
        return CLI_USAGE;
    if (resource_change_create(&change) != 0)
        return CLI_FAILED;
    resource_put_stopped(change, is_stop, clock_wall_ms());
    enum cli_exit status = session_open_cell(s, true);
    if (status == CLI_DONE)
        status = resource_apply(s, kind, id, "set", change);
    if (status == CLI_DONE)
        status = resource_say(s, kind, id, is_stop ? "stopped" : "started");
    resource_change_free(change);
    return status;
}

static enum cli_exit run_stop(struct session *s)
{
    return change_state(s, true);
}

static enum cli_exit run_start(struct session *s)
{
    return change_state(s, false);
}

const struct cli_verb *cli_state_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "stop",
            .subjects = "KIND ID",
            .n_subjects = 2,
            .help = "stop a trunk or a tenant",
            .about = "KIND is trunk or tenant. Nothing new begins within a second; calls under way come to their end.",
            .run = run_stop,
        },
        {
            .words = "start",
            .subjects = "KIND ID",
            .n_subjects = 2,
            .help = "start a trunk or a tenant again",
            .about = "KIND is trunk or tenant. Also for a trunk that stopped by itself since its account was refused.",
            .run = run_start,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
