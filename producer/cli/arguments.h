/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line before its options are read: which verb, and whether help is wanted. Common options may stand before
 * the verb, all options behind it, before or after its subjects.
 */
#ifndef CARILLON_PRODUCER_CLI_ARGUMENTS_H
#define CARILLON_PRODUCER_CLI_ARGUMENTS_H

#include "producer/cli/verbs.h"

enum arguments_request { ARGUMENTS_RUN, ARGUMENTS_HELP, ARGUMENTS_VERSION, ARGUMENTS_UNKNOWN };

/* Cleared by arguments_clear(); the texts are borrowed from the command line. */
struct arguments {
    enum arguments_request request;
    const struct cli_verb *verb; /* NULL where none was found */
    const char *stray; /* an option before the verb that is none of the common ones, or NULL */
    char **words; /* the command line from the verb's place on */
    int n_words; /* those that are no options: at most two */
    char **argv; /* for conf_load(): the command line without the verb's words */
    int argc;
};

/* ERR_NOMEM. */
int arguments_read(int argc, char **argv, struct arguments *ret_args) MUST_CHECK;
void arguments_clear(struct arguments *args);

/* The options of every verb. */
const struct conf_option *arguments_common(size_t *ret_n);

#endif
