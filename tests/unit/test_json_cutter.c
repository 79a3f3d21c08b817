/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/json/json.h"

#define ELEMENT_MAX 40
#define MEMBER_MAX 60

/* Everything the cutter hands out, as one text. */
struct sink {
    struct buf log;
    int answer; /* of the callback number `answer_at`, from 1 */
    unsigned answer_at;
    unsigned calls;
};

static int conclude(struct sink *s)
{
    s->calls++;
    return s->calls == s->answer_at ? s->answer : 0;
}

static int on_member(const char *key, const char *value, size_t len, void *arg)
{
    struct sink *s = arg;
    assert_int_equal(buf_printf(&s->log, "%s=%.*s;", key, (int)len, value), 0);
    return conclude(s);
}

static int on_array(void *arg)
{
    struct sink *s = arg;
    assert_int_equal(buf_append_str(&s->log, "array;"), 0);
    return conclude(s);
}

static int on_element(size_t index, const char *value, size_t len, void *arg)
{
    struct sink *s = arg;
    assert_int_equal(buf_printf(&s->log, "%zu:%.*s;", index, (int)len, value), 0);
    return conclude(s);
}

/* Feeds `text` in pieces: the first of `first` bytes, the others of `step`. */
static int cut(struct sink *s, const char *text, size_t len, size_t first, size_t step, struct json_fault *fault)
{
    const struct json_cutter_config config = {.array_key = "contacts",
                                              .element_max = ELEMENT_MAX,
                                              .member_max = MEMBER_MAX,
                                              .on_member = on_member,
                                              .on_array = on_array,
                                              .on_element = on_element,
                                              .arg = s};
    struct json_cutter *c;
    assert_int_equal(json_cutter_create(&config, &c), 0);
    int err = 0;
    for (size_t at = 0; err == 0 && at < len;) {
        size_t n = at == 0 && first > 0 ? first : step;
        if (n > len - at)
            n = len - at;
        err = json_cutter_feed(c, text + at, n, fault);
        at += n;
    }
    if (err == 0)
        err = json_cutter_finish(c, fault);
    json_cutter_free(c);
    return err;
}

struct sound {
    const char *text;
    const char *log;
};

static const struct sound sounds[] = {
    {"{}", ""},
    {" { } ", ""},
    {"{\"a\":1}", "a=1;"},
    {"{\"a\":1,\"b\":\"x\",\"c\":null,\"d\":true,\"e\":[1, 2],\"f\":{\"g\" : {}}}",
     "a=1;b=\"x\";c=null;d=true;e=[1, 2];f={\"g\" : {}};"},
    {"{\"contacts\":[]}", "array;"},
    {"{\"contacts\":[{\"p\":\"+1\"},{\"p\":\"+2\",\"m\":{\"x\":[1,2]}}],\"agentId\":\"a\"}",
     "array;0:{\"p\":\"+1\"};1:{\"p\":\"+2\",\"m\":{\"x\":[1,2]}};agentId=\"a\";"},
    {"{ \"agentId\" :\t\"a\" ,\r\n \"contacts\" : [ 1 , \"two\" , [3] , { } , null , -4.5e1 ] , \"z\" : 12 }",
     "agentId=\"a\";array;0:1;1:\"two\";2:[3];3:{ };4:null;5:-4.5e1;z=12;"},
    {"{\"contacts\":[[],[[]],[\"contacts\"]]}", "array;0:[];1:[[]];2:[\"contacts\"];"},
    {"{\"contacts\":{\"contacts\":[1]}}", "contacts={\"contacts\":[1]};"},
    {"{\"contacts\":\"none\"}", "contacts=\"none\";"},
    {"{\"a\":{\"contacts\":[1,2]},\"contacts\":[3]}", "a={\"contacts\":[1,2]};array;0:3;"},
    {"{\"c\\u006fntacts\":[1]}", "array;0:1;"},
    {"{\"\xC3\xA9\":\"\xF0\x9F\x98\x80\\n\\\"\\\\\"}", "\xC3\xA9=\"\xF0\x9F\x98\x80\\n\\\"\\\\\";"},
    {"{\"contacts\":[\"12345678901234567890123456789012345678\"]}",
     "array;0:\"12345678901234567890123456789012345678\";"},
    {"{\"contacts\":[          {\"a\":1}          ,          2          ]          }", "array;0:{\"a\":1};1:2;"},
};

static void assert_log(const struct sound *s, size_t first, size_t step)
{
    struct sink sink = {.calls = 0};
    struct json_fault fault = {0, "", ""};
    buf_init(&sink.log, 10000);
    int err = cut(&sink, s->text, strlen(s->text), first, step, &fault);
    if (err != 0 || strcmp(buf_str(&sink.log), s->log) != 0)
        fail_msg("%s cut at %zu, %zu: %d %s; %s", s->text, first, step, err, fault.reason, buf_str(&sink.log));
    buf_free(&sink.log);
}

static void test_members_and_elements_come_out_whole_wherever_the_text_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sounds / sizeof sounds[0]; i++) {
        size_t len = strlen(sounds[i].text);
        for (size_t at = 1; at <= len; at++)
            assert_log(&sounds[i], at, len);
        for (size_t step = 1; step <= 7; step++)
            assert_log(&sounds[i], 0, step);
    }
}

struct unsound {
    const char *text;
    int err;
    const char *reason;
    const char *path;
    const char *log; /* handed out before the fault */
};

#define TEN "0123456789"

static const struct unsound unsounds[] = {
    {"", ERR_INVALID, "text ends too early", "", ""},
    {"12", ERR_INVALID, "expected an object", "", ""},
    {"[]", ERR_INVALID, "expected an object", "", ""},
    {"\"x\"", ERR_INVALID, "expected an object", "", ""},
    {"{\"a\":1", ERR_INVALID, "text ends too early", "a", "a=1;"},
    {"{\"contacts\":[1,2", ERR_INVALID, "text ends too early", "contacts[1]", "array;0:1;1:2;"},
    {"{\"contacts\":[1,2]", ERR_INVALID, "text ends too early", "contacts", "array;0:1;1:2;"},
    {"{\"a\":1}x", ERR_INVALID, "text after the value", "", "a=1;"},
    {"{\"a\":1,\"a\":2}", ERR_INVALID, "duplicate key", "a", "a=1;"},
    {"{\"contacts\":[1],\"contacts\":[2]}", ERR_INVALID, "duplicate key", "contacts", "array;0:1;"},
    {"{\"contacts\":[{},{\"metadata\":{\"x\":\"\xFF\"}}]}", ERR_INVALID, "invalid UTF-8", "contacts[1].metadata.x",
     "array;0:{};"},
    {"{\"contacts\":[{},{]}", ERR_INVALID, "expected a key", "contacts[1]", "array;0:{};"},
    {"{\"contacts\":[1,\"" TEN TEN TEN TEN "\"]}", ERR_TOO_LARGE, "element too large", "contacts[1]", "array;0:1;"},
    {"{\"contacts\":[1,\"" TEN TEN TEN "012345678\"]}", ERR_TOO_LARGE, "element too large", "contacts[1]",
     "array;0:1;"},
    {"{\"contacts\":[1,{\"a\":\"" TEN TEN TEN TEN TEN TEN TEN TEN "\"", ERR_TOO_LARGE, "element too large",
     "contacts[1]", "array;0:1;"},
    {"{\"contacts\":[" TEN TEN TEN TEN "1]}", ERR_INVALID, "expected ',' or ']'", "contacts[0]", "array;0:0;"},
    {"{\"contacts\":[1" TEN TEN TEN TEN "]}", ERR_TOO_LARGE, "element too large", "contacts[0]", "array;"},
    {"{\"b\":\"" TEN TEN TEN TEN TEN TEN "\"}", ERR_TOO_LARGE, "value too large", "b", ""},
    {"{\"b\":\"" TEN TEN TEN TEN TEN TEN "\xFF\"}", ERR_TOO_LARGE, "value too large", "b", ""},
    {"{\"b\":{\"c\":\"" TEN TEN TEN TEN TEN TEN "\"}}", ERR_TOO_LARGE, "value too large", "b", ""},
};

static void assert_fault(const struct unsound *u, size_t first, size_t step, size_t want_offset)
{
    struct sink sink = {.calls = 0};
    struct json_fault fault = {0, "", ""};
    buf_init(&sink.log, 10000);
    int err = cut(&sink, u->text, strlen(u->text), first, step, &fault);
    if (err != u->err || strcmp(fault.reason, u->reason) != 0 || strcmp(fault.path, u->path) != 0 ||
        strcmp(buf_str(&sink.log), u->log) != 0 || fault.offset != want_offset)
        fail_msg("%s cut at %zu, %zu: %d '%s' at '%s' (%zu, not %zu); %s", u->text, first, step, err, fault.reason,
                 fault.path, fault.offset, want_offset, buf_str(&sink.log));
    buf_free(&sink.log);
}

static void test_faults_are_the_same_wherever_the_text_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsounds / sizeof unsounds[0]; i++) {
        const struct unsound *u = &unsounds[i];
        size_t len = strlen(u->text);
        struct sink sink = {.calls = 0};
        struct json_fault whole = {0, "", ""};
        buf_init(&sink.log, 10000);
        assert_int_equal(cut(&sink, u->text, len, len, len, &whole), u->err);
        buf_free(&sink.log);
        for (size_t at = 1; at <= len; at++)
            assert_fault(u, at, len, whole.offset);
        for (size_t step = 1; step <= 7; step++)
            assert_fault(u, 0, step, whole.offset);
    }
}

static void test_a_callback_can_stop_it(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"contacts\":[1,2],\"b\":2}";
    static const char *const logs[] = {"a=1;", "a=1;array;", "a=1;array;0:1;", "a=1;array;0:1;1:2;",
                                       "a=1;array;0:1;1:2;b=2;"};
    for (unsigned at = 1; at <= 5; at++) {
        for (size_t step = 1; step <= sizeof text; step += 9) {
            struct sink sink = {.answer = ERR_STATE, .answer_at = at};
            struct json_fault fault = {4711, "untouched", ""};
            buf_init(&sink.log, 1000);
            assert_int_equal(cut(&sink, text, strlen(text), 0, step, &fault), ERR_STATE);
            assert_string_equal(buf_str(&sink.log), logs[at - 1]);
            assert_string_equal(fault.path, "untouched");
            buf_free(&sink.log);
        }
    }
}

static void test_blank_space_costs_no_memory(void **state)
{
    (void)state;
    char blank[4000];
    memset(blank, ' ', sizeof blank);
    struct buf text;
    struct sink sink = {.calls = 0};
    buf_init(&text, 100000);
    buf_init(&sink.log, 1000);
    static const char *const parts[] = {"{", "\"contacts\"", ":", "[", "1", ",", "{}", "]",
                                        ",", "\"a\"",        ":", "2", "}"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_int_equal(buf_append(&text, blank, sizeof blank), 0);
        assert_int_equal(buf_append_str(&text, parts[i]), 0);
    }
    assert_int_equal(cut(&sink, buf_str(&text), buf_len(&text), 0, 1000, NULL), 0);
    assert_string_equal(buf_str(&sink.log), "array;0:1;1:{};a=2;");
    buf_free(&text);
    buf_free(&sink.log);
}

static int count_element(size_t index, const char *value, size_t len, void *arg)
{
    size_t *count = arg;
    cJSON *parsed;
    assert_int_equal(index, *count);
    assert_int_equal(json_parse(value, len, &parsed, NULL), 0);
    cJSON_Delete(parsed);
    (*count)++;
    return 0;
}

static int ignore_member(const char *key, const char *value, size_t len, void *arg)
{
    (void)key;
    (void)value;
    (void)len;
    (void)arg;
    return 0;
}

static void test_many_elements_are_counted_in_any_piece_size(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_append_str(&text, "{\"agentId\":\"a\",\"contacts\":["), 0);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(
            buf_printf(&text, "%s{\"phoneNumber\":\"+1555%07u\",\"metadata\":{\"n\":%u}}", i > 0 ? "," : "", i, i), 0);
    assert_int_equal(buf_append_str(&text, "]}"), 0);
    static const size_t sizes[] = {1, 13, 997, 16384, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t count = 0;
        const struct json_cutter_config config = {.array_key = "contacts",
                                                  .element_max = LIMIT_CONTACT_JSON_BYTES,
                                                  .member_max = LIMIT_OPTIONS_JSON_BYTES,
                                                  .on_member = ignore_member,
                                                  .on_element = count_element,
                                                  .arg = &count};
        struct json_cutter *c;
        assert_int_equal(json_cutter_create(&config, &c), 0);
        for (size_t at = 0; at < buf_len(&text); at += sizes[i]) {
            size_t rest = buf_len(&text) - at;
            assert_int_equal(json_cutter_feed(c, buf_str(&text) + at, rest < sizes[i] ? rest : sizes[i], NULL), 0);
        }
        assert_int_equal(json_cutter_finish(c, NULL), 0);
        assert_int_equal(count, 3000);
        json_cutter_free(c);
    }
    buf_free(&text);
    json_cutter_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_and_elements_come_out_whole_wherever_the_text_is_cut),
        cmocka_unit_test(test_faults_are_the_same_wherever_the_text_is_cut),
        cmocka_unit_test(test_a_callback_can_stop_it),
        cmocka_unit_test(test_blank_space_costs_no_memory),
        cmocka_unit_test(test_many_elements_are_counted_in_any_piece_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
