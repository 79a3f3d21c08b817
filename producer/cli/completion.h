/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripts that complete this tool's command line in a shell, written from the tables of verbs and options.
 *
 * Those of bash and zsh have most in common: what the tables say stands in functions that both understand, each of
 * which leaves its answer in _carillon_reply, one "word:what it is" a line; "@file" asks for files, "@flag" says that
 * an option takes no value.
 */
#ifndef CARILLON_PRODUCER_CLI_COMPLETION_H
#define CARILLON_PRODUCER_CLI_COMPLETION_H

#include <stddef.h>
#include <stdio.h>

#include "producer/cli/verbs.h"

void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

/* ---- of those that write them ---- */

/* The functions that bash and zsh share. */
void completion_tables(FILE *out);

/* An option as it is completed. */
struct completion_option {
    const char *name; /* without its dashes */
    const char *help;
    const char *choices; /* "a|b", or NULL */
    bool is_flag; /* takes no value */
    bool is_file;
};

/* Option `index` of those that every verb takes (`verb` NULL), or of `verb`'s own. False behind the last. */
bool completion_option(const struct cli_verb *verb, size_t index, struct completion_option *ret_option);
/* What the first subject of a verb is: "@file", words ("a|b"), or NULL for what only the user knows. */
const char *completion_subject(const struct cli_verb *verb);
/* `text` in single quotes; `quote` is how the shell writes one inside them. */
void completion_put_quoted(FILE *out, const char *text, const char *quote);
/* Whether the verb is the first of its first word. */
bool completion_is_first(size_t index);

#endif
