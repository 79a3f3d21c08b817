/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/schedule.h"

#include <string.h>

#include "tests/support/faults_fixture.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

#define NOW INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */

static int read_start(const char *text, const char *zone, bool zone_given, int64_t *ret_ms)
{
    return schedule_read_start(text, strlen(text), zone, zone_given, NOW, ret_ms, &faults, &warnings);
}

static void test_an_offset_is_an_instant_and_without_one_it_is_wall_time_in_the_zone(void **state)
{
    static const struct {
        const char *text;
        const char *zone;
        int64_t ms;
        size_t n_warnings;
    } cases[] = {
        {"2025-11-16T09:00:00.000Z", "UTC", INT64_C(1763283600000), 0},
        {"2025-11-16T09:00:00.000", "UTC", INT64_C(1763283600000), 0},
        {"2025-11-16T09:00:00", "America/New_York", INT64_C(1763301600000), 0},
        {"2025-11-16T09:00", "Asia/Kolkata", INT64_C(1763263800000), 0},
        {"2025-11-16T09:00:00-05:00", "America/New_York", INT64_C(1763301600000), 0},
        {"2025-07-16T09:00:00+01:00", "Europe/London", INT64_C(1752652800000), 0},
        {"2025-07-16T09:00:00.250Z", "UTC", INT64_C(1752656400250), 0},
        /* written with two zones: the seed's own example */
        {"2025-11-16T09:00:00.000Z", "America/New_York", INT64_C(1763283600000), 1},
        {"2025-07-16T09:00:00Z", "Europe/London", INT64_C(1752656400000), 1},
        /* skipped and repeated by clocks */
        {"2025-03-09T02:30:00", "America/New_York", INT64_C(1741503600000), 1},
        {"2025-11-02T01:30:00", "America/New_York", INT64_C(1762061400000), 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 0;
        faults_free(&warnings);
        assert_int_equal(read_start(cases[i].text, cases[i].zone, true, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
        assert_int_equal(faults_count(&warnings), cases[i].n_warnings);
    }
    assert_int_equal(faults_count(&faults), 0);
}

static void test_a_warning_names_both_readings(void **state)
{
    int64_t ms;
    (void)state;
    assert_int_equal(read_start("2025-11-16T09:00:00.000Z", "America/New_York", true, &ms), 0);
    assert_int_equal(warnings.n, 1);
    assert_string_equal(warnings.items[0].path, "scheduledStartTime");
    assert_string_equal(warnings.items[0].code, WARNING_TWO_READINGS);
    assert_string_equal(warnings.items[0].message,
                        "is taken with its own offset +00:00, as 2025-11-16T09:00:00.000Z; read as a clock in "
                        "America/New_York it would be 2025-11-16T14:00:00.000Z");
    /* A default zone is nothing that the tenant said. */
    faults_free(&warnings);
    assert_int_equal(read_start("2025-11-16T09:00:00-03:30", "UTC", false, &ms), 0);
    assert_int_equal(faults_count(&warnings), 0);
    assert_int_equal(read_start("2025-11-16T09:00:00-03:30", "UTC", true, &ms), 0);
    assert_non_null(strstr(warnings.items[0].message, "offset -03:30, as 2025-11-16T12:30:00.000Z"));
}

static void test_a_start_lies_in_the_future(void **state)
{
    int64_t ms = 42;
    (void)state;
    assert_int_equal(read_start("2025-01-01T00:00:00Z", "UTC", true, &ms), ERR_INVALID);
    assert_int_equal(ms, 42);
    assert_string_equal(faults_only_code(&faults), FAULT_START_PAST);
    assert_string_equal(faults.items[0].message, "Scheduled start time must be in the future");
    assert_int_equal(read_start("2025-01-01T00:00:00.001Z", "UTC", true, &ms), 0);
    assert_int_equal(ms, NOW + 1);
    assert_int_equal(read_start("2024-12-31T23:30:00", "America/New_York", true, &ms), 0);
    assert_int_equal(read_start("2025-01-01T00:30:00", "Asia/Kolkata", true, &ms), ERR_INVALID);
}

static void test_a_start_does_not_lie_beyond_ten_years(void **state)
{
    int64_t ms;
    (void)state;
    assert_int_equal(read_start("2035-01-01T00:00:00Z", "UTC", true, &ms), 0);
    assert_int_equal(read_start("2205-01-01T00:00:00Z", "UTC", true, &ms), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_RANGE);
}

static void test_what_is_no_time_is_a_fault(void **state)
{
    static const char *const cases[] = {"",
                                        "tomorrow",
                                        "2025-13-01T00:00:00Z",
                                        "2025-02-29T00:00:00Z",
                                        "1763283600",
                                        "2025-11-16T24:30:00Z",
                                        "2025-11-16",
                                        "2025-11-16T09:00:00 UTC"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms;
        assert_int_equal(read_start(cases[i], "UTC", true, &ms), ERR_INVALID);
        assert_int_equal(faults_count(&faults), i + 1);
        assert_string_equal(faults.items[i].code, FAULT_TIME);
        assert_string_equal(faults.items[i].path, "scheduledStartTime");
    }
}

static int read_expiry(const char *text, const char *zone, int64_t start_ms, int64_t *ret_ms)
{
    return schedule_read_expiry(text, strlen(text), zone, true, NOW, start_ms, ret_ms, &faults, &warnings);
}

static void test_an_expiry_is_read_like_a_start_and_lies_after_it(void **state)
{
    const int64_t start = NOW + 3600000;
    int64_t ms = 42;
    (void)state;
    assert_int_equal(read_expiry("2025-01-01T01:00:00.001Z", "UTC", start, &ms), 0);
    assert_int_equal(ms, start + 1);
    assert_int_equal(read_expiry("2025-11-16T09:00", "Asia/Kolkata", start, &ms), 0);
    assert_int_equal(ms, INT64_C(1763263800000));
    assert_int_equal(faults_count(&warnings), 0);
    assert_int_equal(read_expiry("2025-11-02T01:30:00", "America/New_York", start, &ms), 0);
    assert_int_equal(ms, INT64_C(1762061400000));
    assert_string_equal(warnings.items[0].path, "expiresAt");
    assert_string_equal(warnings.items[0].code, WARNING_TWO_READINGS);
    assert_int_equal(faults_count(&faults), 0);

    static const struct {
        const char *text;
        const char *code;
    } cases[] = {{"2025-01-01T01:00:00Z", FAULT_EXPIRY_EARLY},
                 {"2024-01-01T01:00:00Z", FAULT_EXPIRY_EARLY},
                 {"2205-01-01T00:00:00Z", FAULT_RANGE},
                 {"next week", FAULT_TIME}};
    ms = 42;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(read_expiry(cases[i].text, "UTC", start, &ms), ERR_INVALID);
        assert_string_equal(faults.items[i].code, cases[i].code);
        assert_string_equal(faults.items[i].path, "expiresAt");
    }
    assert_int_equal(ms, 42);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, faults_fixture_set_up, faults_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_offset_is_an_instant_and_without_one_it_is_wall_time_in_the_zone),
        CASE(test_a_warning_names_both_readings),
        CASE(test_a_start_lies_in_the_future),
        CASE(test_a_start_does_not_lie_beyond_ten_years),
        CASE(test_what_is_no_time_is_a_fault),
        CASE(test_an_expiry_is_read_like_a_start_and_lies_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
