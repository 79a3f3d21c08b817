/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that the user names for reading, where "-" is standard input, whatever that is: a file, a pipe, a socket.
 */
#ifndef CARILLON_PRODUCER_CLI_INPUT_H
#define CARILLON_PRODUCER_CLI_INPUT_H

#include <stddef.h>

#include "common/base/err.h"

/* What it is called in complaints; borrowed. */
const char *input_name(const char *path);
/* As file_read(). */
int input_read(const char *path, size_t max, char **ret_data, size_t *ret_len) MUST_CHECK;

#endif
