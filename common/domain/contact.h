/* SPDX-License-Identifier: Apache-2.0
 *
 * A contact: whom to call, and what the agent is told about them. Read from an element of contacts[] or from a row of a
 * CSV file, judged by the same rules.
 */
#ifndef CARILLON_DOMAIN_CONTACT_H
#define CARILLON_DOMAIN_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/faults.h"

struct timezone_memo;

/* The name that is used where a contact has none (the seed's). */
#define CONTACT_DEFAULT_NAME "Unknown"

/* One contact at a time; reading the next one into the same value reuses its memory. Texts are never NULL, "" where the
 * contact has none, and borrowed from the value until it is read into, cleared or freed. */
struct contact {
    uint64_t phone; /* digits (phone.h) */
    const char *id;
    const char *name;
    const char *email;
    const char *company;
    const char *timezone;
    const char *metadata; /* a JSON object as the tenant wrote it, or "" */
    size_t metadata_len;
    /* From a record whose metadata is not whole yet: what contact_record_attach_columns() makes it of; or "". */
    const char *values;
    size_t values_len;
    struct buf text; /* holds what the pointers show */
    struct timezone_memo *zones;
};

int contact_init(struct contact *c) MUST_CHECK;
void contact_free(struct contact *c);

/* Reads one element of contacts[], as JSON text. Faults and warnings are added under paths relative to the contact
 * ("phoneNumber"): set the prefix with faults_at() first. Members that are not known become metadata, byte for byte,
 * with a warning; where metadata has that key already, the member is ignored with a warning. null is the same as
 * absent. ERR_INVALID where a fault was added, and then `c` holds no contact; ERR_NOMEM. */
int contact_read_json(struct contact *c, const char *json, size_t len, struct faults *faults,
                      struct faults *warnings) MUST_CHECK;

/* Appends the contact as an element of contacts[]. */
int contact_print_json(const struct contact *c, struct buf *out) MUST_CHECK;

/* The name to show: CONTACT_DEFAULT_NAME where there is none. */
const char *contact_display_name(const struct contact *c);

#endif
