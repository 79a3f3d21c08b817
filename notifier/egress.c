/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/egress.h"

#include <netinet/in.h>

#include "common/domain/address.h"
#include "common/domain/webhook_url.h"

enum http_fail egress_judge_url(const char *url, size_t len, const struct cidr_list *allowed,
                                struct egress_rule *ret_rule)
{
    struct webhook_url parsed;
    if (webhook_url_parse(url, len, &parsed, NULL) < 0)
        return HTTP_FAIL_URL;
    *ret_rule = (struct egress_rule){.allowed = allowed, .is_https = parsed.is_https, .is_literal = parsed.is_literal};
    return webhook_url_judge(&parsed, allowed, NULL) < 0 ? HTTP_FAIL_ADDRESS : HTTP_FAIL_NONE;
}

bool egress_permits(const struct sockaddr *address, void *arg)
{
    const struct egress_rule *rule = arg;
    struct address target;
    socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (address_from_sockaddr(address, len, &target) < 0)
        return false;
    return webhook_address_is_permitted(&target, rule->is_https, rule->allowed);
}
