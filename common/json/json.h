/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON at the borders. A strict pass (libyajl plus the checks it lacks) refuses what cJSON would accept: invalid UTF-8,
 * \u0000 and lone surrogates, duplicate keys, numbers out of range, text behind the value, too great a depth. Only then
 * does cJSON build a tree, and only of bounded pieces.
 */
#ifndef CARILLON_JSON_JSON_H
#define CARILLON_JSON_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Where and why a text was refused; for an error answer. */
struct json_fault {
    size_t offset; /* bytes from the start of the text to just before or just behind what is wrong */
    char path[256]; /* "contacts[17].metadata.x"; cut at the end where longer; "" for the whole text */
    char reason[96]; /* "duplicate key", "invalid UTF-8", ... */
};

/* Checks and parses one whole value. The caller frees it with cJSON_Delete(). ERR_INVALID with `ret_fault` (may be
 * NULL) filled; ERR_NOMEM. Beside RFC 8259 it bounds depth, values, members of an object, length of keys and of numbers
 * (LIMIT_JSON_*). Integers beyond 2^53 pass; cJSON's double then holds them rounded. */
int json_parse(const char *text, size_t len, cJSON **ret_value, struct json_fault *ret_fault) MUST_CHECK;

/* Appends a tree as compact JSON. cJSON writes a double to 15 digits: integers that matter are added by json_add_i64(),
 * what must keep its bytes by json_add_raw(). */
int json_print(const cJSON *value, struct buf *out) MUST_CHECK;

/* Appends a text in UTF-8 as a JSON string, as json_print() writes one. ERR_NOMEM. */
int json_append_str(struct buf *out, const char *text, size_t len) MUST_CHECK;

/* ---- building: each returns the new child, owned by `object`; NULL where memory ran out or `object` is NULL ---- */
/* Adds `json`, which must be valid JSON already, byte for byte. */
cJSON *json_add_raw(cJSON *object, const char *key, const char *json, size_t len);
/* Adds a string, or null where `text` is NULL. */
cJSON *json_add_str(cJSON *object, const char *key, const char *text);
/* Adds a string behind the last of an array. */
cJSON *json_add_item(cJSON *array, const char *text);
/* Adds an integer exactly, also beyond 2^53. */
cJSON *json_add_i64(cJSON *object, const char *key, int64_t value);

/* ---- cutting a large object while it arrives ----
 * Splits {"a":..., "contacts":[{...},{...}], ...} into its members and the elements of one named array, without ever
 * holding more than one of them. */
struct json_cutter;

struct json_cutter_config {
    const char *array_key; /* the member whose elements are handed out one by one; borrowed */
    size_t element_max; /* bytes of one element */
    size_t member_max; /* bytes of any other member's value */
    /* A member but the array: its value's bytes, checked. A negative return stops the cutting and is returned. */
    int (*on_member)(const char *key, const char *value, size_t len, void *arg);
    /* The array begins (so that an empty one is noticed). May be NULL. */
    int (*on_array)(void *arg);
    int (*on_element)(size_t index, const char *value, size_t len, void *arg);
    void *arg;
};

int json_cutter_create(const struct json_cutter_config *config, struct json_cutter **ret_cutter) MUST_CHECK;
void json_cutter_free(struct json_cutter *c);
/* Feeds the next piece; pieces may be cut anywhere. ERR_INVALID or ERR_TOO_LARGE with the fault, or what a callback
 * returned; after an error nothing more may be fed. An array_key member that is not an array is handed to on_member. */
int json_cutter_feed(struct json_cutter *c, const char *data, size_t len, struct json_fault *ret_fault) MUST_CHECK;
/* The text is complete: ERR_INVALID where it is cut short or not an object. */
int json_cutter_finish(struct json_cutter *c, struct json_fault *ret_fault) MUST_CHECK;

#endif
