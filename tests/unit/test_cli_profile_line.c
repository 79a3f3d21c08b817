/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of faults: what an editor shows when somebody goes there.
 */
#include "producer/cli/profile_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "\n"
                           "{\n"
                           "  \"a\": 1,\n"
                           "  \"b\": {\"c\":\n"
                           "    [10, {\n"
                           "      \"d.e\": \"x: [1] \\\" }\",\n"
                           "      \"d\": {\"e\": 2},\n"
                           "      \"/to\": \"t\"\n"
                           "    }, \"b\"]\n"
                           "  },\n"
                           "  \"\\u0061b\": 3\n"
                           "}\n";

static void test_a_path_leads_to_its_line(void **state)
{
    static const struct {
        const char *path;
        size_t line;
    } rows[] = {
        {"", 1},
        {"a", 3},
        {"b", 4},
        {"b.c", 4},
        {"b.c[0]", 5},
        {"b.c[1]", 5},
        {"b.c[1].d.e", 6}, /* the member of that name, not the member of a member */
        {"b.c[1].d", 7},
        {"b.c[1]./to", 8},
        {"b.c[2]", 9},
        /* what is not there: what is around it */
        {"c", 1},
        {"a.x", 3},
        {"a[0]", 3},
        {"b.x", 4},
        {"b.c[3]", 4},
        {"b.c[2].x", 9},
        {"b.c[1].d.f", 7},
        {"ab", 1},
        {"b.", 4},
        {"b..c", 4},
        {"b.c[", 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t line = profile_line_at(text, sizeof text - 1, rows[i].path);
        if (line != rows[i].line)
            fail_msg("%s: %zu, not %zu", rows[i].path, line, rows[i].line);
    }
    assert_int_equal(profile_line_at("[1]", 3, "a"), 1);
    assert_int_equal(profile_line_at("", 0, "a"), 1);
}

static void test_lines_are_counted_from_one(void **state)
{
    (void)state;
    assert_int_equal(profile_line_of("a\nb\n", 4, 0), 1);
    assert_int_equal(profile_line_of("a\nb\n", 4, 2), 2);
    assert_int_equal(profile_line_of("a\nb\n", 4, 99), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_leads_to_its_line),
        cmocka_unit_test(test_lines_are_counted_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
