/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/cidr.h"

#include <string.h>

#include "common/base/parse.h"

#define V4_LEN 4
#define MAPPED_BITS 96 /* in front of the IPv4 address in ::ffff:0:0/96 */

/* True where no bit behind the prefix is set. */
static bool is_network(const struct address *base, unsigned bits)
{
    for (unsigned i = bits; i < 8u * base->len; i++) {
        if (base->bytes[i / 8] & (0x80u >> (i % 8)))
            return false;
    }
    return true;
}

int cidr_parse(const char *text, size_t len, struct cidr *ret_cidr)
{
    const char *slash = memchr(text, '/', len);
    size_t address_len = slash ? (size_t)(slash - text) : len;
    struct cidr cidr;
    int rc = address_parse(text, address_len, &cidr.base);
    if (rc < 0)
        return rc;

    unsigned all_bits = 8u * cidr.base.len;
    uint64_t bits = all_bits;
    if (slash) {
        bool is_mapped = cidr.base.len == V4_LEN && memchr(text, ':', address_len);
        size_t bits_len = len - address_len - 1;
        if (bits_len > 1 && slash[1] == '0')
            return ERR_INVALID;
        if (parse_u64(slash + 1, bits_len, is_mapped ? MAPPED_BITS + all_bits : all_bits, &bits) < 0)
            return ERR_INVALID;
        if (is_mapped && bits < MAPPED_BITS)
            return ERR_INVALID;
        bits -= is_mapped ? MAPPED_BITS : 0;
    }
    if (!is_network(&cidr.base, (unsigned)bits))
        return ERR_INVALID;
    cidr.prefix_bits = (uint8_t)bits;
    *ret_cidr = cidr;
    return 0;
}

bool cidr_contains(const struct cidr *cidr, const struct address *address)
{
    if (cidr->base.len != address->len)
        return false;
    unsigned whole = cidr->prefix_bits / 8u, rest = cidr->prefix_bits % 8u;
    if (memcmp(cidr->base.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((cidr->base.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

int cidr_list_add(struct cidr_list *list, const char *text, size_t len)
{
    if (list->n == CIDR_LIST_MAX)
        return ERR_TOO_LARGE;
    int rc = cidr_parse(text, len, &list->items[list->n]);
    if (rc < 0)
        return rc;
    list->n++;
    return 0;
}

bool cidr_list_contains(const struct cidr_list *list, const struct address *address)
{
    for (size_t i = 0; list && i < list->n; i++) {
        if (cidr_contains(&list->items[i], address))
            return true;
    }
    return false;
}
