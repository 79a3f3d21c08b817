/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct address parsed(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, strlen(text), &address), 0);
    return address;
}

static void test_a_range_holds_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *range;
        const char *address;
        bool want;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.0/31", "127.0.0.1", true},
        {"127.0.0.0/31", "127.0.0.2", false},
        {"172.16.0.0/12", "172.31.0.1", true},
        {"172.16.0.0/12", "172.32.0.1", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::1", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
        {"::1", "::1", true},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "1.2.3.4", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true}, /* mapped addresses are IPv4 */
        {"::ffff:10.0.0.0/104", "10.1.2.3", true}, /* mapped ranges too */
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"::ffff:10.1.2.3", "10.1.2.3", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr;
        struct address address = parsed(cases[i].address);
        assert_int_equal(cidr_parse(cases[i].range, strlen(cases[i].range), &cidr), 0);
        if (cidr_contains(&cidr, &address) != cases[i].want)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
    }
}

static void test_a_range_that_is_not_exact_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.0.0.0/08",
        "10.0.0.1/8",
        "10.0.0.0/8/8",
        "10.0.0/8",
        "::1/129",
        "fd00::1/8",
        "fd00::/",
        "example.com/8",
        "10.0.0.0/+8",
        "::ffff:10.0.0.0/95",
        "::ffff:10.0.0.0/129",
        "0x0a000000/8",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr;
        if (cidr_parse(cases[i], strlen(cases[i]), &cidr) != ERR_INVALID)
            fail_msg("\"%s\" should be refused", cases[i]);
    }
}

static void test_a_list_holds_what_any_of_its_ranges_holds(void **state)
{
    static struct cidr_list list;
    struct address in = parsed("10.1.2.3"), out = parsed("192.168.1.1"), loopback = parsed("::1");
    (void)state;
    assert_false(cidr_list_contains(NULL, &in));
    assert_false(cidr_list_contains(&list, &in));
    assert_int_equal(cidr_list_add(&list, "10.0.0.0/8", 10), 0);
    assert_int_equal(cidr_list_add(&list, "::1/128", 7), 0);
    assert_int_equal(cidr_list_add(&list, "nonsense", 8), ERR_INVALID);
    assert_int_equal(list.n, 2);
    assert_true(cidr_list_contains(&list, &in));
    assert_true(cidr_list_contains(&list, &loopback));
    assert_false(cidr_list_contains(&list, &out));
    while (list.n < CIDR_LIST_MAX)
        assert_int_equal(cidr_list_add(&list, "192.0.2.1", 9), 0);
    assert_int_equal(cidr_list_add(&list, "192.0.2.1", 9), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range_holds_its_addresses_and_no_others),
        cmocka_unit_test(test_a_range_that_is_not_exact_is_refused),
        cmocka_unit_test(test_a_list_holds_what_any_of_its_ranges_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
