/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void assert_span(struct json_span span, const char *want)
{
    assert_int_equal(span.len, strlen(want));
    assert_memory_equal(span.text, want, span.len);
}

static void test_members_are_handed_out_as_they_were_written(void **state)
{
    static const char json[] = " {\"a\" : 1.10 ,\n\"b\":{ \"x\":[1,{\"y\":\"}\\\"]\"}] },\t\"c\":\"q\\\\\", \"d\":[],"
                               "\"e\\u0066\":null,\"g\":-1e+5,\"\":true } ";
    static const char *const want[][2] = {
        {"\"a\"", "1.10"},        {"\"b\"", "{ \"x\":[1,{\"y\":\"}\\\"]\"}] }"},
        {"\"c\"", "\"q\\\\\""},   {"\"d\"", "[]"},
        {"\"e\\u0066\"", "null"}, {"\"g\"", "-1e+5"},
        {"\"\"", "true"},
    };
    struct json_members members;
    struct json_span key, value;
    (void)state;
    assert_true(json_members_begin(&members, json, sizeof json - 1));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(json_members_next(&members, &key, &value));
        assert_span(key, want[i][0]);
        assert_span(value, want[i][1]);
    }
    assert_false(json_members_next(&members, &key, &value));
    assert_true(json_members_begin(&members, "{}", 2));
    assert_false(json_members_next(&members, &key, &value));
}

static void test_what_is_no_object_has_no_members(void **state)
{
    static const char *const cases[] = {"", " ", "[]", "1", "\"{}\"", "null"};
    struct json_members members;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_false(json_members_begin(&members, cases[i], strlen(cases[i])));
}

static void test_a_walk_never_leaves_the_text(void **state)
{
    static const char json[] = "{\"a\\\"\":{\"b\":[\"c\\\\\",{}]},\"d\":\"e\",\"f\":12}";
    (void)state;
    for (size_t len = 0; len < sizeof json; len++) {
        /* On the heap, so that ASan sees the end. */
        char *cut = malloc(len + (len == 0));
        struct json_members members;
        struct json_span key, value;
        assert_non_null(cut);
        memcpy(cut, json, len);
        if (json_members_begin(&members, cut, len)) {
            for (int i = 0; i < 10 && json_members_next(&members, &key, &value); i++) {
                assert_true(key.text >= cut && key.text + key.len <= cut + len);
                assert_true(value.text >= cut && value.text + value.len <= cut + len);
                (void)json_key_equals(key, "a\"");
            }
        }
        free(cut);
    }
}

static void test_a_key_is_compared_by_what_it_means(void **state)
{
    static const struct {
        const char *key;
        const char *name;
        bool want;
    } cases[] = {
        {"\"metadata\"", "metadata", true},
        {"\"meta\\u0064ata\"", "metadata", true},
        {"\"\\u006d\\u0065tadat\\u0061\"", "metadata", true},
        {"\"a\\/b\\n\\\"\"", "a/b\n\"", true},
        {"\"\"", "", true},
        {"\"metadat\"", "metadata", false},
        {"\"metadatax\"", "metadata", false},
        {"\"Metadata\"", "metadata", false},
        {"\"m\\u00e9tadata\"", "metadata", false},
        {"\"\xC3\xA9\"", "e", false},
        {"\"\\u00\"", "x", false},
        {"\"\\q\"", "q", false},
        {"\"", "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_span key = {cases[i].key, strlen(cases[i].key)};
        if (json_key_equals(key, cases[i].name) != cases[i].want)
            fail_msg("%s and %s", cases[i].key, cases[i].name);
    }
}

static void test_elements_are_walked_with_their_bytes(void **state)
{
    static const char array[] = " [ 1 , {\"a\":[2,\"]\"]},\"x,]\" ,null,[ ] ] ";
    static const char *const expected[] = {"1", "{\"a\":[2,\"]\"]}", "\"x,]\"", "null", "[ ]"};
    struct json_members walk;
    struct json_span value;
    (void)state;
    assert_true(json_elements_begin(&walk, array, sizeof array - 1));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(json_elements_next(&walk, &value));
        assert_int_equal(value.len, strlen(expected[i]));
        assert_memory_equal(value.text, expected[i], value.len);
    }
    assert_false(json_elements_next(&walk, &value));
    assert_true(json_elements_begin(&walk, "[]", 2));
    assert_false(json_elements_next(&walk, &value));
    assert_false(json_elements_begin(&walk, "{}", 2));
    assert_false(json_elements_begin(&walk, "", 0));
    assert_true(json_elements_begin(&walk, "[", 1));
    assert_false(json_elements_next(&walk, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements_are_walked_with_their_bytes),
        cmocka_unit_test(test_members_are_handed_out_as_they_were_written),
        cmocka_unit_test(test_what_is_no_object_has_no_members),
        cmocka_unit_test(test_a_walk_never_leaves_the_text),
        cmocka_unit_test(test_a_key_is_compared_by_what_it_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
