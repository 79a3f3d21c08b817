/* SPDX-License-Identifier: Apache-2.0
 *
 * One archived batch as a file of JSON lines, each an object with one member that says what it is:
 *
 *   {"batch":{...}}   what GET /api/v1/batch/{id} told
 *   {"call":{...}}    a row of its export, for each contact
 *   {"end":{"calls":2,"sha256":"..."}}   of all bytes before it: a file without this line is not whole
 *
 * It is written beside its name and takes that name when it is whole and on the disk; or it has no name, where it is
 * only a step on the way to somewhere else.
 */
#ifndef CARILLON_PRODUCER_CLI_ARCHIVE_FILE_H
#define CARILLON_PRODUCER_CLI_ARCHIVE_FILE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"

struct archive_file;

/* Begins one. `folder` NULL: a file without a name, in the system's folder for such. ERR_IO (errno says why),
 * ERR_NOMEM; ERR_EXISTS where another run is writing it.
 */
int archive_file_create(const char *folder, const char *batch_id, struct archive_file **ret_file) MUST_CHECK;
/* Drops what was not finished. Accepts NULL. */
void archive_file_free(struct archive_file *f);

/* The batch, before its calls. ERR_IO, ERR_NOMEM. */
int archive_file_put_batch(struct archive_file *f, const cJSON *batch) MUST_CHECK;
/* A piece of the export, cut anywhere: lines of JSON. ERR_IO. */
int archive_file_put_export(struct archive_file *f, const char *data, size_t len) MUST_CHECK;
/* How many lines of it were whole. */
uint64_t archive_file_calls(const struct archive_file *f);
/* Writes the last line and everything to the disk; then the file has its name. ERR_IO, ERR_NOMEM; ERR_PROTOCOL where
 * the export ended in the middle of a line. */
int archive_file_finish(struct archive_file *f) MUST_CHECK;
/* Whether the file at `path` ends as a finished one with so many calls. ERR_IO; ERR_PROTOCOL where it does not. */
int archive_file_check(const char *path, uint64_t calls) MUST_CHECK;
/* A finished one from its beginning, for reading; borrowed. */
FILE *archive_file_rewind(struct archive_file *f, int64_t *ret_size);

#endif
