/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tool says about itself.
 */
#ifndef CARILLON_PRODUCER_CLI_USAGE_H
#define CARILLON_PRODUCER_CLI_USAGE_H

#include <stdio.h>

#include "producer/cli/verbs.h"

/* The verbs, each in a line; with `group` those that begin with that word. */
void usage_overview(FILE *out, const char *group);
/* A verb's own help on stdout: its subjects, its options, and the common ones. */
void usage_verb(const struct cli_verb *verb, const struct conf_option *common, size_t n_common);
/* "usage: carillon watch BATCH [OPTION]..." on stderr. */
void usage_line(const struct cli_verb *verb);

/* Why no verb was found, on stderr, with the one that may have been meant. */
void usage_unknown(int n_words, char **words);

#endif
