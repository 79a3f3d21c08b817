/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading small files whole, at start: configuration, keys, passwords. Blocks, so it has no place in the loop.
 */
#ifndef CARILLON_BASE_FILE_H
#define CARILLON_BASE_FILE_H

#include <stddef.h>

#include "common/base/err.h"

/* Reads the file; a NUL follows its last byte, and the caller frees it. ERR_IO (errno says why), ERR_TOO_LARGE over
 * `max` bytes, ERR_NOMEM. */
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len) MUST_CHECK;
/* The same of a file, a pipe or a socket that is open, from where it stands to its end. It stays open. */
int file_read_open(int fd, size_t max, char **ret_data, size_t *ret_len) MUST_CHECK;

/* Reads a file that holds one line, a password or a key, and drops the end of that line. ERR_INVALID where it is empty
 * or holds another line or a NUL; otherwise as file_read(). The caller frees it with file_free_secret(). */
int file_read_secret(const char *path, size_t max, char **ret_secret) MUST_CHECK;
/* Wipes and frees. Accepts NULL. */
void file_free_secret(char *secret);

#endif
