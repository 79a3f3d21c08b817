/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a webhook may go. The URL is judged again before each attempt; then every address that its name has now, of
 * which one that is not permitted refuses them all; and each address once more before a socket to it is made. What a
 * name resolves to can change between the batch's submission and the delivery, and between any two lookups.
 */
#ifndef CARILLON_NOTIFIER_EGRESS_H
#define CARILLON_NOTIFIER_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/domain/cidr.h"
#include "common/domain/webhook_url.h"
#include "common/http/client.h"

#define EGRESS_OWN_MOST 64

/* The process's: which private ranges are permitted, and which addresses are this machine's own, where nothing of a
 * tenant's can be. */
struct egress_policy {
    struct cidr_list allowed;
    struct address own[EGRESS_OWN_MOST];
    size_t n_own;
};

/* Adds the addresses of this machine's interfaces. ERR_IO. More than EGRESS_OWN_MOST are left out: what is private
 * among them is refused anyway. */
int egress_policy_add_own(struct egress_policy *policy) MUST_CHECK;

/* One attempt's rule; lives as long as its transfer. */
struct egress_rule {
    const struct egress_policy *policy; /* borrowed */
    bool is_https;
    bool is_literal; /* the URL's host is an address */
    char host[WEBHOOK_HOST_LEN + 1];
    uint16_t port;
};

/* Reads and judges a URL. HTTP_FAIL_NONE with `ret_rule` filled; HTTP_FAIL_URL where it is no URL of a webhook;
 * HTTP_FAIL_ADDRESS, with `ret_rule` filled too, where it must not be connected to at all. */
enum http_fail egress_judge_url(const char *url, size_t len, const struct egress_policy *policy,
                                struct egress_rule *ret_rule);

/* Judges what a name has resolved to: HTTP_FAIL_ADDRESS where any address of it must not be connected to. */
enum http_fail egress_judge_addresses(const struct egress_rule *rule, const struct resolver_answer *answer);

/* An http_address_fn; `arg` is the attempt's rule. */
bool egress_permits(const struct sockaddr *address, void *arg);

#endif
