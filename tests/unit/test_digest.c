/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/encode.h"

/* FIPS 180-4's examples. */
static void test_sha256_holds_the_standards_vectors(void **state)
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    (void)state;
    assert_int_equal(digest_sha256_hex("abc", 3, hex), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_sha256_hex("", 0, hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_what_comes_in_pieces_has_the_same_sha256(void **state)
{
    static const size_t cuts[] = {0, 1, 63, 64, 65, 200};
    char text[200], whole[2 * DIGEST_SHA256_LEN + 1], pieces[2 * DIGEST_SHA256_LEN + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(digest_sha256_hex(text, sizeof text, whole), 0);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct digest_stream *s;
        assert_int_equal(digest_stream_create(&s), 0);
        assert_int_equal(digest_stream_add(s, text, cuts[i]), 0);
        assert_int_equal(digest_stream_add(s, text + cuts[i], sizeof text - cuts[i]), 0);
        assert_int_equal(digest_stream_hex(s, pieces), 0);
        assert_string_equal(pieces, whole);
        digest_stream_free(s);
    }
    digest_stream_free(NULL);
}

/* RFC 4231, test cases 2 and 6 (a key longer than a block). */
static void test_hmac_sha256_holds_the_standards_vectors(void **state)
{
    uint8_t mac[DIGEST_SHA256_LEN], long_key[131];
    char hex[2 * DIGEST_SHA256_LEN + 1];
    const char *text = "Test Using Larger Than Block-Size Key - Hash Key First";
    (void)state;
    assert_int_equal(digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac), 0);
    encode_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xaa, sizeof long_key);
    assert_int_equal(digest_hmac_sha256(long_key, sizeof long_key, text, strlen(text), mac), 0);
    encode_hex(mac, sizeof mac, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_hmac_sha1_holds_the_standards_vectors(void **state)
{
    (void)state;
    /* RFC 2202, cases 2 and 6 */
    uint8_t digest[DIGEST_SHA1_LEN];
    char hex[2 * DIGEST_SHA1_LEN + 1], key[80];
    memset(key, 0xaa, sizeof key);
    assert_int_equal(digest_hmac_sha1("Jefe", 4, "what do ya want for nothing?", 28, digest), 0);
    encode_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_int_equal(
        digest_hmac_sha1(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest), 0);
    encode_hex(digest, sizeof digest, hex);
    assert_string_equal(hex, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

static void test_hmac_sha256_takes_an_empty_key(void **state)
{
    uint8_t with_null[DIGEST_SHA256_LEN], with_empty[DIGEST_SHA256_LEN], other[DIGEST_SHA256_LEN];
    (void)state;
    assert_int_equal(digest_hmac_sha256("other", 5, "x", 1, other), 0);
    assert_int_equal(digest_hmac_sha256(NULL, 0, "x", 1, with_null), 0);
    assert_int_equal(digest_hmac_sha256("", 0, "x", 1, with_empty), 0);
    assert_memory_equal(with_null, with_empty, sizeof with_null);
    assert_memory_not_equal(with_null, other, sizeof other);
}

static void test_equal_compares_length_and_content(void **state)
{
    (void)state;
    assert_true(digest_equal("abc", 3, "abc", 3));
    assert_true(digest_equal("", 0, NULL, 0));
    assert_false(digest_equal("abc", 3, "abd", 3));
    assert_false(digest_equal("abc", 3, "abcd", 4));
    assert_false(digest_equal("abc", 3, "", 0));
}

static void test_random_bytes_differ(void **state)
{
    uint8_t a[32], b[32];
    (void)state;
    assert_int_equal(random_bytes(a, sizeof a), 0);
    assert_int_equal(random_bytes(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(random_bytes(a, 0), 0);
}

static void test_random_below_reaches_every_value_and_no_other(void **state)
{
    unsigned seen[6] = {0};
    (void)state;
    assert_int_equal(random_below(0), 0);
    assert_int_equal(random_below(1), 0);
    for (int i = 0; i < 6000; i++) {
        uint64_t value = random_below(6);
        assert_true(value < 6);
        seen[value]++;
    }
    for (size_t i = 0; i < 6; i++)
        assert_in_range(seen[i], 700, 1300); /* expected 1000, 10 standard deviations */
    assert_true(random_below(UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_holds_the_standards_vectors),
        cmocka_unit_test(test_what_comes_in_pieces_has_the_same_sha256),
        cmocka_unit_test(test_hmac_sha256_holds_the_standards_vectors),
        cmocka_unit_test(test_hmac_sha1_holds_the_standards_vectors),
        cmocka_unit_test(test_hmac_sha256_takes_an_empty_key),
        cmocka_unit_test(test_equal_compares_length_and_content),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_random_below_reaches_every_value_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
