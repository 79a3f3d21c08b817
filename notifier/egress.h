/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a webhook may go. The URL is judged again before each attempt, and each address before a socket to it is made:
 * what a name resolves to can change between the batch's submission and the delivery.
 */
#ifndef CARILLON_NOTIFIER_EGRESS_H
#define CARILLON_NOTIFIER_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/domain/cidr.h"
#include "common/http/client.h"

/* One attempt's rule; lives as long as its transfer. */
struct egress_rule {
    const struct cidr_list *allowed; /* borrowed */
    bool is_https;
    bool is_literal; /* the URL's host is an address */
};

/* Reads and judges a URL. HTTP_FAIL_NONE with `ret_rule` filled; HTTP_FAIL_URL where it is no URL of a webhook;
 * HTTP_FAIL_ADDRESS, with `ret_rule` filled too, where it must not be connected to at all. */
enum http_fail egress_judge_url(const char *url, size_t len, const struct cidr_list *allowed,
                                struct egress_rule *ret_rule);

/* An http_address_fn; `arg` is the attempt's rule. */
bool egress_permits(const struct sockaddr *address, void *arg);

#endif
