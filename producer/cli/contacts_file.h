/* SPDX-License-Identifier: Apache-2.0
 *
 * The CSV file of a campaign, looked through once: how much there is of it, and what tells it from any other. What
 * cannot be read twice, such as standard input, is copied to a file without a name, on disk and not in memory.
 */
#ifndef CARILLON_PRODUCER_CLI_CONTACTS_FILE_H
#define CARILLON_PRODUCER_CLI_CONTACTS_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/digest.h"
#include "common/base/err.h"

/* Closed by contacts_file_close(). */
struct contacts_file {
    const char *name; /* what to call it; borrowed */
    FILE *file; /* at its beginning */
    uint64_t bytes;
    uint64_t lines; /* at least as many as rows */
    char digest[2 * DIGEST_SHA256_LEN + 1];
};

/* "-" is standard input. ERR_IO, ERR_NOMEM; told on stderr. `path` is borrowed. */
int contacts_file_open(const char *path, struct contacts_file *ret_file) MUST_CHECK;
/* Back to its beginning. ERR_IO, told on stderr. */
int contacts_file_rewind(struct contacts_file *f) MUST_CHECK;
/* Accepts a file that is {0}. */
void contacts_file_close(struct contacts_file *f);

#endif
