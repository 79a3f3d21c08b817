/* SPDX-License-Identifier: Apache-2.0
 *
 * The body that `carillon submit` sends: a campaign in JSON, with contacts of its own or out of a CSV file. A file that
 * is too much for one request is left to be sent in chunks (upload.h). Only the JSON itself is judged here; what the
 * campaign says is the producer's matter.
 */
#ifndef CARILLON_PRODUCER_CLI_SUBMISSION_H
#define CARILLON_PRODUCER_CLI_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "producer/cli/contacts_file.h"

/* Freed by submission_clear(). */
struct submission {
    char *body;
    size_t len;
    bool is_chunked; /* the body is without its contacts */
    const char *contacts_name; /* the CSV file; NULL where the campaign has contacts of its own. Borrowed */
    uint64_t *rows; /* of each contact in that file */
    size_t n_contacts;
    size_t n_rejected; /* rows of the file that were left out */
};

/* `contacts` NULL: the campaign holds its contacts. Otherwise the file is borrowed for the submission's life; over
 * `whole_bytes`, or where it may hold more contacts than one request, it is chunked. The campaign's path may be "-",
 * standard input. What is wrong is told on stderr. */
int submission_read(const char *campaign_path, struct contacts_file *contacts, size_t whole_bytes,
                    struct submission *ret_submission) MUST_CHECK;
void submission_clear(struct submission *submission);

/* An api_place_fn (`arg`: the submission): "contacts[17].name" of a campaign with a CSV file is "contacts.csv: row 19:
 * name". */
void submission_place(const char *path, char *ret, size_t cap, void *arg);

#endif
