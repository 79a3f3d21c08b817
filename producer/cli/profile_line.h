/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in a profile's text a fault is, for people with an editor.
 */
#ifndef CARILLON_PRODUCER_CLI_PROFILE_LINE_H
#define CARILLON_PRODUCER_CLI_PROFILE_LINE_H

#include <stddef.h>

/* The line, counted from 1, of the byte at `offset`. */
size_t profile_line_of(const char *text, size_t len, size_t offset);

/* The line of the value at `path` ("start.verdicts[2].map.21211"), or, where there is none, of the innermost value
 * around it that is there. `text` is JSON that json_parse() takes. */
size_t profile_line_at(const char *text, size_t len, const char *path);

#endif
