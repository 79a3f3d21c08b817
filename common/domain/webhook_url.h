/* SPDX-License-Identifier: Apache-2.0
 *
 * The URLs that a tenant gives for webhooks: a small strict reader, and the rule which of them are taken. What a host
 * name resolves to is judged at delivery; here only what the text itself shows.
 */
#ifndef CARILLON_DOMAIN_WEBHOOK_URL_H
#define CARILLON_DOMAIN_WEBHOOK_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/address.h"
#include "common/domain/cidr.h"

#define WEBHOOK_HOST_LEN 253
#define WEBHOOK_ORIGIN_LEN (WEBHOOK_HOST_LEN + 17) /* "https://" "[" "]" ":65535" */

struct webhook_url {
    bool is_https;
    bool is_literal; /* the host is an address */
    struct address address; /* where is_literal */
    char
        host[WEBHOOK_HOST_LEN + 1]; /* lower case, no trailing dot, no brackets; an address in its canonical spelling */
    uint16_t port; /* the scheme's own where none is written */
    char origin[WEBHOOK_ORIGIN_LEN + 1]; /* "https://host" or "http://[::1]:8080": names an endpoint of a tenant */
};

/* Reads scheme://host[:port][/path][?query]: http or https, no user, no fragment, at most LIMIT_URL_LEN bytes, visible
 * ASCII only, no backslash. A host that ends in a number must be a dotted-quad address, so that no resolver reads
 * another one out of it. ERR_INVALID with `ret_why` (may be NULL; a static message such as "must not carry a user"). */
int webhook_url_parse(const char *text, size_t len, struct webhook_url *ret_url, const char **ret_why) MUST_CHECK;

/* Judges a URL that was read: https to anything that is not plainly private; http and private addresses only inside
 * `allowed` (may be NULL: nothing is). A host *name* says nothing about its address: with an empty `allowed` it needs
 * https and at least two labels and must not be under localhost, local, internal or localdomain; with any range allowed
 * it passes, and the notifier judges each address. ERR_DENIED with `ret_why` (may be NULL). */
int webhook_url_judge(const struct webhook_url *url, const struct cidr_list *allowed, const char **ret_why) MUST_CHECK;

/* Whether a webhook may connect to `address`: the same rule for an address that a name resolved to. */
bool webhook_address_is_permitted(const struct address *address, bool is_https, const struct cidr_list *allowed);

#endif
