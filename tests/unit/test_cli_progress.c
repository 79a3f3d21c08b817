/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json.h"

#define NOW_MS INT64_C(1763280000000) /* 2025-11-16T08:00:00Z */

static const char RUNNING[] = "{\"batchId\":\"batch_c0_a\",\"status\":\"processing\","
                              "\"statistics\":{\"total\":500,\"processed\":330,\"succeeded\":230,\"failed\":100},"
                              "\"performance\":{\"callsPerSecond\":11.94,\"estimatedTimeRemaining\":17,"
                              "\"elapsedTime\":48},\"reason\":null,\"maxCallsPerSecond\":12,\"attempts\":380,"
                              "\"ongoing\":3,\"outcomes\":{\"COMPLETED\":230,\"NO_ANSWER\":60,\"BUSY\":40}}";

/* A status with what is shown of it; the texts of the one last made. */
struct shown {
    cJSON *body;
    struct progress progress;
    char text[PROGRESS_TEXT_MOST];
};

static struct shown shown;

static const struct progress *read_status(const char *json)
{
    cJSON_Delete(shown.body);
    shown.body = NULL;
    assert_int_equal(json_parse(json, strlen(json), &shown.body, NULL), 0);
    assert_int_equal(progress_read(shown.body, NOW_MS, &shown.progress), 0);
    return &shown.progress;
}

static const char *take(int rc, struct buf *out)
{
    assert_int_equal(rc, 0);
    snprintf(shown.text, sizeof shown.text, "%s", buf_str(out));
    buf_free(out);
    return shown.text;
}

static const char *bar(const struct progress *p, size_t width)
{
    struct buf out;
    buf_init(&out, PROGRESS_TEXT_MOST);
    return take(progress_render_bar(p, width, &out), &out);
}

static const char *outcomes(const struct progress *p, size_t width)
{
    struct buf out;
    buf_init(&out, PROGRESS_TEXT_MOST);
    return take(progress_render_outcomes(p, width, &out), &out);
}

static const char *line(const struct progress *p)
{
    struct buf out;
    buf_init(&out, PROGRESS_TEXT_MOST);
    return take(progress_render_line(p, &out), &out);
}

static const char *end(const struct progress *p)
{
    struct buf out;
    buf_init(&out, PROGRESS_TEXT_MOST);
    return take(progress_render_end(p, &out), &out);
}

static void test_a_bar_shows_the_rate_against_the_limit_and_the_time_that_is_left(void **state)
{
    (void)state;
    const struct progress *p = read_status(RUNNING);
    assert_string_equal(bar(p, 200),
                        "processing  [###################...........]   66%  330/500  11.9 of 12 calls/s  ETA 0:17");
    assert_string_equal(bar(p, 79), "processing  [#############.......]   66%  330/500  11.9 of 12 calls/s  ETA 0:17");
    assert_string_equal(outcomes(p, 79), "            completed 230  no answer 60  busy 40  on the line 3");
}

static void test_what_does_not_fit_is_left_out_the_least_telling_first(void **state)
{
    static const struct {
        size_t width;
        const char *bar;
        const char *outcomes;
    } cases[] = {
        {60, "processing   66%  330/500  11.9 of 12 calls/s  ETA 0:17",
         "            completed 230  no answer 60  on the line 3"},
        {52, "processing  330/500  11.9 of 12 calls/s  ETA 0:17", "            completed 230  on the line 3"},
        {39, "processing  330/500  ETA 0:17", "            completed 230"},
        {20, "processing  330/500", "completed 230"},
        {10, "processing", ""},
        {4, "proc", ""},
        {0, "", ""},
    };
    (void)state;
    const struct progress *p = read_status(RUNNING);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(bar(p, cases[i].width), cases[i].bar);
        assert_string_equal(outcomes(p, cases[i].width), cases[i].outcomes);
    }
}

static void test_no_width_is_ever_exceeded(void **state)
{
    (void)state;
    const struct progress *p = read_status(RUNNING);
    for (size_t width = 0; width < 160; width++) {
        assert_true(strlen(bar(p, width)) <= width);
        assert_true(strlen(outcomes(p, width)) <= width);
    }
}

static void test_a_line_says_all_of_it(void **state)
{
    (void)state;
    assert_string_equal(line(read_status(RUNNING)),
                        "processing: 330/500 (66%), 11.9 of 12 calls/s, completed 230, no answer 60, busy 40, "
                        "on the line 3, ETA 0:17");
}

static void test_a_scheduled_batch_tells_when_it_starts(void **state)
{
    (void)state;
    const struct progress *p = read_status("{\"status\":\"scheduled\",\"startsAt\":\"2025-11-16T09:00:05.000Z\","
                                           "\"statistics\":{\"total\":5,\"processed\":0},\"maxCallsPerSecond\":10}");
    assert_string_equal(line(p), "scheduled: 0/5 (0%), starts in 1:00:05");
    assert_string_equal(bar(p, 60), "scheduled   [................]    0%  0/5  starts in 1:00:05");
    assert_false(progress_has_ended(p));
}

static void test_a_pause_tells_its_reason(void **state)
{
    (void)state;
    const struct progress *p = read_status("{\"status\":\"paused\",\"reason\":\"user\",\"statistics\":{\"total\":8,"
                                           "\"processed\":2},\"maxCallsPerSecond\":10}");
    assert_string_equal(line(p), "paused (user): 2/8 (25%), 0.0 of 10 calls/s");
    assert_false(progress_has_ended(p));
}

static void test_the_end_tells_what_came_of_it(void **state)
{
    (void)state;
    const struct progress *p =
        read_status("{\"status\":\"completed\",\"statistics\":{\"total\":500,\"processed\":500,\"succeeded\":351},"
                    "\"performance\":{\"callsPerSecond\":11.9,\"estimatedTimeRemaining\":null,\"elapsedTime\":200000},"
                    "\"maxCallsPerSecond\":12,\"attempts\":571,\"outcomes\":{}}");
    assert_true(progress_has_ended(p));
    assert_true(progress_is_completed(p));
    assert_string_equal(end(p), "completed in 2 d 7 h: 500 contacts, 571 attempts, 70.2% succeeded");
    assert_string_equal(outcomes(p, 80), "");
    p = read_status("{\"status\":\"failed\",\"reason\":\"no trunk\",\"statistics\":{}}");
    assert_true(progress_has_ended(p));
    assert_false(progress_is_completed(p));
    assert_string_equal(end(p), "failed in 0:00: 0 contacts, 0 attempts (no trunk)");
}

/* Whatever a server says: no line end, no escape sequence, no number out of bounds. */
static void test_odd_answers_do_no_harm(void **state)
{
    (void)state;
    const struct progress *p = read_status(
        "{\"status\":\"p\\u001b[2J\\n\\u00e9\",\"statistics\":{\"total\":1e300,\"processed\":1e305},"
        "\"performance\":{\"callsPerSecond\":-5,\"estimatedTimeRemaining\":1e99},\"maxCallsPerSecond\":\"x\","
        "\"outcomes\":{\"A_VERY_LONG_NAME_OF_AN_OUTCOME_THAT_NOBODY_KNOWS\":1,\"\":2,\"\\u0007\":\"x\"}}");
    for (size_t width = 0; width < 200; width += 7) {
        assert_true(strlen(bar(p, width)) <= width);
        assert_true(strlen(outcomes(p, width)) <= width);
        for (const char *at = bar(p, width); *at; at++)
            assert_true(*at >= 0x20 && *at < 0x7F);
    }
    assert_int_equal(p->total, INT64_C(1000000000000000));
    assert_true(p->rate == 0.0);
}

static void test_what_is_no_status_is_refused(void **state)
{
    static const char *const cases[] = {"{}", "[]", "{\"status\":\"processing\"}",
                                        "{\"status\":1,\"statistics\":{\"total\":1}}",
                                        "{\"statistics\":{\"total\":1}}"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct progress p;
        cJSON *body = NULL;
        assert_int_equal(json_parse(cases[i], strlen(cases[i]), &body, NULL), 0);
        assert_int_equal(progress_read(body, NOW_MS, &p), ERR_PROTOCOL);
        cJSON_Delete(body);
    }
}

static int forget(void **state)
{
    (void)state;
    cJSON_Delete(shown.body);
    shown.body = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bar_shows_the_rate_against_the_limit_and_the_time_that_is_left),
        cmocka_unit_test(test_what_does_not_fit_is_left_out_the_least_telling_first),
        cmocka_unit_test(test_no_width_is_ever_exceeded),
        cmocka_unit_test(test_a_line_says_all_of_it),
        cmocka_unit_test(test_a_scheduled_batch_tells_when_it_starts),
        cmocka_unit_test(test_a_pause_tells_its_reason),
        cmocka_unit_test(test_the_end_tells_what_came_of_it),
        cmocka_unit_test(test_odd_answers_do_no_harm),
        cmocka_unit_test(test_what_is_no_status_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
