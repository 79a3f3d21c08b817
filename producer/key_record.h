/* SPDX-License-Identifier: Apache-2.0
 *
 * An API key as it lies in the directory (common/lua/key_*.lua), and one that is being made. Only its SHA-256 is kept;
 * it is called by its id, which is the hash's beginning.
 */
#ifndef CARILLON_PRODUCER_KEY_RECORD_H
#define CARILLON_PRODUCER_KEY_RECORD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/limits.h"

struct redisReply;

#define KEY_RECORD_LABEL_CAP 257 /* what the scripts take, and a NUL */

/* What key_create, key_rotate and key_revoke answer, and key_list as a list of them. */
struct key_record {
    char id[LIMIT_ID_LEN + 1];
    char role[LIMIT_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1]; /* "" for an operator's */
    char label[KEY_RECORD_LABEL_CAP];
    char replaced_by[LIMIT_ID_LEN + 1]; /* the id of the key after it, or "" */
    int64_t created_ms;
    int64_t used_ms; /* to a minute; 0: never */
    int64_t expires_ms; /* 0: it does not */
};

/* ERR_PROTOCOL for a reply of another form. */
int key_record_read(const struct redisReply *reply, struct key_record *ret_key) MUST_CHECK;
/* {id, role, tenant, label, createdAt, lastUsedAt, expiresAt, replacedBy}, null for what is not there. NULL where
 * memory ran out. */
cJSON *key_record_json(const struct key_record *k);

/* 1 to LIMIT_KEY_LABEL_BYTES bytes of UTF-8 without control characters. */
bool key_label_is_good(const char *label, size_t len);

/* A new key: 256 random bits. */
#define KEY_SECRET_RANDOM_BYTES 32
#define KEY_SECRET_PREFIX "crl_"
#define KEY_SECRET_LEN (sizeof KEY_SECRET_PREFIX - 1 + (size_t)2 * KEY_SECRET_RANDOM_BYTES)

struct key_secret {
    char text[KEY_SECRET_LEN + 1]; /* shown once, kept nowhere */
    char sha[2 * DIGEST_SHA256_LEN + 1];
};

/* ERR_IO where the system has no random bytes. */
int key_secret_make(struct key_secret *ret_secret) MUST_CHECK;
/* Wipes it. */
void key_secret_clear(struct key_secret *secret);

#endif
