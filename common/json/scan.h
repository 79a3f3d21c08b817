/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/json: the strict pass over a text that arrives in pieces. libyajl knows the grammar; what it lets
 * through (docs/decisions/0002-json.md) is refused here.
 */
#ifndef CARILLON_JSON_SCAN_H
#define CARILLON_JSON_SCAN_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/json/json.h"

enum json_event_kind {
    JSON_EVENT_KEY,
    JSON_EVENT_SCALAR, /* a string, a number, true, false or null */
    JSON_EVENT_OPEN_OBJECT,
    JSON_EVENT_OPEN_ARRAY,
    JSON_EVENT_CLOSE,
};

struct json_event {
    enum json_event_kind kind;
    size_t depth; /* containers around the thing that opens, closes or stands there; 0 for the whole text */
    const char *key; /* decoded, with no NUL behind it; only for JSON_EVENT_KEY */
    size_t key_len;
    size_t end; /* bytes of the piece under way up to the token's end; 0 where it ended with the piece before */
};

/* Called in the order of the text. A negative return stops the scan and is returned by json_scan_feed(). */
typedef int (*json_event_fn)(const struct json_event *event, void *arg);

struct json_scan;

/* How many of the first bytes are neither control characters, quotes nor backslashes: they stand in a string as they
 * are, and change nothing for the scan. */
size_t json_count_plain(const char *data, size_t len);

/* `fn` may be NULL. */
int json_scan_create(json_event_fn fn, void *arg, struct json_scan **ret_scan) MUST_CHECK;
/* Accepts NULL. */
void json_scan_free(struct json_scan *s);

/* 0, ERR_INVALID with `ret_fault` (may be NULL) filled, ERR_NOMEM, or what `fn` returned, after which nothing more may
 * be fed. Fault and events are the same however the text is cut. */
int json_scan_feed(struct json_scan *s, const char *data, size_t len, struct json_fault *ret_fault) MUST_CHECK;
int json_scan_finish(struct json_scan *s, struct json_fault *ret_fault) MUST_CHECK;

/* Appends to a path of `cap` bytes; what does not fit is cut between two characters. */
void json_path_append(char *path, size_t cap, const char *text, size_t len);

#endif
