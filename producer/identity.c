/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/identity.h"

#include <string.h>

#include "common/base/ident.h"
#include "common/base/parse.h"
#include "common/redis/reply.h"

static const char *const role_names[] = {
    [ROLE_TENANT] = "tenant", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator"};

const char *identity_role_name(enum role role)
{
    return role_names[role];
}

static int read_role(const struct redisReply *reply, enum role *ret_role)
{
    char text[16];
    int err = reply_copy(reply, text, sizeof text);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *ret_role = (enum role)i;
            return 0;
        }
    }
    return ERR_PROTOCOL;
}

/* Milliseconds, or -1. */
static int read_ms(const struct redisReply *reply, int64_t *ret_us)
{
    int64_t ms;
    int err = reply_i64(reply, &ms);
    if (err)
        return err;
    if (ms < -1 || ms > LIMIT_INSTANT_MS)
        return ERR_PROTOCOL;
    *ret_us = ms < 0 ? -1 : ms * 1000;
    return 0;
}

/* "": none of its own. */
static int read_rate(const struct redisReply *reply, int64_t *ret_rate)
{
    const char *text;
    size_t len;
    int err = reply_str(reply, &text, &len);
    *ret_rate = 0;
    if (!err && len > 0)
        err = parse_i64(text, len, 1, LIMIT_TENANT_REQUEST_RATE, ret_rate);
    return err ? ERR_PROTOCOL : 0;
}

int identity_read(const struct redisReply *reply, struct key_said *ret_said)
{
    struct key_said said = {.who.role = ROLE_VIEWER};
    struct identity *who = &said.who;
    int err = read_role(reply_at(reply, 0), &who->role);
    if (!err)
        err = read_ms(reply_at(reply, 1), &said.left_us);
    if (!err)
        err = read_ms(reply_at(reply, 2), &said.unnoted_us);
    if (!err)
        err = reply_copy(reply_at(reply, 3), who->tenant, sizeof who->tenant);
    if (!err)
        err = reply_copy(reply_at(reply, 4), who->cell, sizeof who->cell);
    if (!err)
        err = reply_copy(reply_at(reply, 5), who->alias, sizeof who->alias);
    if (!err)
        err = read_rate(reply_at(reply, 6), &who->requests_per_second);
    if (!err && who->role != ROLE_OPERATOR &&
        (!ident_is_valid(who->tenant, strlen(who->tenant), LIMIT_ID_LEN) ||
         !ident_is_cell(who->cell, strlen(who->cell))))
        err = ERR_PROTOCOL;
    if (!err)
        *ret_said = said;
    return err;
}
