/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/webhook_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_a_url_is_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *origin;
        uint16_t port;
        bool is_https;
    } cases[] = {
        {"https://api.example.com/hook", "api.example.com", "https://api.example.com", 443, true},
        {"https://api.example.com", "api.example.com", "https://api.example.com", 443, true},
        {"HTTPS://API.Example.COM/Hook", "api.example.com", "https://api.example.com", 443, true},
        {"https://api.example.com.:443/x", "api.example.com", "https://api.example.com", 443, true},
        {"https://api.example.com:8443?a=b", "api.example.com", "https://api.example.com:8443", 8443, true},
        {"http://127.0.0.1:9000/x?y@z", "127.0.0.1", "http://127.0.0.1:9000", 9000, false},
        {"http://receiver:80/", "receiver", "http://receiver", 80, false},
        {"https://my_host.example.com/", "my_host.example.com", "https://my_host.example.com", 443, true},
        {"http://[::1]:8080/", "::1", "http://[::1]:8080", 8080, false},
        {"https://[2001:DB8:0::1]/", "2001:db8::1", "https://[2001:db8::1]", 443, true},
        {"https://[::ffff:1.2.3.4]/", "1.2.3.4", "https://1.2.3.4", 443, true},
        {"https://xn--bcher-kva.example/", "xn--bcher-kva.example", "https://xn--bcher-kva.example", 443, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webhook_url url;
        const char *why = "";
        int rc = webhook_url_parse(cases[i].text, strlen(cases[i].text), &url, &why);
        if (rc != 0)
            fail_msg("%s %s", cases[i].text, why);
        assert_int_equal(url.is_https, cases[i].is_https);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.origin, cases[i].origin);
    }
}

static void test_what_two_readers_could_read_differently_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "api.example.com",
        "//api.example.com/",
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "https:/api.example.com/",
        "https:api.example.com",
        " https://api.example.com/",
        "https://api.example.com/ x",
        "https://api.example.com/\n",
        "https://api.example.com/\x7f",
        "https://api.example.com\\@127.0.0.1/",
        "https://user@api.example.com/",
        "https://user:secret@api.example.com/",
        "https://api.example.com:443@127.0.0.1/",
        "https://@api.example.com/",
        "https://api.example.com/#fragment",
        "https://api.example.com#@127.0.0.1",
        "https:///path",
        "https://?query",
        "https://:443/",
        "https://.../",
        "https://.example.com/",
        "https://a..b/",
        "https://api.example.com:/",
        "https://api.example.com:0/",
        "https://api.example.com:65536/",
        "https://api.example.com:+80/",
        "https://api.example.com:80:80/",
        "https://b\303\274cher.example/",
        "https://%31%32%37.0.0.1/",
        "https://api.example.com%2F@evil/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7F.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1.5/",
        "https://1.2.3.256/",
        "https://example.1/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[::1]:x/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://[]/",
        "https://::1/",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct webhook_url url;
        const char *why = NULL;
        if (webhook_url_parse(cases[i], strlen(cases[i]), &url, &why) != ERR_INVALID)
            fail_msg("\"%s\" should be refused", cases[i]);
        assert_non_null(why);
    }
}

static void test_lengths_are_bounded(void **state)
{
    char text[LIMIT_URL_LEN + 2];
    struct webhook_url url;
    (void)state;
    (void)snprintf(text, sizeof text, "https://api.example.com/%0*d", LIMIT_URL_LEN + 1 - 24, 0);
    assert_int_equal(strlen(text), LIMIT_URL_LEN + 1);
    assert_int_equal(webhook_url_parse(text, LIMIT_URL_LEN, &url, NULL), 0);
    assert_int_equal(webhook_url_parse(text, LIMIT_URL_LEN + 1, &url, NULL), ERR_INVALID);

    /* Four labels of 63, 63, 63 and 61 characters make the longest name there is. */
    (void)snprintf(text, sizeof text, "https://%062da.%062db.%062dc.d%061d", 0, 0, 0, 0);
    assert_int_equal(webhook_url_parse(text, 8 + WEBHOOK_HOST_LEN, &url, NULL), 0);
    assert_int_equal(strlen(url.host), WEBHOOK_HOST_LEN);
    assert_int_equal(webhook_url_parse(text, 8 + WEBHOOK_HOST_LEN + 1, &url, NULL), ERR_INVALID);

    (void)snprintf(text, sizeof text, "https://%062da", 0);
    assert_int_equal(webhook_url_parse(text, strlen(text), &url, NULL), 0);
    (void)snprintf(text, sizeof text, "https://%063da", 0);
    assert_int_equal(webhook_url_parse(text, strlen(text), &url, NULL), ERR_INVALID);
}

static int judge(const char *text, const struct cidr_list *allowed)
{
    struct webhook_url url;
    const char *why = NULL;
    assert_int_equal(webhook_url_parse(text, strlen(text), &url, NULL), 0);
    int rc = webhook_url_judge(&url, allowed, &why);
    assert_true((rc == 0) == (why == NULL));
    return rc;
}

static void test_private_places_and_plain_http_are_refused_unless_the_operator_permits_them(void **state)
{
    static const struct {
        const char *url;
        int alone;
        int with_loopback; /* 127.0.0.0/8 permitted */
    } cases[] = {
        {"https://api.example.com/", 0, 0},
        {"https://8.8.8.8/", 0, 0},
        {"https://[2606:4700::1111]/", 0, 0},
        {"http://api.example.com/", ERR_DENIED, 0}, /* a name: judged by its address at delivery */
        {"http://8.8.8.8/", ERR_DENIED, ERR_DENIED},
        {"https://127.0.0.1/", ERR_DENIED, 0},
        {"http://127.0.0.1:9000/", ERR_DENIED, 0},
        {"http://[::ffff:127.0.0.1]/", ERR_DENIED, 0},
        {"https://10.0.0.1/", ERR_DENIED, ERR_DENIED},
        {"http://10.0.0.1/", ERR_DENIED, ERR_DENIED},
        {"https://[::1]/", ERR_DENIED, ERR_DENIED},
        {"https://[64:ff9b::7f00:1]/", ERR_DENIED, ERR_DENIED},
        {"https://169.254.169.254/latest", ERR_DENIED, ERR_DENIED},
        {"https://localhost/", ERR_DENIED, 0},
        {"https://api.localhost/", ERR_DENIED, 0},
        {"https://redis/", ERR_DENIED, 0},
        {"https://db.internal/", ERR_DENIED, 0},
        {"https://printer.local/", ERR_DENIED, 0},
        {"https://a.localdomain/", ERR_DENIED, 0},
        {"https://notlocal.example/", 0, 0},
        {"https://my-internal.example/", 0, 0},
        {"https://thelocal/", ERR_DENIED, 0},
    };
    static struct cidr_list empty, loopback;
    (void)state;
    assert_int_equal(cidr_list_add(&loopback, "127.0.0.0/8", 11), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (judge(cases[i].url, NULL) != cases[i].alone || judge(cases[i].url, &empty) != cases[i].alone)
            fail_msg("%s with nothing permitted", cases[i].url);
        if (judge(cases[i].url, &loopback) != cases[i].with_loopback)
            fail_msg("%s with loopback permitted", cases[i].url);
    }
}

static void test_a_resolved_address_is_held_to_the_same_rule(void **state)
{
    static struct cidr_list loopback;
    struct address inside, outside, public;
    (void)state;
    assert_int_equal(cidr_list_add(&loopback, "127.0.0.0/8", 11), 0);
    assert_int_equal(address_parse("127.0.0.1", 9, &inside), 0);
    assert_int_equal(address_parse("10.0.0.1", 8, &outside), 0);
    assert_int_equal(address_parse("8.8.8.8", 7, &public), 0);
    assert_true(webhook_address_is_permitted(&inside, false, &loopback));
    assert_true(webhook_address_is_permitted(&inside, true, &loopback));
    assert_false(webhook_address_is_permitted(&inside, true, NULL));
    assert_false(webhook_address_is_permitted(&outside, true, &loopback));
    assert_true(webhook_address_is_permitted(&public, true, &loopback));
    assert_false(webhook_address_is_permitted(&public, false, &loopback));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_url_is_taken_apart),
        cmocka_unit_test(test_what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(test_lengths_are_bounded),
        cmocka_unit_test(test_private_places_and_plain_http_are_refused_unless_the_operator_permits_them),
        cmocka_unit_test(test_a_resolved_address_is_held_to_the_same_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
