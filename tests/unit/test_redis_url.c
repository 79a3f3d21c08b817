/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

/* "tls" where it is, "family address port" or "name host port", and the database. */
static void describe(const struct redis_url *url, char *ret, size_t cap)
{
    char address[INET6_ADDRSTRLEN];
    if (url->is_tls) {
        (void)snprintf(ret, cap, "tls ");
        ret += strlen("tls ");
        cap -= strlen("tls ");
    }
    if (url->n_sentinels > 0) {
        int len = snprintf(ret, cap, "sentinels");
        for (size_t i = 0; i < url->n_sentinels; i++)
            len += snprintf(ret + len, cap - (size_t)len, " %s %d", url->sentinels[i].host, url->sentinels[i].port);
        assert_int_equal(url->addr_len, 0);
        (void)snprintf(ret + len, cap - (size_t)len, " of %s db %d", url->primary, url->db);
    } else if (url->addr_len == 0) {
        (void)snprintf(ret, cap, "name %s %d db %d", url->host, url->port, url->db);
    } else if (url->addr.ss_family == AF_UNIX) {
        const struct sockaddr_un *sun = (const struct sockaddr_un *)&url->addr;
        (void)snprintf(ret, cap, "unix %s db %d", sun->sun_path, url->db);
    } else if (url->addr.ss_family == AF_INET) {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)&url->addr;
        assert_non_null(inet_ntop(AF_INET, &sin->sin_addr, address, sizeof address));
        (void)snprintf(ret, cap, "ipv4 %s %d db %d", address, ntohs(sin->sin_port), url->db);
    } else {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&url->addr;
        assert_int_equal(sin6->sin6_family, AF_INET6);
        assert_non_null(inet_ntop(AF_INET6, &sin6->sin6_addr, address, sizeof address));
        (void)snprintf(ret, cap, "ipv6 %s %d db %d", address, ntohs(sin6->sin6_port), url->db);
    }
}

static void test_the_parts_of_a_url_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"redis://127.0.0.1:6379/0", "ipv4 127.0.0.1 6379 db 0"},
        {"redis://10.1.2.3", "ipv4 10.1.2.3 6379 db 0"},
        {"redis://", "ipv4 127.0.0.1 6379 db 0"},
        {"redis://:7000", "ipv4 127.0.0.1 7000 db 0"},
        {"redis:///3", "ipv4 127.0.0.1 6379 db 3"},
        {"redis://:1/", "ipv4 127.0.0.1 1 db 0"},
        {"redis://redis-master_1.prod.example:65535/15", "name redis-master_1.prod.example 65535 db 15"},
        {"redis://localhost", "name localhost 6379 db 0"},
        {"redis://[::1]:6380/1", "ipv6 ::1 6380 db 1"},
        {"redis://[2001:db8::7]", "ipv6 2001:db8::7 6379 db 0"},
        {"rediss://redis.example:6380/2", "tls name redis.example 6380 db 2"},
        {"rediss://10.1.2.3", "tls ipv4 10.1.2.3 6379 db 0"},
        {"rediss://[::1]", "tls ipv6 ::1 6379 db 0"},
        {"unix:///run/redis.sock", "unix /run/redis.sock db 0"},
        {"unix:///run/a b@c:d#e.sock?db=9", "unix /run/a b@c:d#e.sock db 9"},
        {"sentinel://h1,h2,h3/mymaster", "sentinels h1 26379 h2 26379 h3 26379 of mymaster db 0"},
        {"sentinel://10.0.0.1:5000,[::1]:5001,[::2]/m-1.x_Y/3",
         "sentinels 10.0.0.1 5000 ::1 5001 ::2 26379 of m-1.x_Y db 3"},
        {"sentinels://one.example/main", "tls sentinels one.example 26379 of main db 0"},
        {"sentinel://1,2,3,4,5,6,7,8/m",
         "sentinels 1 26379 2 26379 3 26379 4 26379 5 26379 6 26379 7 26379 8 26379 of m db 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url;
        char found[512];
        const char *why = "none";
        if (redis_url_parse(cases[i].text, &url, &why) != 0)
            fail_msg("%s: %s", cases[i].text, why);
        describe(&url, found, sizeof found);
        assert_string_equal(found, cases[i].expected);
        assert_string_equal(why, "none");
    }
}

static void test_what_is_no_url_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* a part of the reason */
    } cases[] = {
        {"", "must begin with"},
        {"127.0.0.1:6379", "must begin with"},
        {"http://127.0.0.1", "must begin with"},
        {"REDIS://127.0.0.1", "must begin with"},
        {"rediss://u:p@host", "settings of their own"},
        {"rediss://host?db=1", "query"},
        {"rediss://host:0", "port"},
        {"redisss://host", "must begin with"},
        {"sentinel://", "name of the primary"},
        {"sentinel://a,b", "name of the primary"},
        {"sentinel://a,b/", "name of the primary"},
        {"sentinel://a/my master", "name of the primary"},
        {"sentinel://a/m\xc3\xb6", "name of the primary"},
        {"sentinel:///main", "without a host"},
        {"sentinel://a,/main", "without a host"},
        {"sentinel://,a/main", "without a host"},
        {"sentinel://a,:26379/main", "without a host"},
        {"sentinel://a:0/main", "port"},
        {"sentinel://a,b:65536/main", "port"},
        {"sentinel://a b/main", "neither a name"},
        {"sentinel://a,[::1/main", "brackets"},
        {"sentinel://1,2,3,4,5,6,7,8,9/m", "more than 8"},
        {"sentinel://u:p@a/main", "settings of their own"},
        {"sentinel://a/main/x", "database"},
        {"sentinel://a/main/1/2", "database"},
        {"sentinel://a/main?db=1", "query"},
        {"redis://u:p@host", "settings of their own"},
        {"redis://:p@host/1", "settings of their own"},
        {"redis://host:", "port"},
        {"redis://host:0", "port"},
        {"redis://host:65536", "port"},
        {"redis://host:-1", "port"},
        {"redis://host:6379x", "port"},
        {"redis://host/x", "database"},
        {"redis://host/-1", "database"},
        {"redis://host/65536", "database"},
        {"redis://host/1/2", "database"},
        {"redis://host?db=1", "query"},
        {"redis://host#1", "fragment"},
        {"redis://ho st", "neither a name"},
        {"redis://-host", "neither a name"},
        {"redis://h\xc3\xb6st", "neither a name"},
        {"redis://::1", "port"},
        {"redis://[::1", "brackets"},
        {"redis://[127.0.0.1]", "not an IPv6"},
        {"redis://[]", "not an IPv6"},
        {"redis://[::1]6379", "port"},
        {"unix://run/redis.sock", "absolute"},
        {"unix://", "absolute"},
        {"unix:///", "absolute"},
        {"unix:///a%20b", "%-encoding"},
        {"unix:///a?x=1", "?db=N"},
        {"unix:///a?db=", "database"},
        {"unix:///a?db=1&x=2", "database"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url = {.db = 4711};
        const char *why = "";
        if (redis_url_parse(cases[i].text, &url, &why) != ERR_INVALID || !strstr(why, cases[i].why))
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(url.db, 4711);
    }
}

static void test_lengths_are_bounded_exactly(void **state)
{
    struct redis_url url;
    const char *why;
    char text[400];
    (void)state;

    memcpy(text, "redis://", sizeof "redis://");
    memset(text + strlen("redis://"), 'a', 253);
    text[strlen("redis://") + 253] = '\0';
    assert_int_equal(redis_url_parse(text, &url, &why), 0);
    assert_int_equal(strlen(url.host), 253);
    memcpy(text + strlen("redis://") + 253, "a", 2);
    assert_int_equal(redis_url_parse(text, &url, &why), ERR_INVALID);
    assert_non_null(strstr(why, "253"));

    memcpy(text, "unix:///", sizeof "unix:///");
    memset(text + strlen("unix:///"), 'a', 106);
    text[strlen("unix:///") + 106] = '\0';
    assert_int_equal(redis_url_parse(text, &url, &why), 0);
    memcpy(text + strlen("unix:///") + 106, "a", 2);
    assert_int_equal(redis_url_parse(text, &url, &why), ERR_INVALID);
    assert_non_null(strstr(why, "107"));
}

static void test_another_place_takes_the_place_of_the_host(void **state)
{
    static const struct {
        const char *host;
        size_t len;
        int64_t port;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"10.0.0.9", 8, 7000, "ipv4 10.0.0.9 7000 db 2"},
        {"::1", 3, 7000, "ipv6 ::1 7000 db 2"},
        {"node-1.example", 14, 65535, "name node-1.example 65535 db 2"},
        {"10.0.0.9", 8, 0, NULL},
        {"10.0.0.9", 8, 65536, NULL},
        {"", 0, 7000, NULL},
        {"a b", 3, 7000, NULL},
        {"a\0b", 3, 7000, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_url url;
        const char *why = "";
        char found[512];
        assert_int_equal(redis_url_parse("redis://127.0.0.1:6379/2", &url, &why), 0);
        assert_int_equal(redis_url_set_place(&url, cases[i].host, cases[i].len, cases[i].port),
                         cases[i].expected ? 0 : ERR_INVALID);
        describe(&url, found, sizeof found);
        assert_string_equal(found, cases[i].expected ? cases[i].expected : "ipv4 127.0.0.1 6379 db 2");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts_of_a_url_are_read),
        cmocka_unit_test(test_what_is_no_url_is_refused_with_its_reason),
        cmocka_unit_test(test_another_place_takes_the_place_of_the_host),
        cmocka_unit_test(test_lengths_are_bounded_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
