/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4_LEN 4
#define V6_LEN 16

struct range4 {
    uint32_t base;
    uint8_t bits;
};

struct range6 {
    uint8_t base[V6_LEN];
    uint8_t bits;
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 DENIED4[] = {
    {V4(0, 0, 0, 0), 8}, /* this network; 0.0.0.0 reaches the host itself */
    {V4(10, 0, 0, 0), 8}, /* private */
    {V4(100, 64, 0, 0), 10}, /* carrier-grade NAT, overlay networks, some clouds' metadata */
    {V4(127, 0, 0, 0), 8}, /* loopback */
    {V4(168, 63, 129, 16), 32}, /* Azure's host agent */
    {V4(169, 254, 0, 0), 16}, /* link local, clouds' metadata */
    {V4(172, 16, 0, 0), 12}, /* private */
    {V4(192, 0, 0, 0), 24}, /* protocol assignments */
    {V4(192, 0, 2, 0), 24}, /* documentation */
    {V4(192, 31, 196, 0), 24}, /* AS112 */
    {V4(192, 52, 193, 0), 24}, /* AMT */
    {V4(192, 88, 99, 0), 24}, /* 6to4 relays */
    {V4(192, 168, 0, 0), 16}, /* private */
    {V4(192, 175, 48, 0), 24}, /* AS112 */
    {V4(198, 18, 0, 0), 15}, /* benchmarking */
    {V4(198, 51, 100, 0), 24}, /* documentation */
    {V4(203, 0, 113, 0), 24}, /* documentation */
    {V4(224, 0, 0, 0), 4}, /* multicast */
    {V4(240, 0, 0, 0), 4}, /* reserved, broadcast */
};

/* All that is not in here is refused: unspecified, loopback, mapped, NAT64, unique local, link local, multicast ... */
static const struct range6 GLOBAL6 = {{0x20}, 3};

static const struct range6 DENIED6[] = {
    {{0x20, 0x01}, 23}, /* protocol assignments: Teredo, benchmarking, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16}, /* 6to4: carries an IPv4 address */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* AS112 */
    {{0x3f, 0xff}, 20}, /* documentation */
};

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool is_mapped(const uint8_t bytes[V6_LEN])
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(bytes, prefix, sizeof prefix) == 0;
}

static struct address from_v4(const uint8_t bytes[V4_LEN])
{
    struct address address = {.len = V4_LEN};
    memcpy(address.bytes, bytes, V4_LEN);
    return address;
}

static struct address from_v6(const uint8_t bytes[V6_LEN])
{
    if (is_mapped(bytes))
        return from_v4(bytes + V6_LEN - V4_LEN);
    struct address address = {.len = V6_LEN};
    memcpy(address.bytes, bytes, V6_LEN);
    return address;
}

int address_parse(const char *text, size_t len, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_LEN + 1];
    if (len == 0 || len >= sizeof copy || memchr(text, '\0', len))
        return ERR_INVALID;
    memcpy(copy, text, len);
    copy[len] = '\0';

    uint8_t bytes[V6_LEN];
    if (inet_pton(AF_INET, copy, bytes) == 1)
        *ret_address = from_v4(bytes);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        *ret_address = from_v6(bytes);
    else
        return ERR_INVALID;
    return 0;
}

int address_from_sockaddr(const struct sockaddr *sa, socklen_t sa_len, struct address *ret_address)
{
    if (sa_len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        uint8_t bytes[V4_LEN];
        memcpy(bytes, &in.sin_addr, sizeof bytes);
        *ret_address = from_v4(bytes);
        return 0;
    }
    if (sa_len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        *ret_address = from_v6(in6.sin6_addr.s6_addr);
        return 0;
    }
    return ERR_INVALID;
}

void address_format(const struct address *address, char ret[ADDRESS_TEXT_LEN + 1])
{
    int family = address->len == V4_LEN ? AF_INET : AF_INET6;
    if (!inet_ntop(family, address->bytes, ret, ADDRESS_TEXT_LEN + 1))
        ret[0] = '\0';
}

static bool is_public4(const uint8_t bytes[V4_LEN])
{
    uint32_t value = V4(bytes[0], bytes[1], bytes[2], bytes[3]);
    for (size_t i = 0; i < sizeof DENIED4 / sizeof DENIED4[0]; i++) {
        if (((value ^ DENIED4[i].base) >> (32 - DENIED4[i].bits)) == 0)
            return false;
    }
    return true;
}

/* An ISATAP interface id, 0000:5efe or 0200:5efe, is followed by the IPv4 address that packets are tunnelled to. */
static bool has_isatap_id(const uint8_t bytes[V6_LEN])
{
    return (bytes[8] & 0xfd) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

static bool is_public6(const uint8_t bytes[V6_LEN])
{
    if (!bits_equal(bytes, GLOBAL6.base, GLOBAL6.bits))
        return false;
    for (size_t i = 0; i < sizeof DENIED6 / sizeof DENIED6[0]; i++) {
        if (bits_equal(bytes, DENIED6[i].base, DENIED6[i].bits))
            return false;
    }
    return !has_isatap_id(bytes) || is_public4(bytes + V6_LEN - V4_LEN);
}

bool address_is_public(const struct address *address)
{
    return address->len == V4_LEN ? is_public4(address->bytes) : is_public6(address->bytes);
}
