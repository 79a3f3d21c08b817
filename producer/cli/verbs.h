/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of the command line tool, a row each. A verb reads its options from the session's conf and its subjects
 * from conf_rest(), and returns an exit code.
 */
#ifndef CARILLON_PRODUCER_CLI_VERBS_H
#define CARILLON_PRODUCER_CLI_VERBS_H

#include <stddef.h>

#include "producer/cli/session.h"

struct cli_verb {
    const char *words; /* "tenant create" */
    const char *subjects; /* "ID": what follows the words, for the usage; "" for nothing */
    size_t n_subjects; /* how many exactly */
    const struct conf_option *options;
    size_t n_options;
    const char *help;
    enum cli_exit (*run)(struct session *s);
};

/* One table for each file of verbs; `ret_n` rows. */
const struct cli_verb *cli_batch_verbs(size_t *ret_n); /* submit, watch, pause, resume, cancel */
const struct cli_verb *cli_resource_verbs(size_t *ret_n); /* tenant, trunk, stop, start */
const struct cli_verb *cli_key_verbs(size_t *ret_n);
const struct cli_verb *cli_audit_verbs(size_t *ret_n);

/* Watches a batch until it ends; cmd_submit's --watch shares it. */
enum cli_exit cli_watch_batch(struct session *s, const char *batch_id);

#endif
