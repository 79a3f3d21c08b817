/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of an object's members and of an array's elements: for values that must be kept exactly as they were
 * written. Works on text that json_parse() has accepted; on other text it stops early but never reads past the end.
 */
#ifndef CARILLON_JSON_SPAN_H
#define CARILLON_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

/* Borrowed from the text. */
struct json_span {
    const char *text;
    size_t len;
};

/* A walk over an object's members, or an array's elements. */
struct json_members {
    const char *at;
    const char *end;
};

/* Starts at the first member; false where the text is not an object. */
bool json_members_begin(struct json_members *m, const char *json, size_t len);
/* The next member: its key with the quotes and escapes as written, and its value without spaces around. False after
 * the last. */
bool json_members_next(struct json_members *m, struct json_span *ret_key, struct json_span *ret_value);

/* The same for an array's elements; false where the text is not an array. */
bool json_elements_begin(struct json_members *m, const char *json, size_t len);
bool json_elements_next(struct json_members *m, struct json_span *ret_value);

/* True where the key, once its escapes are read, is `name` (which must be ASCII). */
bool json_key_equals(struct json_span key, const char *name);

#endif
