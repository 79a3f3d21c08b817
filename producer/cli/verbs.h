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
    const char *words; /* "tenant create": one word or two */
    const char *subjects; /* "KIND ID": what follows, for the usage; "" for nothing */
    size_t n_subjects; /* how many exactly */
    const char *choices; /* "a|b": what the first of them can be, for completion; NULL: told by no list */
    const struct conf_option *options;
    size_t n_options;
    const char *help; /* a line of the overview */
    const char *about; /* further lines of the verb's own help; NULL: none */
    enum cli_exit (*run)(struct session *s);
};

/* One table for each file of verbs; `ret_n` rows. */
const struct cli_verb *cli_submit_verbs(size_t *ret_n);
const struct cli_verb *cli_batch_verbs(size_t *ret_n); /* pause, resume, cancel */
const struct cli_verb *cli_change_verbs(size_t *ret_n); /* set, redial, dial */
const struct cli_verb *cli_watch_verbs(size_t *ret_n);
const struct cli_verb *cli_why_verbs(size_t *ret_n);
const struct cli_verb *cli_calls_verbs(size_t *ret_n); /* calls, export */
const struct cli_verb *cli_archive_verbs(size_t *ret_n);
const struct cli_verb *cli_suppress_verbs(size_t *ret_n);
const struct cli_verb *cli_tenant_verbs(size_t *ret_n);
const struct cli_verb *cli_agents_verbs(size_t *ret_n); /* tenant agents */
const struct cli_verb *cli_trunk_verbs(size_t *ret_n);
const struct cli_verb *cli_state_verbs(size_t *ret_n); /* stop, start */
const struct cli_verb *cli_top_verbs(size_t *ret_n);
const struct cli_verb *cli_cell_verbs(size_t *ret_n); /* drain, cell */
const struct cli_verb *cli_key_verbs(size_t *ret_n);
const struct cli_verb *cli_inspect_verbs(size_t *ret_n);
const struct cli_verb *cli_audit_verbs(size_t *ret_n);
const struct cli_verb *cli_provider_verbs(size_t *ret_n);
const struct cli_verb *cli_webhooks_verbs(size_t *ret_n);
const struct cli_verb *cli_completion_verbs(size_t *ret_n);
const struct cli_verb *cli_health_verbs(size_t *ret_n);

/* Row `index` of all tables together, or NULL behind the last. */
const struct cli_verb *verbs_at(size_t index);

/* The verb that the first words of `words` name, and how many of them; NULL for none. */
const struct cli_verb *verbs_find(int n_words, char **words, int *ret_used);
/* Whether "<word> ..." is how some verb of two words begins. */
bool verbs_is_group(const char *word);
/* The words of the verb that was most likely meant, or NULL. */
const char *verbs_suggest(int n_words, char **words);

#endif
