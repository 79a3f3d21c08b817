/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const char *const PUBLIC[] = {
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.88.98.255",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.101.0",
    "203.0.112.255",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2001:200::1",
    "2a00:1450::1",
    "2001:db7::1",
    "3ffe::1",
    "::ffff:8.8.8.8", /* an IPv4 address in IPv6 clothes is judged as what it is */
    "2a00:1450::5efe:8.8.8.8", /* ISATAP to a public address */
};

/* Each was let through by some guard in the field. */
static const char *const DENIED[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.0",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1", /* IPv4-compatible */
    "::ffff:127.0.0.1", /* IPv4-mapped */
    "::ffff:7f00:1", /* the same in hexadecimal */
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", /* SIIT */
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1", /* NAT64 */
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1", /* NAT64 for local use */
    "100::1", /* discard */
    "2001::1", /* Teredo */
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", /* benchmarking */
    "2001:10::1", /* ORCHID */
    "2001:1ff:ffff::1",
    "2001:db8::1", /* documentation */
    "2002:7f00:1::", /* 6to4 of 127.0.0.1 */
    "2002:808:808::1",
    "2620:4f:8000::1", /* AS112 */
    "3fff::1", /* documentation */
    "3fff:fff:ffff::1",
    "4000::1",
    "5f00::1", /* segment routing */
    "fc00::1",
    "fd00:ec2::254", /* a cloud's metadata */
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2a00:1450::5efe:127.0.0.1", /* ISATAP to this machine */
    "2a00:1450::200:5efe:10.0.0.1",
};

static struct address parsed(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, strlen(text), &address), 0);
    return address;
}

static void test_only_what_the_internet_owns_is_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(PUBLIC); i++) {
        struct address address = parsed(PUBLIC[i]);
        if (!address_is_public(&address))
            fail_msg("%s should be public", PUBLIC[i]);
    }
    for (size_t i = 0; i < COUNT(DENIED); i++) {
        struct address address = parsed(DENIED[i]);
        if (address_is_public(&address))
            fail_msg("%s should be denied", DENIED[i]);
    }
}

static void test_a_socket_address_gets_the_verdict_of_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(PUBLIC) + COUNT(DENIED); i++) {
        const char *text = i < COUNT(PUBLIC) ? PUBLIC[i] : DENIED[i - COUNT(PUBLIC)];
        struct address want = parsed(text), got;
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
            assert_int_equal(address_from_sockaddr((struct sockaddr *)&in, sizeof in, &got), 0);
        } else {
            assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
            assert_int_equal(address_from_sockaddr((struct sockaddr *)&in6, sizeof in6, &got), 0);
        }
        assert_int_equal(got.len, want.len);
        assert_memory_equal(got.bytes, want.bytes, want.len);
    }
}

static void test_a_socket_address_of_another_kind_or_cut_short_is_refused(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address address;
    (void)state;
    assert_int_equal(address_from_sockaddr(&other, sizeof other, &address), ERR_INVALID);
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&in, sizeof in - 1, &address), ERR_INVALID);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    assert_int_equal(address_from_sockaddr((struct sockaddr *)&in6, sizeof in, &address), ERR_INVALID);
    assert_int_equal(address_from_sockaddr(&other, 0, &address), ERR_INVALID);
}

static void test_spellings_that_only_some_resolvers_read_are_no_addresses(void **state)
{
    static const char *const cases[] = {
        "",          "127.1",     "127.0.1",  "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01",
        "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4",   "1.2.3.-4",   "[::1]",      "::1%lo",     "fe80::1%eth0",
        ":::1",      "1::2::3",   "::12345",  "::1/128",    "1.2.3.4:80", "localhost",  "1.2.3.",     "::ffff:1.2.3",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        if (address_parse(cases[i], strlen(cases[i]), &address) != ERR_INVALID)
            fail_msg("\"%s\" should not be an address", cases[i]);
    }
    struct address address;
    assert_int_equal(address_parse("1.2.3.4\0", 8, &address), ERR_INVALID);
}

static void test_an_address_has_one_spelling(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"1.2.3.4", "1.2.3.4"},
        {"::FFFF:1.2.3.4", "1.2.3.4"},
        {"2001:0DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"0:0:0:0:0:0:0:1", "::1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = parsed(cases[i].text);
        char text[ADDRESS_TEXT_LEN + 1];
        address_format(&address, text);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_the_internet_owns_is_public),
        cmocka_unit_test(test_a_socket_address_gets_the_verdict_of_its_text),
        cmocka_unit_test(test_a_socket_address_of_another_kind_or_cut_short_is_refused),
        cmocka_unit_test(test_spellings_that_only_some_resolvers_read_are_no_addresses),
        cmocka_unit_test(test_an_address_has_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
