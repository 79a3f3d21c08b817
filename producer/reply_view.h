/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of an answer out of a flat array of field, value, ...: what is not there is null. Each returns false where
 * memory ran out.
 */
#ifndef CARILLON_PRODUCER_REPLY_VIEW_H
#define CARILLON_PRODUCER_REPLY_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

struct redisReply;

/* The field's text, or NULL. Borrowed. */
const char *reply_view_text(const struct redisReply *fields, const char *field);
/* The field's number, or `otherwise`. */
int64_t reply_view_number(const struct redisReply *fields, const char *field, int64_t otherwise);

bool reply_view_add_text(cJSON *object, const char *name, const struct redisReply *fields, const char *field);
bool reply_view_add_instant(cJSON *object, const char *name, const struct redisReply *fields, const char *field);
bool reply_view_add_number(cJSON *object, const char *name, const struct redisReply *fields, const char *field);

#endif
