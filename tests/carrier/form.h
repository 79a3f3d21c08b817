/* SPDX-License-Identifier: Apache-2.0
 *
 * application/x-www-form-urlencoded: pairs of a name and a value, as browsers and Twilio write them (WHATWG URL,
 * section 5).
 */
#ifndef CARILLON_CARRIER_FORM_H
#define CARILLON_CARRIER_FORM_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define FORM_PAIRS_MAX 256

struct form_pair {
    const char *name;
    const char *value;
};

/* The pairs in the order they were written; a name may be there again. */
struct form {
    char *text; /* owned; the pairs point into it */
    size_t n;
    struct form_pair pairs[FORM_PAIRS_MAX];
};

/* Reads `len` bytes. ERR_INVALID for a malformed escape, a NUL, or what is not UTF-8; ERR_TOO_LARGE for too many pairs.
 * Whatever it returned, form_free() may follow. */
int form_parse(const char *text, size_t len, struct form *ret_form) MUST_CHECK;
void form_free(struct form *form);

/* Sorts by name, then by value; bytewise. */
void form_sort(struct form *form);

/* The first value of `name`, or NULL. */
const char *form_value(const struct form *form, const char *name);

/* Appends "name=value", escaped, behind a "&" where `out` is not empty. */
int form_add(struct buf *out, const char *name, const char *value) MUST_CHECK;

#endif
