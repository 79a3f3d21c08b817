/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define LAST_MS INT64_C(253402300799999)

static void test_known_instants_are_written_so(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(1763283600123), "2025-11-16T09:00:00.123Z"},
        {LAST_MS, "9999-12-31T23:59:59.999Z"},
        {LAST_MS + 1, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {-1, "1970-01-01T00:00:00.000Z"},
        {INT64_MIN, "1970-01-01T00:00:00.000Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TIMESTAMP_LEN + 1];
        timestamp_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* 12 hours and a bit, so that every day of the calendar is met; the C library is the witness. */
static void test_formatting_agrees_with_the_system_and_parses_back(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms <= LAST_MS; ms += INT64_C(43234567) * 7) {
        char text[TIMESTAMP_LEN + 1], want[64];
        struct timestamp_parts parts;
        struct tm tm;
        time_t seconds = (time_t)(ms / 1000);
        gmtime_r(&seconds, &tm);
        size_t n = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(want + n, sizeof want - n, ".%03dZ", (int)(ms % 1000));
        timestamp_format(ms, text);
        assert_string_equal(text, want);
        assert_int_equal(timestamp_parse(text, TIMESTAMP_LEN, &parts), 0);
        assert_true(parts.wall_ms == ms && parts.has_offset && parts.offset_s == 0);
    }
}

static void test_every_permitted_form_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
        bool has_offset;
        int32_t offset_s;
    } cases[] = {
        {"2025-11-16T09:00:00.123Z", INT64_C(1763283600123), true, 0},
        {"2025-11-16t09:00:00.123z", INT64_C(1763283600123), true, 0},
        {"2025-11-16 09:00:00.123", INT64_C(1763283600123), false, 0},
        {"2025-11-16T09:00", INT64_C(1763283600000), false, 0},
        {"2025-11-16T09:00Z", INT64_C(1763283600000), true, 0},
        {"2025-11-16T09:00:00.1", INT64_C(1763283600100), false, 0},
        {"2025-11-16T09:00:00.1239999999999", INT64_C(1763283600123), false, 0},
        {"2025-11-16T09:00:00+05:30", INT64_C(1763283600000), true, 19800},
        {"2025-11-16T09:00:00-08:00", INT64_C(1763283600000), true, -28800},
        {"2025-11-16T09:00:00-00:00", INT64_C(1763283600000), true, 0},
        {"2025-11-16T09:00:00+23:59", INT64_C(1763283600000), true, 86340},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000), true, 0},
        {"1970-01-01T00:00:00Z", 0, true, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct timestamp_parts parts;
        assert_int_equal(timestamp_parse(cases[i].text, strlen(cases[i].text), &parts), 0);
        assert_true(parts.wall_ms == cases[i].wall_ms);
        assert_int_equal(parts.has_offset, cases[i].has_offset);
        assert_int_equal(parts.offset_s, cases[i].offset_s);
    }
}

static void test_everything_else_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "2025",
        "2025-11-16",
        "2025-11-16T",
        "2025-11-16T09",
        "2025-11-16T9:00:00",
        "2025-11-16T09:00:00.",
        "2025-11-16T09:00:00,5",
        "2025-11-16T09:00:60Z",
        "2025-11-16T24:00:00Z",
        "2025-11-16T09:60:00Z",
        "2025-13-01T00:00:00Z",
        "2025-00-01T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "2025-11-16T09:00:00+5:30",
        "2025-11-16T09:00:00+0530",
        "2025-11-16T09:00:00+24:00",
        "2025-11-16T09:00:00+05:60",
        "2025-11-16T09:00:00ZZ",
        "2025-11-16T09:00:00Z ",
        " 2025-11-16T09:00:00Z",
        "2025-11-16X09:00:00Z",
        "2025/11/16T09:00:00Z",
        "2025-11-16T09:00.5Z",
        "+025-11-16T09:00:00Z",
    };
    struct timestamp_parts parts = {.wall_ms = 4711};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (timestamp_parse(cases[i], strlen(cases[i]), &parts) != ERR_INVALID)
            fail_msg("taken: '%s'", cases[i]);
    }
    assert_int_equal(timestamp_parse("2025-11-16\0"
                                     "09:00:00Z",
                                     20, &parts),
                     ERR_INVALID);
    assert_int_equal(parts.wall_ms, 4711);
}

static void test_mail_dates_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
        int32_t offset_s;
    } cases[] = {
        {"Mon, 24 Nov 2025 16:00:00 +0000", 1764000000000, 0},
        {"24 Nov 2025 16:00:00 +0000", 1764000000000, 0},
        {"Mon, 24 Nov 2025 16:00:00 GMT", 1764000000000, 0},
        {"Mon, 24 Nov 2025 16:00:00 UTC", 1764000000000, 0},
        {"Mon, 24 Nov 2025 16:00 -0000", 1764000000000, 0},
        {"Mon, 24 Nov 2025 18:30:00 +0230", 1764009000000, 9000},
        {"Mon, 24 Nov 2025 08:00:00 -0800", 1763971200000, -28800},
        {"Sat, 1 Jan 2000 00:00:00 +0000", 946684800000, 0},
        {"Tue, 29 Feb 2028 23:59:59 +0000", 1835481599000, 0},
        {"Tue, 24 Nov 2025 16:00:00 +0000", 1764000000000, 0}, /* it was a Monday */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct timestamp_parts parts = {0};
        if (timestamp_parse_rfc2822(cases[i].text, strlen(cases[i].text), &parts) != 0 ||
            parts.wall_ms != cases[i].wall_ms || parts.offset_s != cases[i].offset_s || !parts.has_offset)
            fail_msg("%s: %lld %d", cases[i].text, (long long)parts.wall_ms, (int)parts.offset_s);
    }
}

static void test_other_mail_dates_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "Mon",
        "Mon, ",
        "Mon 24 Nov 2025 16:00:00 +0000",
        "Mon,24 Nov 2025 16:00:00 +0000",
        "Mon, 0 Nov 2025 16:00:00 +0000",
        "Mon, 31 Nov 2025 16:00:00 +0000",
        "Mon, 29 Feb 2027 16:00:00 +0000",
        "Mon, 124 Nov 2025 16:00:00 +0000",
        "Mon, 24 nov 2025 16:00:00 +0000",
        "Mon, 24 Nov 25 16:00:00 +0000",
        "Mon, 24 Nov 2025 24:00:00 +0000",
        "Mon, 24 Nov 2025 16:60:00 +0000",
        "Mon, 24 Nov 2025 16:00:60 +0000",
        "Mon, 24 Nov 2025 16:00:00",
        "Mon, 24 Nov 2025 16:00:00 ",
        "Mon, 24 Nov 2025 16:00:00 +00",
        "Mon, 24 Nov 2025 16:00:00 +00:00",
        "Mon, 24 Nov 2025 16:00:00 PST",
        "Mon, 24 Nov 2025 16:00:00 +0000 ",
        "2025-11-24T16:00:00Z",
    };
    struct timestamp_parts parts = {.wall_ms = 4711};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (timestamp_parse_rfc2822(cases[i], strlen(cases[i]), &parts) != ERR_INVALID)
            fail_msg("taken: '%s'", cases[i]);
    }
    assert_int_equal(parts.wall_ms, 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_instants_are_written_so),
        cmocka_unit_test(test_formatting_agrees_with_the_system_and_parses_back),
        cmocka_unit_test(test_every_permitted_form_is_read),
        cmocka_unit_test(test_everything_else_is_refused),
        cmocka_unit_test(test_mail_dates_are_read),
        cmocka_unit_test(test_other_mail_dates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
