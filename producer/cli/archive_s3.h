/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage that speaks S3, where archives may go: objects by path-style URLs, requests signed with AWS Signature Version
 * 4 (http_sigv4). One question at a time, as the session's.
 */
#ifndef CARILLON_PRODUCER_CLI_ARCHIVE_S3_H
#define CARILLON_PRODUCER_CLI_ARCHIVE_S3_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "producer/cli/session.h"

struct archive_s3;

/* Borrowed for its life. */
struct archive_s3_config {
    struct session *session;
    const char *endpoint; /* "https://s3.eu-central-1.amazonaws.com", without a slash behind */
    const char *region;
    const char *bucket_and_prefix; /* "bucket" or "bucket/some/folder" */
    const char *credentials; /* "ID:SECRET" */
};

/* "s3://bucket/some/folder" without its beginning; NULL where the target is none. A slash behind is not part of it:
 * the caller judges the rest with archive_s3_check(). */
const char *archive_s3_target(const char *target);
/* Whether it is a bucket (3 to 63 of a-z 0-9 . -), perhaps with a prefix of letters that need no escape in a URL. */
bool archive_s3_check(const char *bucket_and_prefix);

/* ERR_NOMEM. */
int archive_s3_create(const struct archive_s3_config *config, struct archive_s3 **ret_s3) MUST_CHECK;
/* Accepts NULL. */
void archive_s3_free(struct archive_s3 *s3);

/* Whether there is an object of that name. ERR_UNAVAILABLE, told by archive_s3_problem(). */
int archive_s3_has(struct archive_s3 *s3, const char *name, bool *ret_has) MUST_CHECK;
/* Writes `size` bytes of `file` as that object, at once or not at all. ERR_UNAVAILABLE. */
int archive_s3_put(struct archive_s3 *s3, const char *name, FILE *file, int64_t size) MUST_CHECK;
/* Why the last one failed: words for people, borrowed. Holds no secret. */
const char *archive_s3_problem(const struct archive_s3 *s3);

#endif
