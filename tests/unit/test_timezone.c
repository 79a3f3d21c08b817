/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/timezone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/timestamp.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct {
    const char *zone;
    const char *wall;
    int64_t instant_s;
    enum timezone_reading reading;
} READINGS[] = {
#include "tests/unit/timezone_table.inc"
};

static void test_wall_times_around_clock_changes_are_read_as_another_reader_does(void **state)
{
    size_t seen[3] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(READINGS); i++) {
        struct timestamp_parts parts;
        enum timezone_reading reading;
        int64_t ms;
        assert_int_equal(timestamp_parse(READINGS[i].wall, strlen(READINGS[i].wall), &parts), 0);
        assert_int_equal(timezone_resolve_wall(READINGS[i].zone, parts.wall_ms, &ms, &reading), 0);
        if (ms != READINGS[i].instant_s * 1000 || reading != READINGS[i].reading)
            fail_msg("%s %s: %lld, %d", READINGS[i].zone, READINGS[i].wall, (long long)ms, (int)reading);
        seen[reading]++;
    }
    assert_true(seen[TIMEZONE_READING_PLAIN] > 10 && seen[TIMEZONE_READING_GAP] > 10 &&
                seen[TIMEZONE_READING_FOLD] > 10);
}

static void test_an_instant_that_was_found_shows_the_wall_time_it_was_found_for(void **state)
{
    static const char *const zones[] = {"America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Europe/London"};
    (void)state;
    for (size_t z = 0; z < COUNT(zones); z++) {
        /* Every 7 hours and a bit of two years. */
        for (int64_t wall_ms = INT64_C(1735689600123); wall_ms < INT64_C(1798761600000); wall_ms += 25234567) {
            int64_t ms;
            int32_t offset_s;
            enum timezone_reading reading;
            assert_int_equal(timezone_resolve_wall(zones[z], wall_ms, &ms, &reading), 0);
            assert_int_equal(timezone_offset_at(zones[z], ms, &offset_s), 0);
            if (reading == TIMEZONE_READING_GAP)
                assert_true(ms + offset_s * INT64_C(1000) > wall_ms);
            else
                assert_int_equal(ms + offset_s * INT64_C(1000), wall_ms);
        }
    }
}

static void test_only_names_of_the_database_are_zones(void **state)
{
    static const char *const valid[] = {"UTC",
                                        "America/New_York",
                                        "America/Argentina/Buenos_Aires",
                                        "Etc/GMT+5",
                                        "EST5EDT",
                                        "GMT0",
                                        "Asia/Kolkata",
                                        "Antarctica/DumontDUrville",
                                        "America/Port-au-Prince",
                                        "GB-Eire",
                                        "Zulu",
                                        "Asia/Calcutta",
                                        "Pacific/Apia",
                                        "W-SU"};
    static const char *const invalid[] = {
        "",
        "utc",
        "america/new_york",
        "America",
        "America/",
        "America/Nowhere",
        "Mars/Base",
        "+02:00",
        "02:00",
        "UTC+2",
        "Foo3",
        "EST5",
        "EST5EDT4,M3.2.0,M11.1.0",
        "<+03>-3",
        "Factory",
        "/usr/share/zoneinfo/UTC",
        "../../../etc/passwd",
        "America/../UTC",
        ":UTC",
        "right/UTC",
        "posix/UTC",
        "posixrules",
        "localtime",
        "leapseconds",
        "tzdata.zi",
        "zone.tab",
        "UTC ",
        " UTC",
        "America//New_York",
        "Etc/GMT+99",
        "Etc/GMT5x",
        "US",
        "Europe/London\n",
    };
    (void)state;
    assert_true(timezone_has_data());
    for (size_t i = 0; i < COUNT(valid); i++) {
        if (!timezone_is_valid(valid[i], strlen(valid[i])))
            fail_msg("%s should be a zone", valid[i]);
    }
    for (size_t i = 0; i < COUNT(invalid); i++) {
        int64_t ms;
        if (timezone_is_valid(invalid[i], strlen(invalid[i])))
            fail_msg("\"%s\" should not be a zone", invalid[i]);
        assert_int_equal(timezone_resolve_wall(invalid[i], 0, &ms, NULL), ERR_INVALID);
    }
    assert_false(timezone_is_valid("UTC\0x", 5));
    assert_true(timezone_is_valid("UTCxyz", 3));
}

static void test_a_memo_gives_the_same_verdicts_again(void **state)
{
    struct timezone_memo *memo = timezone_memo_create();
    (void)state;
    assert_non_null(memo);
    for (int i = 0; i < 3; i++) {
        assert_true(timezone_memo_is_valid(memo, "Europe/London", 13));
        assert_false(timezone_memo_is_valid(memo, "Europe/Londres", 14));
        assert_false(timezone_memo_is_valid(memo, "", 0));
        assert_false(timezone_memo_is_valid(memo, "UTC\0", 4));
    }
    timezone_memo_free(memo);
    timezone_memo_free(NULL);
}

static void test_offsets_follow_the_clock_changes(void **state)
{
    static const struct {
        const char *zone;
        int64_t s;
        int32_t offset_s;
    } cases[] = {
        {"America/New_York", 1741503599, -18000}, /* a second before the change of March 2025 */
        {"America/New_York", 1741503600, -14400},
        {"Asia/Kolkata", 1741503600, 19800},
        {"UTC", 1741503600, 0},
        {"Europe/London", -1, 3600}, /* British Standard Time */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t offset_s;
        assert_int_equal(timezone_offset_at(cases[i].zone, cases[i].s * 1000, &offset_s), 0);
        assert_int_equal(offset_s, cases[i].offset_s);
    }
    int32_t offset_s;
    assert_int_equal(timezone_offset_at("Mars/Base", 0, &offset_s), ERR_INVALID);
}

static void test_a_stretch_ends_where_the_offset_changes_or_at_its_limit(void **state)
{
    const int64_t day = INT64_C(86400000), change = INT64_C(1741503600000); /* New York, March 2025 */
    struct timezone_rules *rules;
    int64_t until_ms;
    (void)state;
    assert_int_equal(timezone_open("America/New_York", &rules), 0);
    assert_int_equal(timezone_stretch(rules, change - 30 * day, change + 30 * day, &until_ms), -18000);
    assert_int_equal(until_ms, change);
    assert_int_equal(timezone_stretch(rules, change, change + 30 * day, &until_ms), -14400);
    assert_int_equal(until_ms, change + 30 * day);
    assert_int_equal(timezone_stretch(rules, change - 2, change - 1, &until_ms), -18000);
    assert_int_equal(until_ms, change - 1);
    timezone_close(rules);
    timezone_close(NULL);
    assert_int_equal(timezone_open("Mars/Base", &rules), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_times_around_clock_changes_are_read_as_another_reader_does),
        cmocka_unit_test(test_an_instant_that_was_found_shows_the_wall_time_it_was_found_for),
        cmocka_unit_test(test_only_names_of_the_database_are_zones),
        cmocka_unit_test(test_a_memo_gives_the_same_verdicts_again),
        cmocka_unit_test(test_offsets_follow_the_clock_changes),
        cmocka_unit_test(test_a_stretch_ends_where_the_offset_changes_or_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
