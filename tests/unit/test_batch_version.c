/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/reply_text.h"

/* Of a hash: fields and values by turns, each a string ('"') with a separator behind it. */
#define S "\x1e"

static uint64_t version_of(const char *text)
{
    redisReply *reply = reply_from_text(text, strlen(text));
    uint64_t version = batch_version_of(reply);
    freeReplyObject(reply);
    return version;
}

#define HASH(fields) "[" S fields "]" S

static void test_every_change_makes_another(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        HASH(""),
        HASH("\"state" S "\"pending" S "\"live" S "\"1" S),
        HASH("\"state" S "\"paused" S "\"live" S "\"1" S),
        HASH("\"state" S "\"pending" S "\"live" S "\"2" S),
        HASH("\"state" S "\"pending" S),
        HASH("\"state" S "\"pending" S "\"ended" S "\"1" S),
        HASH("\"live" S "\"pending" S "\"state" S "\"1" S),
        HASH("\"statepending" S "\"" S "\"live" S "\"1" S),
    };
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        assert_true(version_of(hashes[i]) != 0);
        for (size_t j = 0; j < i; j++)
            assert_true(version_of(hashes[i]) != version_of(hashes[j]));
    }
}

static void test_the_order_of_fields_and_the_pace_do_not_matter(void **state)
{
    (void)state;
    uint64_t version = version_of(HASH("\"state" S "\"pending" S "\"live" S "\"1" S));
    assert_true(version_of(HASH("\"live" S "\"1" S "\"state" S "\"pending" S)) == version);
    assert_true(version_of(HASH("\"live" S "\"1" S "\"tat_us" S "\"17" S "\"state" S "\"pending" S)) == version);
}

static void test_it_is_the_same_everywhere(void **state)
{
    (void)state;
    char text[BATCH_VERSION_LEN + 1];
    batch_version_format(version_of(HASH("\"state" S "\"pending" S)), text);
    assert_string_equal(text, "c50bcfcd7cd68515");
    batch_version_format(1, text);
    assert_string_equal(text, "0000000000000001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_change_makes_another),
        cmocka_unit_test(test_the_order_of_fields_and_the_pace_do_not_matter),
        cmocka_unit_test(test_it_is_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
