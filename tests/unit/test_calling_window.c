/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/calling_window.h"

#include <stdio.h>
#include <string.h>

#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "tests/support/faults_fixture.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define DAY INT64_C(86400000)

static int read_window(const char *json, struct calling_window *ret)
{
    cJSON *value = cJSON_Parse(json);
    assert_non_null(value);
    faults_fixture_clear();
    int rc = calling_window_read(value, "w", "UTC", ret, &faults, &warnings);
    assert_int_equal(rc == 0, faults_count(&faults) == 0);
    cJSON_Delete(value);
    return rc;
}

static struct calling_window window_of(const char *json)
{
    struct calling_window window;
    if (read_window(json, &window) != 0)
        fail_msg("%s: %s %s", json, faults.items[0].path, faults.items[0].message);
    return window;
}

static int64_t instant(const char *text)
{
    struct timestamp_parts parts;
    assert_int_equal(timestamp_parse(text, strlen(text), &parts), 0);
    return parts.wall_ms - parts.offset_s * INT64_C(1000);
}

/* The hours of the window between two instants, as "11-02T05:30 11-02T06:00, ..." in UTC. */
static void assert_hours(const char *json, const char *from, const char *until, const char *expected)
{
    struct calling_window window = window_of(json);
    struct calling_hours hours[8];
    char text[512] = "";
    size_t n;
    int64_t known_ms;
    assert_int_equal(calling_window_hours(&window, instant(from), instant(until), hours, COUNT(hours), &n, &known_ms),
                     0);
    assert_int_equal(known_ms, instant(until));
    for (size_t i = 0; i < n; i++) {
        char open[TIMESTAMP_LEN + 1], close[TIMESTAMP_LEN + 1];
        timestamp_format(hours[i].open_ms, open);
        timestamp_format(hours[i].close_ms, close);
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%.11s %.11s", i > 0 ? ", " : "", open + 5, close + 5);
    }
    assert_string_equal(text, expected);
}

/* ---- reading ---- */

static void test_what_is_not_given_has_its_default(void **state)
{
    (void)state;
    struct calling_window window = window_of("{\"start\":\"09:00\",\"end\":\"24:00\"}");
    assert_string_equal(window.timezone, "UTC");
    assert_int_equal(window.start_min, 540);
    assert_int_equal(window.end_min, 1440);
    assert_int_equal(window.days, CALLING_WINDOW_EVERY_DAY);
    assert_int_equal(window.n_closed, 0);
}

static void test_every_member_is_read_and_written_the_same(void **state)
{
    static const char json[] = "{\"w\":{\"start\":\"22:05\",\"end\":\"00:00\",\"days\":[\"tue\",\"sun\"],"
                               "\"timezone\":\"Asia/Kolkata\",\"closedDates\":[\"2024-02-29\",\"2026-12-25\"]}}";
    (void)state;
    struct calling_window window =
        window_of("{\"closedDates\":[\"2026-12-25\",\"2024-02-29\",\"2026-12-25\"],\"days\":[\"sun\",\"tue\",\"sun\"],"
                  "\"timezone\":\"Asia/Kolkata\",\"end\":\"00:00\",\"start\":\"22:05\"}");
    assert_int_equal(window.days, 0x42);
    assert_int_equal(warnings.n, 2);
    assert_string_equal(warnings.items[0].path, "w.closedDates[2]");
    assert_string_equal(warnings.items[1].path, "w.days[2]");
    cJSON *object = cJSON_CreateObject();
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(calling_window_add_json(&window, object, "w"), 0);
    assert_int_equal(json_print(object, &text), 0);
    assert_string_equal(buf_str(&text), json);
    cJSON_Delete(object);
    buf_free(&text);
}

static void test_one_thing_wrong_is_told_by_path_and_code(void **state)
{
    static const struct {
        const char *json;
        const char *path;
        const char *code;
    } cases[] = {
        {"[]", "w", FAULT_TYPE},
        {"{\"end\":\"17:00\"}", "w.start", FAULT_REQUIRED},
        {"{\"start\":\"09:00\"}", "w.end", FAULT_REQUIRED},
        {"{\"start\":\"24:00\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":\"9:00\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":\"09:60\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":\"09.00\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":\"\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":\"-1:00\",\"end\":\"17:00\"}", "w.start", FAULT_TIME},
        {"{\"start\":540,\"end\":\"17:00\"}", "w.start", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"24:01\"}", "w.end", FAULT_TIME},
        {"{\"start\":\"09:00\",\"end\":\"17:00:00\"}", "w.end", FAULT_TIME},
        {"{\"start\":\"09:00\",\"end\":null}", "w.end", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"09:00\"}", "w.end", FAULT_RANGE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[]}", "w.days", FAULT_NEVER_OPEN},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":\"mon\"}", "w.days", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"mon\",\"Tue\"]}", "w.days[1]", FAULT_RANGE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[1]}", "w.days[0]", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"timezone\":\"contact\"}", "w.timezone", FAULT_NOT_ALLOWED},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"timezone\":\"EST+5\"}", "w.timezone", FAULT_TIMEZONE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"timezone\":7}", "w.timezone", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":{}}", "w.closedDates", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":[\"2026-02-29\"]}", "w.closedDates[0]", FAULT_TIME},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":[\"2026-12-25T00:00:00Z\"]}", "w.closedDates[0]",
         FAULT_TIME},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":[\"25.12.2026\"]}", "w.closedDates[0]", FAULT_TIME},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":[20261225]}", "w.closedDates[0]", FAULT_TYPE},
        {"{\"start\":\"09:00\",\"end\":\"17:00\",\"Days\":[\"mon\"]}", "w.Days", FAULT_UNKNOWN_FIELD},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct calling_window window = {.start_min = 42};
        if (read_window(cases[i].json, &window) != ERR_INVALID)
            fail_msg("%s", cases[i].json);
        assert_only_fault(cases[i].json, cases[i].path, cases[i].code);
        assert_int_equal(window.start_min, 42);
    }
}

static void test_all_faults_are_found_at_once(void **state)
{
    struct calling_window window;
    (void)state;
    assert_int_equal(
        read_window("{\"start\":\"x\",\"days\":[\"x\",\"y\"],\"timezone\":\"x\",\"closedDates\":[\"x\"],\"x\":1}",
                    &window),
        ERR_INVALID);
    assert_int_equal(faults.n, 7);
}

static void test_closed_dates_are_bounded(void **state)
{
    (void)state;
    for (size_t n = LIMIT_CLOSED_DATES; n <= LIMIT_CLOSED_DATES + 1; n++) {
        struct calling_window window;
        struct buf json;
        buf_init(&json, 1 << 16);
        assert_int_equal(buf_append_str(&json, "{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":["), 0);
        for (size_t i = 0; i < n; i++) {
            char date[TIMESTAMP_LEN + 1];
            timestamp_format((int64_t)(n - i) * DAY, date);
            assert_int_equal(buf_printf(&json, "%s\"%.10s\"", i > 0 ? "," : "", date), 0);
        }
        assert_int_equal(buf_append_str(&json, "]}"), 0);
        assert_int_equal(read_window(buf_str(&json), &window), n > LIMIT_CLOSED_DATES ? ERR_INVALID : 0);
        if (n > LIMIT_CLOSED_DATES)
            assert_string_equal(faults_only_code(&faults), FAULT_TOO_MANY);
        else
            assert_int_equal(window.closed[0], 1);
        buf_free(&json);
    }
}

/* ---- in time ---- */

static void test_a_window_opens_on_its_days_but_for_closed_dates(void **state)
{
    (void)state;
    /* 2026-03-02 is a Monday. */
    assert_hours("{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"mon\",\"tue\",\"thu\"],"
                 "\"closedDates\":[\"2026-03-03\"]}",
                 "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "03-02T09:00 03-02T17:00, 03-05T09:00 03-05T17:00");
    assert_hours("{\"start\":\"09:00\",\"end\":\"17:00\",\"timezone\":\"Asia/Kolkata\"}", "2026-03-02T00:00:00Z",
                 "2026-03-03T00:00:00Z", "03-02T03:30 03-02T11:30");
}

static void test_what_is_asked_for_cuts_the_hours(void **state)
{
    (void)state;
    assert_hours("{\"start\":\"09:00\",\"end\":\"17:00\"}", "2026-03-02T12:00:00Z", "2026-03-03T10:00:00Z",
                 "03-02T12:00 03-02T17:00, 03-03T09:00 03-03T10:00");
    assert_hours("{\"start\":\"09:00\",\"end\":\"17:00\"}", "2026-03-02T17:00:00Z", "2026-03-03T09:00:00Z", "");
}

static void test_a_window_over_midnight_belongs_to_the_day_it_starts_on(void **state)
{
    (void)state;
    assert_hours("{\"start\":\"22:00\",\"end\":\"02:00\",\"days\":[\"mon\"]}", "2026-03-02T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-02T22:00 03-03T02:00");
    assert_hours("{\"start\":\"22:00\",\"end\":\"02:00\",\"days\":[\"mon\",\"tue\"],\"closedDates\":[\"2026-03-03\"]}",
                 "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "03-02T22:00 03-03T02:00");
    assert_hours("{\"start\":\"22:00\",\"end\":\"02:00\",\"days\":[\"mon\"]}", "2026-03-03T01:00:00Z",
                 "2026-03-04T00:00:00Z", "03-03T01:00 03-03T02:00");
}

static void test_midnight_is_the_end_of_a_day_in_either_spelling(void **state)
{
    (void)state;
    assert_hours("{\"start\":\"22:00\",\"end\":\"24:00\",\"days\":[\"mon\"]}", "2026-03-02T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-02T22:00 03-03T00:00");
    assert_hours("{\"start\":\"22:00\",\"end\":\"00:00\",\"days\":[\"mon\"]}", "2026-03-02T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-02T22:00 03-03T00:00");
    /* Whole days that touch are one stretch. */
    assert_hours("{\"start\":\"00:00\",\"end\":\"24:00\",\"days\":[\"mon\",\"tue\",\"thu\"]}", "2026-03-02T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-02T00:00 03-04T00:00, 03-05T00:00 03-06T00:00");
}

static void test_in_a_gap_it_opens_at_the_first_instant_after_it_and_closes_before_it(void **state)
{
    (void)state;
    /* New York, 2026-03-08: 02:00 EST (07:00Z) becomes 03:00 EDT. */
    assert_hours("{\"start\":\"02:30\",\"end\":\"04:00\",\"timezone\":\"America/New_York\"}", "2026-03-08T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-08T07:00 03-08T08:00");
    assert_hours("{\"start\":\"01:00\",\"end\":\"02:30\",\"timezone\":\"America/New_York\"}", "2026-03-08T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-08T06:00 03-08T07:00");
    assert_hours("{\"start\":\"02:10\",\"end\":\"02:50\",\"timezone\":\"America/New_York\"}", "2026-03-08T00:00:00Z",
                 "2026-03-09T00:00:00Z", "");
    /* Over the gap it is an hour shorter. */
    assert_hours("{\"start\":\"01:00\",\"end\":\"04:00\",\"timezone\":\"America/New_York\"}", "2026-03-08T00:00:00Z",
                 "2026-03-09T00:00:00Z", "03-08T06:00 03-08T08:00");
    /* Samoa left out a whole day, a Friday. */
    assert_hours("{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"fri\"],\"timezone\":\"Pacific/Apia\"}",
                 "2011-12-29T00:00:00Z", "2012-01-05T00:00:00Z", "");
}

static void test_in_a_fold_it_is_open_whenever_clocks_show_a_time_inside_it(void **state)
{
    (void)state;
    /* New York, 2026-11-01: 02:00 EDT (06:00Z) becomes 01:00 EST. It opens at the earlier 01:30; where clocks fall
     * back behind the opening it is closed until they show it again. */
    assert_hours("{\"start\":\"01:30\",\"end\":\"04:00\",\"timezone\":\"America/New_York\"}", "2026-11-01T00:00:00Z",
                 "2026-11-02T00:00:00Z", "11-01T05:30 11-01T06:00, 11-01T06:30 11-01T09:00");
    assert_hours("{\"start\":\"00:00\",\"end\":\"01:30\",\"timezone\":\"America/New_York\"}", "2026-11-01T00:00:00Z",
                 "2026-11-02T00:00:00Z", "11-01T04:00 11-01T05:30, 11-01T06:00 11-01T06:30");
    assert_hours("{\"start\":\"00:00\",\"end\":\"04:00\",\"timezone\":\"America/New_York\"}", "2026-11-01T00:00:00Z",
                 "2026-11-02T00:00:00Z", "11-01T04:00 11-01T09:00");
}

static void test_hours_are_known_as_far_as_there_was_room_for_them(void **state)
{
    (void)state;
    struct calling_window window = window_of("{\"start\":\"09:00\",\"end\":\"17:00\"}");
    struct calling_hours hours[2];
    int64_t known_ms, from_ms = instant("2026-03-02T00:00:00Z");
    size_t n;
    assert_int_equal(calling_window_hours(&window, from_ms, from_ms + 9 * DAY, hours, 2, &n, &known_ms), 0);
    assert_int_equal(n, 2);
    assert_int_equal(known_ms, instant("2026-03-04T09:00:00Z"));
    assert_int_equal(calling_window_hours(&window, from_ms, from_ms + 2 * DAY, hours, 2, &n, &known_ms), 0);
    assert_int_equal(known_ms, from_ms + 2 * DAY);
    /* One that is always open would never fill the room: the walk has an end. */
    window = window_of("{\"start\":\"00:00\",\"end\":\"24:00\"}");
    assert_int_equal(calling_window_hours(&window, from_ms, INT64_MAX, hours, 2, &n, &known_ms), 0);
    assert_int_equal(n, 1);
    assert_int_equal(known_ms, from_ms + LIMIT_WINDOW_SEARCH_MS);
    assert_int_equal(hours[0].close_ms, known_ms);
}

static void test_the_next_opening_is_found_however_far_off(void **state)
{
    (void)state;
    struct calling_window window = window_of("{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"mon\"]}");
    /* Every Monday for seven years is closed. */
    int64_t monday = instant("2026-03-02T00:00:00Z");
    for (window.n_closed = 0; window.n_closed < LIMIT_CLOSED_DATES; window.n_closed++)
        window.closed[window.n_closed] = (int32_t)(monday / DAY + 7 * (int64_t)window.n_closed);
    struct calling_hours hours;
    int64_t opening = monday + INT64_C(7) * LIMIT_CLOSED_DATES * DAY + 9 * DAY / 24;
    assert_int_equal(calling_window_next(&window, monday, opening + 1, &hours), 0);
    assert_int_equal(hours.open_ms, opening);
    assert_int_equal(calling_window_next(&window, monday, opening, &hours), ERR_NOT_FOUND);
    assert_int_equal(calling_window_next(&window, monday, monday, &hours), ERR_NOT_FOUND);
    memcpy(window.timezone, "Mars/Base", sizeof "Mars/Base");
    assert_int_equal(calling_window_next(&window, monday, opening, &hours), ERR_INVALID);
}

static void test_what_is_published_is_bounded_and_says_up_to_when_it_holds(void **state)
{
    (void)state;
    struct calling_window window = window_of("{\"start\":\"09:00\",\"end\":\"17:00\"}");
    char text[CALLING_WINDOW_HOURS_LEN + 1];
    int64_t known_ms, from_ms = instant("2026-03-02T12:00:00Z");
    assert_int_equal(calling_window_publish(&window, from_ms, from_ms + DAY, text, &known_ms), 0);
    assert_string_equal(text, "1772452800000-1772470800000 1772528400000-1772539200000");
    assert_int_equal(known_ms, from_ms + DAY);
    assert_int_equal(calling_window_publish(&window, from_ms, from_ms + 100 * DAY, text, &known_ms), 0);
    size_t n = 0;
    for (const char *at = text; at; at = strchr(at + 1, ' '))
        n++;
    assert_int_equal(n, LIMIT_WINDOW_HOURS);
    assert_int_equal(known_ms, instant("2026-03-18T09:00:00Z"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, faults_fixture_set_up, faults_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_not_given_has_its_default),
        CASE(test_every_member_is_read_and_written_the_same),
        CASE(test_one_thing_wrong_is_told_by_path_and_code),
        CASE(test_all_faults_are_found_at_once),
        CASE(test_closed_dates_are_bounded),
        CASE(test_a_window_opens_on_its_days_but_for_closed_dates),
        CASE(test_what_is_asked_for_cuts_the_hours),
        CASE(test_a_window_over_midnight_belongs_to_the_day_it_starts_on),
        CASE(test_midnight_is_the_end_of_a_day_in_either_spelling),
        CASE(test_in_a_gap_it_opens_at_the_first_instant_after_it_and_closes_before_it),
        CASE(test_in_a_fold_it_is_open_whenever_clocks_show_a_time_inside_it),
        CASE(test_hours_are_known_as_far_as_there_was_room_for_them),
        CASE(test_the_next_opening_is_found_however_far_off),
        CASE(test_what_is_published_is_bounded_and_says_up_to_when_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
