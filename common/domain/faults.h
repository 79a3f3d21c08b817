/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with an input, all of it at once: a bounded list of {path, code, message}. The first ones are kept, the
 * rest only counted, so that a body of a hundred thousand bad contacts costs no more than a thousand. Warnings are kept
 * in a second list of the same kind.
 */
#ifndef CARILLON_DOMAIN_FAULTS_H
#define CARILLON_DOMAIN_FAULTS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* The codes that the rules of this layer give; others may add their own. Static strings. */
#define FAULT_REQUIRED "REQUIRED"
#define FAULT_TYPE "WRONG_TYPE"
#define FAULT_RANGE "OUT_OF_RANGE"
#define FAULT_LENGTH "WRONG_LENGTH"
#define FAULT_TOO_MANY "TOO_MANY"
#define FAULT_UNKNOWN_FIELD "UNKNOWN_FIELD"
#define FAULT_SYNTAX "INVALID_JSON"
#define FAULT_CHARACTERS "INVALID_CHARACTERS"
#define FAULT_NUMBER "INVALID_NUMBER"
#define FAULT_EMAIL "INVALID_EMAIL"
#define FAULT_TIMEZONE "INVALID_TIMEZONE"
#define FAULT_TIME "INVALID_TIME"
#define FAULT_START_PAST "START_NOT_IN_FUTURE"
#define FAULT_EXPIRY_EARLY "EXPIRY_NOT_AFTER_START"
#define FAULT_NEVER_OPEN "WINDOW_NEVER_OPENS"
#define FAULT_URL "INVALID_URL"
#define FAULT_URL_REFUSED "URL_NOT_ALLOWED"
#define FAULT_NOT_ALLOWED "NOT_ALLOWED"
#define FAULT_METADATA_SIZE "METADATA_TOO_LARGE"
#define FAULT_DUPLICATE "DUPLICATE"
/* Of a CSV file. */
#define FAULT_HEADER "INVALID_HEADER"
#define FAULT_ROW "INVALID_ROW"
/* Warnings only. */
#define WARNING_MOVED_TO_METADATA "MOVED_TO_METADATA"
#define WARNING_IGNORED "IGNORED"
#define WARNING_TWO_READINGS "TWO_READINGS"

/* The longest path and message that are kept; longer ones are cut. */
#define FAULT_PATH_LEN 255
#define FAULT_MESSAGE_LEN 255

struct fault {
    char *path; /* "options.retryStrategy.maxAttempts"; "" for the whole input */
    const char *code; /* static */
    char *message; /* a sentence without a subject: "must be an integer from 1 to 5"; no whole telephone number */
};

struct faults {
    struct fault *items;
    size_t n;
    size_t cap;
    size_t max;
    uint64_t more; /* found beyond `max`, or when memory ran out: counted, not listed */
    char prefix[FAULT_PATH_LEN + 1];
};

/* An empty list that keeps at most `max` (LIMIT_FAULTS, LIMIT_WARNINGS). Allocates nothing. */
void faults_init(struct faults *f, size_t max);
/* Frees the content; `f` is as after faults_init() with the same bound. */
void faults_free(struct faults *f);

/* Sets what goes before the path of every fault added from now on: faults_at(f, "contacts[%zu]", i). A dot joins the
 * two where both are there. "" takes it away. */
void faults_at(struct faults *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a fault at `path` below the prefix. `code` is a static string. Cannot fail: what cannot be kept is counted.
 * A NULL `f` drops it, for callers that want a verdict only. */
void faults_add(struct faults *f, const char *path, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* As faults_add(), for a path that is put together; `message` is a fixed text. */
void faults_add_path(struct faults *f, const char *code, const char *message, const char *path_format, ...)
    __attribute__((format(printf, 4, 5)));

/* Kept and counted ones together: 0 means that nothing was found. */
uint64_t faults_count(const struct faults *f);
/* The only fault's code, or NULL where there is none or more than one: some faults have an answer of their own. */
const char *faults_only_code(const struct faults *f);

/* Adds to `details` the API's "fieldErrors" (path -> [messages], in the order found) and, where not all were kept,
 * "more" (how many others). The whole input's own path is written as "body". */
int faults_add_field_errors(const struct faults *f, cJSON *details) MUST_CHECK;
/* Appends {path, code, message} objects to the array `list`; a last one {code: "MORE", message} tells of the rest. */
int faults_append_list(const struct faults *f, cJSON *list) MUST_CHECK;

#endif
