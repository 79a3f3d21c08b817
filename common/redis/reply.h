/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a reply without trusting its shape: what sits in Redis is input like any other. Every reader takes NULL and
 * the wrong type and says so.
 */
#ifndef CARILLON_REDIS_REPLY_H
#define CARILLON_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct redisReply;

/* The text of an error reply, or NULL where it is none (or `r` is NULL). */
const char *reply_error(const struct redisReply *r);
/* True for an error reply that begins with `code` and a space or its end ("NOSCRIPT", "OOM", "READONLY"). */
bool reply_error_is(const struct redisReply *r, const char *code);
/* True for an error reply that says that the user lacks a permission: NOPERM, and what Redis 7.0 answers for a script
 * that may not do something. */
bool reply_is_denied(const struct redisReply *r);
/* 0, or the ERR_* that an error reply stands for: OOM, LOADING, READONLY, BUSY, MASTERDOWN, CLUSTERDOWN, MISCONF and
 * NOREPLICAS are ERR_UNAVAILABLE, NOAUTH, WRONGPASS and what reply_is_denied() are ERR_AUTH, our scripts' own codes
 * their namesakes
 * ("ERR_STATE ..."), anything else ERR_PROTOCOL. NULL is ERR_CLOSED. */
int reply_to_err(const struct redisReply *r);

bool reply_is_nil(const struct redisReply *r);
/* The elements of an array; 0 for anything else. */
size_t reply_len(const struct redisReply *r);
/* Element `index`, or NULL. Borrowed. */
const struct redisReply *reply_at(const struct redisReply *r, size_t index);
/* A string or status; ERR_PROTOCOL for another type. Borrowed, NUL-terminated, may hold NULs. */
int reply_str(const struct redisReply *r, const char **ret_text, size_t *ret_len) MUST_CHECK;
/* The same as a copy that ends with a NUL; ERR_PROTOCOL too where it holds one itself, or does not fit. */
int reply_copy(const struct redisReply *r, char *ret_text, size_t cap) MUST_CHECK;
/* An integer, or a string that is one; ERR_PROTOCOL for anything else. */
int reply_i64(const struct redisReply *r, int64_t *ret_value) MUST_CHECK;
/* The value behind `field` in a flat array of field, value, ... (HGETALL and our scripts); NULL where absent. */
const struct redisReply *reply_field(const struct redisReply *r, const char *field);

/* The value of "name:value" in what INFO answers; ERR_NOT_FOUND where it is not there. Borrowed, `ret_len` bytes. */
int reply_info(const struct redisReply *r, const char *name, const char **ret_value, size_t *ret_len) MUST_CHECK;

#endif
