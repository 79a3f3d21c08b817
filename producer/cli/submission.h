/* SPDX-License-Identifier: Apache-2.0
 *
 * The body that `carillon submit` sends: a campaign in JSON, with contacts of its own or out of a CSV file. Rows that
 * cannot be contacts are told on stderr by number and left out; the rest goes in.
 */
#ifndef CARILLON_PRODUCER_CLI_SUBMISSION_H
#define CARILLON_PRODUCER_CLI_SUBMISSION_H

#include <stddef.h>

#include "common/base/err.h"

struct submission {
    char *body; /* owned */
    size_t len;
    size_t n_contacts;
    size_t n_rejected; /* rows */
};

/* `contacts_path` NULL: the campaign holds its contacts. What is wrong is printed on stderr. */
int submission_read(const char *campaign_path, const char *contacts_path, struct submission *ret_submission) MUST_CHECK;
void submission_free(struct submission *submission);

#endif
