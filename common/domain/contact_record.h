/* SPDX-License-Identifier: Apache-2.0
 *
 * A contact's record in Redis: proto/carillon/v1/contact.proto. The scripts read its first two fields by their place.
 */
#ifndef CARILLON_DOMAIN_CONTACT_RECORD_H
#define CARILLON_DOMAIN_CONTACT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/domain/contact.h"

/* Packs the contact. Where the record would be longer than LIMIT_RECORD_INLINE_BYTES, its metadata stays out,
 * `ret_metadata_elsewhere` is set, and the caller writes c->metadata to :extra. `record` is cleared first. */
int contact_record_pack(const struct contact *c, struct buf *record, bool *ret_metadata_elsewhere) MUST_CHECK;
/* Unpacks a record into `c`. Where it keeps its metadata elsewhere, `ret_metadata_elsewhere` is set and metadata is ""
 * until contact_record_attach_metadata(). ERR_INVALID for what is not a record; `c` holds no contact then. */
int contact_record_unpack(struct contact *c, const void *record, size_t len, bool *ret_metadata_elsewhere) MUST_CHECK;
/* Gives the contact that was just unpacked its metadata. */
int contact_record_attach_metadata(struct contact *c, const char *metadata, size_t len) MUST_CHECK;
/* The same for one whose record holds values only (c->values): `columns` are its batch's (contact_layout.h). Does
 * nothing for any other. ERR_NOT_FOUND: they lack one that the record refers to; ERR_INVALID; ERR_NOMEM. */
int contact_record_attach_columns(struct contact *c, const char *columns, size_t len) MUST_CHECK;

#endif
