/* SPDX-License-Identifier: Apache-2.0
 *
 * IP addresses, and which of them the public internet owns. A tenant's webhook may lead only there, unless the operator
 * permits a private range: otherwise a webhook is a way into the operator's network (SSRF). The verdict is about the
 * address a socket will connect to, however it was spelt. Used when a URL is submitted and again, on every resolved
 * address, when it is delivered.
 * Source of the ranges: the IANA special-purpose address registries, RFC 6052 (NAT64), RFC 3056 (6to4), RFC 5214.
 */
#ifndef CARILLON_DOMAIN_ADDRESS_H
#define CARILLON_DOMAIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"

#define ADDRESS_TEXT_LEN 45 /* the longest IPv6 spelling */

/* 4 or 16 bytes in network order. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is held as the IPv4 address it is. */
struct address {
    uint8_t bytes[16];
    uint8_t len; /* 4 or 16 */
};

/* Reads dotted-quad decimal IPv4 or RFC 4291 IPv6 (no brackets, no zone). Octal, hexadecimal, short and integer IPv4
 * spellings are ERR_INVALID. */
int address_parse(const char *text, size_t len, struct address *ret_address) MUST_CHECK;
/* From AF_INET or AF_INET6; ERR_INVALID for another family or a length that does not fit. */
int address_from_sockaddr(const struct sockaddr *sa, socklen_t sa_len, struct address *ret_address) MUST_CHECK;
/* Writes the canonical spelling. */
void address_format(const struct address *address, char ret[ADDRESS_TEXT_LEN + 1]);

/* True where the address is globally reachable unicast and carries no denied IPv4 address inside it. */
bool address_is_public(const struct address *address);

#endif
