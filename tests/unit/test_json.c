/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/json/scan.h"

/* A text with its length: some hold a NUL. */
#define TEXT(literal) (literal), sizeof(literal) - 1

struct sound {
    const char *text;
    size_t len;
    const char *printed; /* NULL: as it is */
};

static const struct sound sounds[] = {
    {TEXT("{}"), NULL},
    {TEXT("[]"), NULL},
    {TEXT("null"), NULL},
    {TEXT("true"), NULL},
    {TEXT("\"\""), NULL},
    {TEXT("0"), NULL},
    {TEXT("-0.5"), NULL},
    {TEXT("1e5"), "100000"},
    {TEXT("1E+2"), "100"},
    {TEXT("1e-400"), "0"},
    {TEXT("1.5e308"), "1.5e+308"},
    {TEXT("12345678901234567890"), "1.2345678901234567e+19"},
    {TEXT(" \t\r\n[ 1 , 2 ]\n "), "[1,2]"},
    {TEXT("{\"a\":{\"a\":1},\"b\":[{\"a\":2},{\"a\":3}]}"), NULL},
    {TEXT("{\"\":1,\" \":2}"), NULL},
    {TEXT("\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\\\"\""),
     "\"\xC3\xA9\xF0\x9F\x98\x80/\\b\\f\\n\\r\\t\\\\\\\"\""},
    {TEXT("\"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBD\""), NULL},
    {TEXT("\"\\\\u0000\""), NULL},
    {TEXT("\"\\uD83D\\uDE00x\""), "\"\xF0\x9F\x98\x80x\""},
    {TEXT("\"\x7F\""), NULL},
};

static void test_sound_texts_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        const struct sound *s = &sounds[i];
        size_t len = s->len;
        cJSON *value = NULL;
        struct json_fault fault = {0, "", ""};
        if (json_parse(s->text, len, &value, &fault) != 0)
            fail_msg("%s: %s", s->text, fault.reason);
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(json_print(value, &out), 0);
        assert_string_equal(buf_str(&out), s->printed != NULL ? s->printed : s->text);
        buf_free(&out);
        cJSON_Delete(value);
    }
}

struct unsound {
    const char *text;
    size_t len;
    const char *reason;
    const char *path;
    size_t offset;
};

static const struct unsound unsounds[] = {
    {TEXT(""), "text ends too early", "", 0},
    {TEXT("  "), "text ends too early", "", 0},
    {TEXT("{"), "text ends too early", "", 1},
    {TEXT("[1"), "text ends too early", "[0]", 2},
    {TEXT("{\"a\""), "text ends too early", "a", 4},
    {TEXT("\"abc"), "text ends too early", "", 0},
    {TEXT("{\"a\":1,}"), "expected a key", "a", 6},
    {TEXT("[1,]"), "unexpected token", "[0]", 2},
    {TEXT("[1 2]"), "expected ',' or ']'", "[0]", 2},
    {TEXT("{\"a\":1 \"b\":2}"), "expected ',' or '}'", "a", 6},
    {TEXT("{\"a\" 1}"), "expected ':'", "a", 4},
    {TEXT("{a:1}"), "unexpected character", "", 2},
    {TEXT("{1:1}"), "expected a key", "", 1},
    {TEXT("{} {}"), "text after the value", "", 2},
    {TEXT("1 x"), "text after the value", "", 1},
    {TEXT("{}\"a"), "text after the value", "", 2},
    {TEXT("[1]\""), "text after the value", "", 3},
    {TEXT("\"a\"\"b\\"), "text after the value", "", 3},
    {TEXT("{} -"), "text after the value", "", 2},
    {TEXT("{} /"), "text after the value", "", 2},
    {TEXT("nul"), "unexpected character", "", 3},
    {TEXT("True"), "unexpected character", "", 1},
    {TEXT("NaN"), "unexpected character", "", 1},
    {TEXT("'a'"), "unexpected character", "", 1},
    {TEXT("// a\n1"), "comments are not accepted", "", 0},
    {TEXT("\xEF\xBB\xBF{}"), "unexpected character", "", 1},
    {TEXT("[01]"), "expected ',' or ']'", "[0]", 2},
    {TEXT("[1.]"), "malformed number", "", 3},
    {TEXT("[.5]"), "unexpected character", "", 2},
    {TEXT("[+1]"), "unexpected character", "", 2},
    {TEXT("[-]"), "malformed number", "", 2},
    {TEXT("[1e]"), "malformed number", "", 3},
    {TEXT("[0x10]"), "unexpected character", "[0]", 3},
    {TEXT("[1e400]"), "number out of range", "[0]", 6},
    {TEXT("[-1e400]"), "number out of range", "[0]", 7},
    {TEXT("[1000000000000000000000000000000000000000000000000000000000000000]"), "number too long", "[0]", 65},
    {TEXT("[\"a\\u0000b\"]"), "\\u0000 is not accepted", "", 8},
    {TEXT("[\"a\0b\"]"), "control character", "", 3},
    {TEXT("[\"a\nb\"]"), "control character", "", 3},
    {TEXT("[1\v]"), "control character", "", 2},
    {TEXT("[1,\f2]"), "control character", "[0]", 3},
    {TEXT("[\"\\ud800\"]"), "unpaired surrogate", "", 8},
    {TEXT("[\"\\ud800x\"]"), "unpaired surrogate", "", 8},
    {TEXT("[\"\\ud800\\n\"]"), "unpaired surrogate", "", 9},
    {TEXT("[\"\\ud800\\u0041\"]"), "unpaired surrogate", "", 13},
    {TEXT("[\"\\ud800\\ud800\\udc00\"]"), "unpaired surrogate", "", 13},
    {TEXT("[\"\\udc00\"]"), "unpaired surrogate", "", 7},
    {TEXT("{\"\\ud800\":1}"), "unpaired surrogate", "", 8},
    {TEXT("[\"\\x\"]"), "invalid escape", "", 3},
    {TEXT("[\"\\u12g4\"]"), "invalid escape", "", 6},
    {TEXT("[\"\xC0\xAF\"]"), "invalid UTF-8", "[0]", 5},
    {TEXT("[\"\xED\xA0\x80\"]"), "invalid UTF-8", "[0]", 6},
    {TEXT("[\"\xF4\x90\x80\x80\"]"), "invalid UTF-8", "[0]", 7},
    {TEXT("[\"\xC3\"]"), "invalid UTF-8", "[0]", 4},
    {TEXT("[\"\x80\"]"), "invalid UTF-8", "[0]", 4},
    {TEXT("{\"\xFF\":1}"), "invalid UTF-8", "", 4},
    {TEXT("{\"a\":1,\"a\":2}"), "duplicate key", "a", 10},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), "duplicate key", "a", 15},
    {TEXT("{\"a\":{\"b\":1,\"c\":{},\"b\":2}}"), "duplicate key", "a.b", 22},
    {TEXT("{\"contacts\":[{},{\"m\":{\"x\":1e999}}]}"), "number out of range", "contacts[1].m.x", 31},
    {TEXT("[[1,2],[3,[4,\"\xFF\"]]]"), "invalid UTF-8", "[1][1][1]", 16},
};

static void test_unsound_texts_are_refused_with_path_and_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsounds / sizeof unsounds[0]; i++) {
        const struct unsound *u = &unsounds[i];
        cJSON *value = NULL;
        struct json_fault fault = {0, "", ""};
        if (json_parse(u->text, u->len, &value, &fault) != ERR_INVALID)
            fail_msg("taken: %s", u->text);
        assert_null(value);
        if (strcmp(fault.reason, u->reason) != 0 || strcmp(fault.path, u->path) != 0 || fault.offset != u->offset)
            fail_msg("%s: '%s' at '%s' (%zu)", u->text, fault.reason, fault.path, fault.offset);
        assert_int_equal(json_parse(u->text, u->len, &value, NULL), ERR_INVALID);
    }
}

/* Feeds `text` in two pieces, cut at `cut`. */
static int scan_cut(const char *text, size_t len, size_t cut, struct json_fault *fault)
{
    struct json_scan *s;
    assert_int_equal(json_scan_create(NULL, NULL, &s), 0);
    int err = json_scan_feed(s, text, cut, fault);
    if (err == 0)
        err = json_scan_feed(s, text + cut, len - cut, fault);
    if (err == 0)
        err = json_scan_finish(s, fault);
    json_scan_free(s);
    return err;
}

static int scan_bytewise(const char *text, size_t len, struct json_fault *fault)
{
    struct json_scan *s;
    assert_int_equal(json_scan_create(NULL, NULL, &s), 0);
    int err = 0;
    for (size_t i = 0; err == 0 && i < len; i++)
        err = json_scan_feed(s, text + i, 1, fault);
    if (err == 0)
        err = json_scan_finish(s, fault);
    json_scan_free(s);
    return err;
}

static void assert_same_fault(const char *text, size_t cut, const struct json_fault *a, const struct json_fault *b)
{
    if (strcmp(a->reason, b->reason) != 0 || strcmp(a->path, b->path) != 0 || a->offset != b->offset)
        fail_msg("%s cut at %zu: '%s' at '%s' (%zu), not '%s' at '%s' (%zu)", text, cut, b->reason, b->path, b->offset,
                 a->reason, a->path, a->offset);
}

static void test_a_text_cut_anywhere_gives_the_same_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        size_t len = sounds[i].len;
        for (size_t cut = 0; cut <= len; cut++)
            assert_int_equal(scan_cut(sounds[i].text, len, cut, NULL), 0);
        assert_int_equal(scan_bytewise(sounds[i].text, len, NULL), 0);
    }
    for (size_t i = 0; i < sizeof unsounds / sizeof unsounds[0]; i++) {
        const struct unsound *u = &unsounds[i];
        struct json_fault whole = {0, "", ""};
        struct json_fault fault = {0, "", ""};
        assert_int_equal(scan_cut(u->text, u->len, u->len, &whole), ERR_INVALID);
        for (size_t cut = 0; cut <= u->len; cut++) {
            assert_int_equal(scan_cut(u->text, u->len, cut, &fault), ERR_INVALID);
            assert_same_fault(u->text, cut, &whole, &fault);
        }
        assert_int_equal(scan_bytewise(u->text, u->len, &fault), ERR_INVALID);
        assert_same_fault(u->text, SIZE_MAX, &whole, &fault);
    }
}

static int parse_text(const struct buf *text, struct json_fault *fault)
{
    cJSON *value;
    int err = json_parse(buf_str(text), buf_len(text), &value, fault);
    if (err == 0)
        cJSON_Delete(value);
    return err;
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    for (size_t depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        struct buf text;
        struct json_fault fault;
        buf_init(&text, 1000);
        for (size_t i = 0; i < depth; i++)
            assert_int_equal(buf_append_char(&text, '['), 0);
        for (size_t i = 0; i < depth; i++)
            assert_int_equal(buf_append_char(&text, ']'), 0);
        int err = parse_text(&text, &fault);
        if (depth <= LIMIT_JSON_DEPTH) {
            assert_int_equal(err, 0);
        } else {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(fault.reason, "nested too deeply");
        }
        buf_free(&text);
    }
}

static void test_members_of_one_object_are_bounded(void **state)
{
    (void)state;
    for (unsigned n = LIMIT_JSON_KEYS; n <= LIMIT_JSON_KEYS + 1; n++) {
        struct buf text;
        struct json_fault fault;
        buf_init(&text, 100000);
        assert_int_equal(buf_append_str(&text, "[{\"k0\":1},{"), 0);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(buf_printf(&text, "%s\"k%u\":{\"k%u\":2}", i > 0 ? "," : "", i, i), 0);
        assert_int_equal(buf_append_str(&text, "}]"), 0);
        int err = parse_text(&text, &fault);
        if (n <= LIMIT_JSON_KEYS) {
            assert_int_equal(err, 0);
        } else {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(fault.reason, "too many members");
        }
        buf_free(&text);
    }
}

static void test_values_of_one_text_are_bounded(void **state)
{
    (void)state;
    for (unsigned n = LIMIT_JSON_VALUES; n <= LIMIT_JSON_VALUES + 1; n++) {
        struct buf text;
        struct json_fault fault;
        buf_init(&text, (size_t)4 * LIMIT_JSON_VALUES);
        assert_int_equal(buf_append_char(&text, '['), 0);
        for (unsigned i = 1; i < n; i++) /* the array is one of them */
            assert_int_equal(buf_append_str(&text, i > 1 ? ",0" : "0"), 0);
        assert_int_equal(buf_append_char(&text, ']'), 0);
        int err = parse_text(&text, &fault);
        if (n <= LIMIT_JSON_VALUES) {
            assert_int_equal(err, 0);
        } else {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(fault.reason, "too many values");
        }
        buf_free(&text);
    }
}

static void test_a_duplicate_is_found_among_many(void **state)
{
    (void)state;
    struct buf text;
    struct json_fault fault;
    buf_init(&text, 100000);
    assert_int_equal(buf_append_char(&text, '{'), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&text, "\"k%u\":{\"k%u\":2},", i, i), 0);
    assert_int_equal(buf_append_str(&text, "\"k500\":1}"), 0);
    assert_int_equal(parse_text(&text, &fault), ERR_INVALID);
    assert_string_equal(fault.reason, "duplicate key");
    assert_string_equal(fault.path, "k500");
    buf_free(&text);
}

/* `n` keys, the last with an object of `inner` keys of the same names; then key `again` once more, or a new one. */
static int parse_nested(unsigned n, unsigned inner, unsigned again, struct json_fault *ret_fault)
{
    struct buf text;
    buf_init(&text, 100000);
    int err = buf_append_char(&text, '{');
    for (unsigned i = 0; i < n && err == 0; i++)
        err = buf_printf(&text, "\"k%u\":%s", i, i + 1 < n ? "1," : "{");
    for (unsigned i = 0; i < inner && err == 0; i++)
        err = buf_printf(&text, "%s\"k%u\":2", i > 0 ? "," : "", i);
    assert_int_equal(err, 0);
    assert_int_equal(buf_printf(&text, "},\"k%u\":3}", again), 0);
    err = parse_text(&text, ret_fault);
    buf_free(&text);
    return err;
}

static void test_few_keys_and_many_are_told_apart_alike(void **state)
{
    (void)state;
    struct json_fault fault;
    for (unsigned n = 1; n < 40; n++) {
        for (unsigned inner = 0; inner < 40; inner += 3) {
            assert_int_equal(parse_nested(n, inner, n, &fault), 0);
            for (unsigned again = 0; again < n; again += 7)
                assert_int_equal(parse_nested(n, inner, again, &fault), ERR_INVALID);
            assert_string_equal(fault.reason, "duplicate key");
        }
    }
}

static void test_long_keys_are_refused_and_long_paths_cut_between_characters(void **state)
{
    (void)state;
    struct buf text;
    struct json_fault fault;
    buf_init(&text, 100000);
    assert_int_equal(buf_append_str(&text, "{\""), 0);
    for (unsigned i = 0; i < LIMIT_JSON_KEY_BYTES / 2; i++)
        assert_int_equal(buf_append_str(&text, "\xC3\xA9"), 0);
    assert_int_equal(buf_append_str(&text, "\":nope}"), 0);
    assert_int_equal(parse_text(&text, &fault), ERR_INVALID);
    assert_string_equal(fault.reason, "unexpected character");
    assert_int_equal(strlen(fault.path), 254);
    buf_clear(&text);
    assert_int_equal(buf_append_str(&text, "{\""), 0);
    for (unsigned i = 0; i <= LIMIT_JSON_KEY_BYTES; i++)
        assert_int_equal(buf_append_char(&text, 'k'), 0);
    assert_int_equal(buf_append_str(&text, "\":1}"), 0);
    assert_int_equal(parse_text(&text, &fault), ERR_INVALID);
    assert_string_equal(fault.reason, "key too long");
    buf_free(&text);
}

static void test_a_string_written_alone_is_as_in_a_tree(void **state)
{
    (void)state;
    char text[256] = "a\xC3\xA4 \"\\/";
    size_t len = strlen(text);
    for (char c = 1; c < 0x7f; c++)
        text[len++] = c;
    text[len] = '\0';
    cJSON *tree = cJSON_CreateString(text);
    struct buf printed, alone;
    buf_init(&printed, 4096);
    buf_init(&alone, 4096);
    assert_int_equal(json_print(tree, &printed), 0);
    assert_int_equal(json_append_str(&alone, text, len), 0);
    assert_string_equal(buf_str(&alone), buf_str(&printed));
    buf_clear(&alone);
    assert_int_equal(json_append_str(&alone, "", 0), 0);
    assert_string_equal(buf_str(&alone), "\"\"");
    buf_free(&alone);
    buf_init(&alone, 7);
    assert_int_equal(json_append_str(&alone, "abcdef", 6), ERR_NOMEM);
    buf_free(&alone);
    buf_free(&printed);
    cJSON_Delete(tree);
}

static void test_built_trees_print_exactly(void **state)
{
    (void)state;
    cJSON *object = cJSON_CreateObject();
    struct buf out;
    buf_init(&out, 4096);
    assert_non_null(json_add_i64(object, "max", INT64_MAX));
    assert_non_null(json_add_i64(object, "min", INT64_MIN));
    assert_non_null(json_add_str(object, "text", "a\"b\n\xC3\xA9"));
    assert_non_null(json_add_str(object, "none", NULL));
    assert_non_null(json_add_raw(object, "raw", "{\"a\" : 1.50}garbage", 12));
    cJSON *list = cJSON_AddArrayToObject(object, "list");
    assert_non_null(json_add_item(list, "a"));
    assert_non_null(json_add_item(list, ""));
    assert_int_equal(json_print(object, &out), 0);
    assert_string_equal(buf_str(&out), "{\"max\":9223372036854775807,\"min\":-9223372036854775808,"
                                       "\"text\":\"a\\\"b\\n\xC3\xA9\",\"none\":null,\"raw\":{\"a\" : 1.50},"
                                       "\"list\":[\"a\",\"\"]}");
    assert_null(json_add_item(NULL, "x"));
    assert_null(json_add_item(list, NULL));
    assert_null(json_add_i64(NULL, "x", 1));
    assert_null(json_add_str(NULL, "x", "y"));
    assert_null(json_add_raw(NULL, "x", "1", 1));
    buf_free(&out);
    buf_init(&out, 10);
    assert_int_equal(json_print(object, &out), ERR_NOMEM);
    assert_int_equal(buf_len(&out), 0);
    buf_free(&out);
    cJSON_Delete(object);
}

/* Bytes are looked at several at a time. */
static void test_an_unsound_byte_is_found_wherever_it_stands_in_a_long_text(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, told_at; /* from where the text is unsound */
        const char *reason; /* NULL: it is sound */
    } cases[] = {
        {"\x01", 1, 0, "control character"},
        {"\x1f", 1, 0, "control character"},
        {"\\u0000", 6, 5, "\\u0000 is not accepted"},
        {"\\ud800x", 7, 6, "unpaired surrogate"},
        {"\x7f", 1, 0, NULL},
        {"\xC3\xBF", 2, 0, NULL},
        {" ", 1, 0, NULL},
        {"!", 1, 0, NULL},
        {"#", 1, 0, NULL},
        {"[", 1, 0, NULL},
        {"]", 1, 0, NULL},
        {"\\\\", 2, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t at = 0; at <= 24; at++) {
            char text[64];
            struct json_fault fault;
            cJSON *value = NULL;
            size_t len = cases[i].len;
            memset(text, 'a', sizeof text);
            text[0] = '[';
            text[1] = '"';
            memcpy(text + 2 + at, cases[i].bytes, len);
            text[26 + len] = '"';
            text[27 + len] = ']';
            int rc = json_parse(text, 28 + len, &value, &fault);
            assert_int_equal(rc, cases[i].reason ? ERR_INVALID : 0);
            cJSON_Delete(value);
            if (!cases[i].reason)
                continue;
            assert_string_equal(fault.reason, cases[i].reason);
            assert_int_equal(fault.offset, 2 + at + cases[i].told_at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_texts_are_taken),
        cmocka_unit_test(test_unsound_texts_are_refused_with_path_and_reason),
        cmocka_unit_test(test_a_text_cut_anywhere_gives_the_same_result),
        cmocka_unit_test(test_an_unsound_byte_is_found_wherever_it_stands_in_a_long_text),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_values_of_one_text_are_bounded),
        cmocka_unit_test(test_members_of_one_object_are_bounded),
        cmocka_unit_test(test_a_duplicate_is_found_among_many),
        cmocka_unit_test(test_few_keys_and_many_are_told_apart_alike),
        cmocka_unit_test(test_long_keys_are_refused_and_long_paths_cut_between_characters),
        cmocka_unit_test(test_a_string_written_alone_is_as_in_a_tree),
        cmocka_unit_test(test_built_trees_print_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
