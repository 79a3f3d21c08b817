/* SPDX-License-Identifier: Apache-2.0
 *
 * What the metadata of a batch's contacts has in common, kept once for all of them: the texts between the values, such
 * as
 * `{"city":` and `,"plan":`. A record then holds values only: for each a varint (twice the text's place among them, and
 * 1 more where the value is a string), a varint (its bytes) and the value, a string without its quotes. Byte for byte
 * the same metadata comes out of it. The texts only ever grow in number: what a record refers to stays where it is.
 */
#ifndef CARILLON_DOMAIN_CONTACT_LAYOUT_H
#define CARILLON_DOMAIN_CONTACT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* The texts of one batch, as they are being gathered. */
struct contact_layout;

int contact_layout_create(struct contact_layout **ret_columns) MUST_CHECK;
/* Accepts NULL. */
void contact_layout_free(struct contact_layout *c);

/* As they lie in batch:<id>:columns: each with a newline behind it. Borrowed until the next change. */
const char *contact_layout_text(const struct contact_layout *c, size_t *ret_len);
/* Forgets what was gathered: the batch has these. ERR_INVALID where they are not as this module writes them, and then
 * there are none. */
int contact_layout_set(struct contact_layout *c, const char *text, size_t len) MUST_CHECK;

/* Appends a record to `out` with values in place of its metadata, and gathers the texts that are new; or as it is,
 * where it has no metadata, the metadata is not laid out as an object on one line, or there is no room for its texts
 * (LIMIT_COLUMNS). `record` is what contact_record_pack() made. ERR_NOMEM. */
int contact_layout_shorten(struct contact_layout *c, const void *record, size_t len, struct buf *out) MUST_CHECK;

/* Appends the metadata that `values` are of, to no more than LIMIT_METADATA_BYTES. ERR_NOT_FOUND: they refer to what is
 * not in `text`; ERR_INVALID: they make no sense; ERR_NOMEM. `out` is to be thrown away after an error. */
int contact_layout_restore(const char *text, size_t text_len, const char *values, size_t len,
                           struct buf *out) MUST_CHECK;

#endif
