/* SPDX-License-Identifier: Apache-2.0
 *
 * The body that `carillon submit` sends: a campaign in JSON, with contacts of its own or out of a CSV file. Only the
 * JSON itself is judged here; what the campaign says is the producer's matter.
 */
#ifndef CARILLON_PRODUCER_CLI_SUBMISSION_H
#define CARILLON_PRODUCER_CLI_SUBMISSION_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Freed by submission_clear(). */
struct submission {
    char *body;
    size_t len;
    const char *contacts_name; /* the CSV file; NULL where the campaign has contacts of its own. Borrowed */
    uint64_t *rows; /* of each contact in that file */
    size_t n_contacts;
    size_t n_rejected; /* rows of the file that were left out */
};

/* `contacts_path` NULL: the campaign holds its contacts. "-" is standard input, for one of the two. What is wrong is
 * told on stderr. The paths are borrowed for the submission's life. */
int submission_read(const char *campaign_path, const char *contacts_path, struct submission *ret_submission) MUST_CHECK;
void submission_clear(struct submission *submission);

/* An api_place_fn (`arg`: the submission): "contacts[17].name" of a campaign with a CSV file is "contacts.csv: row 19:
 * name". */
void submission_place(const char *path, char *ret, size_t cap, void *arg);

#endif
