/* SPDX-License-Identifier: Apache-2.0
 *
 * Address ranges ("10.0.0.0/8", "::1/128") and lists of them: what --allow-private-webhooks gives.
 */
#ifndef CARILLON_DOMAIN_CIDR_H
#define CARILLON_DOMAIN_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/address.h"

#define CIDR_LIST_MAX 64

struct cidr {
    struct address base;
    uint8_t prefix_bits; /* 0..32 or 0..128, after the base's family */
};

/* A plain value; {0} is empty. */
struct cidr_list {
    struct cidr items[CIDR_LIST_MAX];
    size_t n;
};

/* Reads "address/bits", or an address alone as a range of one. Bits set behind the prefix are ERR_INVALID (a typo
 * should not open another network), and so is everything else that is not a range. */
int cidr_parse(const char *text, size_t len, struct cidr *ret_cidr) MUST_CHECK;
/* An IPv4 range matches IPv4-mapped IPv6 addresses too; an IPv6 range never matches an IPv4 address. */
bool cidr_contains(const struct cidr *cidr, const struct address *address);

/* Adds a range in text. ERR_INVALID as cidr_parse(), ERR_TOO_LARGE over CIDR_LIST_MAX. */
int cidr_list_add(struct cidr_list *list, const char *text, size_t len) MUST_CHECK;
/* False for a NULL list. */
bool cidr_list_contains(const struct cidr_list *list, const struct address *address);

#endif
