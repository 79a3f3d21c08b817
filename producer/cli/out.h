/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command line tool prints: answers on stdout, everything else on stderr. Control characters are shown as '?':
 * files, Redis and servers have no business with anybody's terminal.
 */
#ifndef CARILLON_PRODUCER_CLI_OUT_H
#define CARILLON_PRODUCER_CLI_OUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "producer/cli/exit.h"

/* A line on stdout. */
void out_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line on stderr, as it is; and one that begins with "carillon: ". */
void out_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends on what was printed on stdout. False where nobody takes it, so that there is no point in more. */
bool out_is_taken(void);

/* Prints a JSON value on stdout, one line, and deletes it. CLI_FAILED where it is NULL or memory runs out, with a
 * complaint. */
enum cli_exit out_json_take(cJSON *value) MUST_CHECK;
/* The same without deleting it. */
enum cli_exit out_json(const cJSON *value) MUST_CHECK;
/* For people: one member a line, indented. */
enum cli_exit out_json_lines(const cJSON *value) MUST_CHECK;

#endif
