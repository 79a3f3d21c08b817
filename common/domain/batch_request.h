/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of POST /api/v1/batch but for its contacts: agentId, userId, options. It is read member by member, in
 * whatever order they arrive; contacts are read one by one (contact.h).
 */
#ifndef CARILLON_DOMAIN_BATCH_REQUEST_H
#define CARILLON_DOMAIN_BATCH_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/faults.h"

/* Limits are in characters; a character takes up to four bytes. */
#define BATCH_REQUEST_AGENT_BYTES (4 * LIMIT_AGENT_ID_LEN)
#define BATCH_REQUEST_USER_BYTES (4 * LIMIT_AGENT_ID_LEN)

/* {0} is an empty one. */
struct batch_request {
    bool has_agent_id; /* was there, well-formed or not */
    bool has_contacts; /* a contacts member was there, whatever its type */
    bool has_contact_list; /* ... and it is a list */
    char agent_id[BATCH_REQUEST_AGENT_BYTES + 1];
    char user_id[BATCH_REQUEST_USER_BYTES + 1]; /* "" where none was given: the API key names the tenant already */
    cJSON *options; /* owned; NULL where absent or unreadable */
};

/* Takes one member: its key, and its value as JSON text that the cutter has checked. Faults (wrong type, wrong length,
 * unknown name) are added by path. ERR_NOMEM only. */
int batch_request_member(struct batch_request *r, const char *key, const char *value, size_t len,
                         struct faults *faults) MUST_CHECK;
/* The contacts array begins. */
void batch_request_contacts_begin(struct batch_request *r);
/* The body is complete and held `n_contacts` contacts: adds the faults of what is missing, and of too many contacts. A
 * draft need not have any. */
void batch_request_finish(const struct batch_request *r, uint64_t n_contacts, bool is_draft, struct faults *faults);
/* Frees what it holds; `r` is empty after it. */
void batch_request_free(struct batch_request *r);

#endif
