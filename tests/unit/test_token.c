/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static uint8_t key[TOKEN_KEY_LEN];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    return 0;
}

/* The MACs were computed with Python's hmac. */
static const struct {
    const char *batch;
    uint64_t ordinal;
    uint32_t dial;
    const char *token;
} VECTORS[] = {
    {"batch_c0_abc", 0, 1, "batch_c0_abc.0.1.8b4b163200c49ab3164801de46e94396"},
    {"batch_c0_abc", 17, 2, "batch_c0_abc.17.2.c68e69b5435303916cb1e53d39f94d0e"},
    {"B-1_x", 999999999999999, 999999999, "B-1_x.999999999999999.999999999.05043714fd6c6d3c3c9fb3b3dc0ca694"},
};

static void test_a_token_is_its_parts_and_their_mac(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(VECTORS); i++) {
        char token[LIMIT_TOKEN_LEN + 1];
        struct token_parts parts;
        assert_int_equal(token_make(key, VECTORS[i].batch, VECTORS[i].ordinal, VECTORS[i].dial, token), 0);
        assert_string_equal(token, VECTORS[i].token);
        assert_int_equal(token_verify(key, token, strlen(token), &parts), 0);
        assert_string_equal(parts.batch, VECTORS[i].batch);
        assert_int_equal(parts.ordinal, VECTORS[i].ordinal);
        assert_int_equal(parts.dial, VECTORS[i].dial);
    }
}

static void test_a_token_of_the_longest_parts_fits(void **state)
{
    char batch[LIMIT_BATCH_ID_LEN + 1], token[LIMIT_TOKEN_LEN + 1];
    struct token_parts parts;
    (void)state;
    memset(batch, 'a', sizeof batch);
    batch[LIMIT_BATCH_ID_LEN] = '\0';
    assert_int_equal(token_make(key, batch, TOKEN_ORDINAL_MAX, TOKEN_DIAL_MAX, token), 0);
    assert_int_equal(token_verify(key, token, strlen(token), &parts), 0);
    assert_string_equal(parts.batch, batch);
}

static void test_no_byte_of_a_token_can_be_changed(void **state)
{
    const char *token = VECTORS[1].token;
    size_t len = strlen(token);
    (void)state;
    for (size_t i = 0; i < len; i++) {
        for (int c = 1; c < 256; c++) {
            char forged[LIMIT_TOKEN_LEN + 1];
            struct token_parts parts;
            memcpy(forged, token, len + 1);
            if (forged[i] == (char)c)
                continue;
            forged[i] = (char)c;
            int rc = token_verify(key, forged, len, &parts);
            assert_true(rc == ERR_INVALID || rc == ERR_AUTH);
        }
    }
    for (size_t i = 0; i < len; i++) {
        struct token_parts parts;
        assert_int_equal(token_verify(key, token, i, &parts), ERR_INVALID);
    }
}

static void test_another_key_makes_no_valid_token(void **state)
{
    uint8_t other[TOKEN_KEY_LEN] = {0};
    struct token_parts parts;
    (void)state;
    assert_int_equal(token_verify(other, VECTORS[0].token, strlen(VECTORS[0].token), &parts), ERR_AUTH);
}

static void test_one_dial_has_one_spelling(void **state)
{
    static const char *const cases[] = {
        "",
        "....",
        "batch_c0_abc.0.1",
        "batch_c0_abc.0.1.",
        ".0.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc..1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.0..8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.00.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.0.01.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.+0.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.0.0.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc. 0.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.1000000000000000.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.0.1000000000.8b4b163200c49ab3164801de46e94396",
        "batch/c0_abc.0.1.8b4b163200c49ab3164801de46e94396",
        "batch_c0_abc.0.1.8b4b163200c49ab3164801de46e9439",
        "batch_c0_abc.0.1.8b4b163200c49ab3164801de46e94396 ",
        "batch_c0_abc.0.1.8b4b163200c49ab3164801de46e94396.x",
    };
    struct token_parts parts;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (token_verify(key, cases[i], strlen(cases[i]), &parts) != ERR_INVALID)
            fail_msg("\"%s\"", cases[i]);
    }
    const char *capitals = "batch_c0_abc.0.1.8B4B163200C49AB3164801DE46E94396";
    assert_int_equal(token_verify(key, capitals, strlen(capitals), &parts), ERR_AUTH);
}

static void test_parts_that_make_no_token_are_refused(void **state)
{
    char token[LIMIT_TOKEN_LEN + 1];
    (void)state;
    assert_int_equal(token_make(key, "", 0, 1, token), ERR_INVALID);
    assert_int_equal(token_make(key, "a.b", 0, 1, token), ERR_INVALID);
    assert_int_equal(token_make(key, "a/b", 0, 1, token), ERR_INVALID);
    assert_int_equal(token_make(key, "a", 0, 0, token), ERR_INVALID);
    assert_int_equal(token_make(key, "a", TOKEN_ORDINAL_MAX + 1, 1, token), ERR_INVALID);
    assert_int_equal(token_make(key, "a", 0, TOKEN_DIAL_MAX + 1, token), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_its_parts_and_their_mac),
        cmocka_unit_test(test_a_token_of_the_longest_parts_fits),
        cmocka_unit_test(test_no_byte_of_a_token_can_be_changed),
        cmocka_unit_test(test_another_key_makes_no_valid_token),
        cmocka_unit_test(test_one_dial_has_one_spelling),
        cmocka_unit_test(test_parts_that_make_no_token_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
