/* SPDX-License-Identifier: Apache-2.0
 *
 * A contact while it is being read: the rules for its fields, shared by the readers of JSON, CSV and records. Only
 * contact*.c includes this.
 */
#ifndef CARILLON_DOMAIN_CONTACT_DRAFT_H
#define CARILLON_DOMAIN_CONTACT_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/contact.h"
#include "common/domain/faults.h"

enum contact_text {
    CONTACT_TEXT_ID,
    CONTACT_TEXT_NAME,
    CONTACT_TEXT_EMAIL,
    CONTACT_TEXT_COMPANY,
    CONTACT_TEXT_TIMEZONE,
};
#define CONTACT_TEXT_COUNT 5

struct contact_draft {
    struct contact *contact;
    struct faults *faults;
    bool is_bad; /* a fault was added */
    uint64_t phone;
    /* Where in contact->text each text begins; 0 is an empty text. */
    size_t starts[CONTACT_TEXT_COUNT];
    size_t metadata_start;
    size_t metadata_len;
    size_t values_start;
    size_t values_len;
};

/* Empties `c` and begins to fill it. */
int contact_draft_begin(struct contact_draft *d, struct contact *c, struct faults *faults) MUST_CHECK;
/* These judge what they are given, and keep it if it is good. ERR_NOMEM only. */
void contact_draft_phone(struct contact_draft *d, const char *text, size_t len);
int contact_draft_text(struct contact_draft *d, enum contact_text field, const char *text, size_t len) MUST_CHECK;
int contact_draft_metadata(struct contact_draft *d, const char *json, size_t len) MUST_CHECK;
/* Keeps a text without judging it: for records, whose content was judged before. */
int contact_draft_keep(struct contact_draft *d, enum contact_text field, const char *text, size_t len) MUST_CHECK;
int contact_draft_keep_metadata(struct contact_draft *d, const char *json, size_t len) MUST_CHECK;
int contact_draft_keep_values(struct contact_draft *d, const char *values, size_t len) MUST_CHECK;
/* Adds a fault of the contact. */
void contact_draft_fault(struct contact_draft *d, const char *path, const char *code, const char *message);
/* The contact is complete: its pointers are set. ERR_INVALID, with an empty contact, where a fault was found. */
int contact_draft_end(struct contact_draft *d) MUST_CHECK;

#endif
