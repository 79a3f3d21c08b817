/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant or a trunk as it is shown: its hash in Redis as an object. What is sealed is never shown.
 */
#ifndef CARILLON_PRODUCER_RESOURCE_VIEW_H
#define CARILLON_PRODUCER_RESOURCE_VIEW_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "common/base/err.h"

struct redisReply;

enum resource_form {
    RESOURCE_TEXT,
    RESOURCE_NUMBER,
    RESOURCE_JSON,
    RESOURCE_INSTANT, /* Unix ms */
    RESOURCE_SEALED, /* never shown; "sealed" where there is one */
};

/* How a field of the hash is shown. */
struct resource_field {
    const char *field; /* as stored */
    const char *name; /* as shown */
    enum resource_form form;
    const char *heading; /* of its column in a list of the command line tool; NULL: not there */
};

/* Adds the fields of `hash`, what HGETALL answered; null for those that are not there. Fields "var:<name>" are added as
 * "variables". ERR_NOT_FOUND where the hash is empty; ERR_NOMEM; ERR_PROTOCOL. */
int resource_view_add(const struct redisReply *hash, const struct resource_field *fields, size_t n_fields,
                      cJSON *object) MUST_CHECK;

#endif
