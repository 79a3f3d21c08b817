/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/egress.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "common/domain/address.h"

int egress_policy_add_own(struct egress_policy *policy)
{
    struct ifaddrs *list;
    if (getifaddrs(&list) < 0)
        return ERR_IO;
    for (const struct ifaddrs *at = list; at && policy->n_own < EGRESS_OWN_MOST; at = at->ifa_next) {
        int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
        socklen_t len = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
        if ((family == AF_INET || family == AF_INET6) &&
            address_from_sockaddr(at->ifa_addr, len, &policy->own[policy->n_own]) == 0)
            policy->n_own++;
    }
    freeifaddrs(list);
    return 0;
}

enum http_fail egress_judge_url(const char *url, size_t len, const struct egress_policy *policy,
                                struct egress_rule *ret_rule)
{
    struct webhook_url parsed;
    if (webhook_url_parse(url, len, &parsed, NULL) < 0)
        return HTTP_FAIL_URL;
    *ret_rule = (struct egress_rule){
        .policy = policy, .is_https = parsed.is_https, .is_literal = parsed.is_literal, .port = parsed.port};
    memcpy(ret_rule->host, parsed.host, sizeof ret_rule->host);
#ifndef CARILLON_UNGUARDED
    if (webhook_url_judge(&parsed, &policy->allowed, NULL) < 0)
        return HTTP_FAIL_ADDRESS;
#endif
    return HTTP_FAIL_NONE;
}

static bool is_own(const struct egress_policy *policy, const struct address *target)
{
    for (size_t i = 0; i < policy->n_own; i++) {
        if (policy->own[i].len == target->len && memcmp(policy->own[i].bytes, target->bytes, target->len) == 0)
            return true;
    }
    return false;
}

bool egress_permits(const struct sockaddr *address, void *arg)
{
#ifdef CARILLON_UNGUARDED /* the control of a test: it shows that without the guard something would connect */
    (void)address;
    (void)arg;
    (void)is_own;
    return true;
#else
    const struct egress_rule *rule = arg;
    struct address target;
    socklen_t len = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (address_from_sockaddr(address, len, &target) < 0)
        return false;
    if (is_own(rule->policy, &target) && !cidr_list_contains(&rule->policy->allowed, &target))
        return false;
    return webhook_address_is_permitted(&target, rule->is_https, &rule->policy->allowed);
#endif
}

enum http_fail egress_judge_addresses(const struct egress_rule *rule, const struct resolver_answer *answer)
{
    for (size_t i = 0; i < answer->n; i++) {
        if (!egress_permits(&answer->addresses[i].any, (void *)rule))
            return HTTP_FAIL_ADDRESS;
    }
    return HTTP_FAIL_NONE;
}
