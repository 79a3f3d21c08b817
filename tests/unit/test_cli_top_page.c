/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/top_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json.h"

static const char LOOK[] =
    "{\"redis\":{\"role\":\"master\",\"version\":\"7.0.15\",\"usedMemoryBytes\":12897485,\"maxMemoryBytes\":1073741824,"
    "\"commandsPerSecond\":1234,\"clients\":8,\"replicas\":1},\"at\":\"2026-11-30T07:59:54.661Z\","
    "\"cells\":[{\"cell\":\"c0\",\"schema\":1,\"stoppedAt\":null,\"closedUntil\":null,\"claimed\":4,\"live\":340,"
    "\"ended\":20,\"events\":0,\"webhooks\":12,\"lagMs\":0,\"trunks\":3,\"tenants\":40,\"startsPerSecond\":48}],"
    "\"trunks\":[{\"id\":\"main\",\"cell\":\"c0\",\"nextSlotAt\":\"2026-11-30T07:59:54.855Z\",\"state\":\"active\","
    "\"reason\":null,\"until\":null,\"maxStartsPerSecond\":50,\"maxOnLine\":500,\"onLine\":340,\"waiting\":3,"
    "\"startsPerSecond\":48},"
    "{\"id\":\"spare\",\"cell\":\"c0\",\"state\":\"stopped\",\"reason\":\"operator\",\"until\":null,"
    "\"maxStartsPerSecond\":5,\"maxOnLine\":null,\"onLine\":0,\"waiting\":0,\"startsPerSecond\":0},"
    "{\"id\":\"third\",\"cell\":\"c0\",\"state\":\"held\",\"reason\":null,\"until\":\"2026-11-30T08:00:10.000Z\","
    "\"maxStartsPerSecond\":5,\"maxOnLine\":null,\"onLine\":2,\"waiting\":9,\"startsPerSecond\":0}],"
    "\"tenants\":[{\"id\":\"acme\",\"cell\":\"c0\",\"state\":\"active\",\"reason\":null,\"maxStartsPerSecond\":40,"
    "\"maxOnLine\":null,\"credits\":908120,\"batches\":2,\"waiting\":1234567,\"bytes\":30991,\"onLine\":300,"
    "\"startsPerSecond\":40}],"
    "\"batches\":[{\"id\":\"batch_c0_1zpycuiu2ay6z5549h1k\",\"cell\":\"c0\",\"state\":\"processing\",\"tenant\":"
    "\"acme\","
    "\"trunk\":\"main\",\"maxStartsPerSecond\":20,\"maxOnLine\":null,\"total\":400,\"waiting\":328,\"onLine\":49,"
    "\"succeeded\":15,\"failed\":5,\"startsPerSecond\":20,\"code\":\"TRUNK_RATE\",\"why\":\"As fast as it may.\"},"
    "{\"id\":\"batch_c0_cuiohvoe1trmrk1ilk1w\",\"cell\":\"c0\",\"state\":\"paused\",\"tenant\":\"acme\","
    "\"trunk\":\"main\",\"total\":50,\"waiting\":46,\"onLine\":0,\"succeeded\":4,\"failed\":0,\"startsPerSecond\":0}],"
    "\"workers\":[{\"id\":\"w_a\",\"cell\":\"c0\",\"seenBeforeMs\":409},{\"id\":\"w_b\",\"cell\":\"c0\","
    "\"seenBeforeMs\":12031}]}";

static struct top_page page;
static cJSON *shown;

static void write_page(const char *json, size_t columns, size_t rows, enum top_sort sort, const char *problem)
{
    cJSON_Delete(shown);
    shown = NULL;
    if (json)
        assert_int_equal(json_parse(json, strlen(json), &shown, NULL), 0);
    const struct top_view view = {.shown = shown, .columns = columns, .rows = rows, .sort = sort, .problem = problem};
    if (shown)
        assert_int_equal(top_look_sort(shown, sort), 0);
    top_page_write(&view, &page);
    assert_true(rows == 0 || page.n == rows);
    for (size_t i = 0; i < page.n; i++)
        assert_true(strlen(page.lines[i].text) <= columns);
}

/* The first line that begins so; "" for none. */
static const char *line_of(const char *start)
{
    for (size_t i = 0; i < page.n; i++) {
        if (strncmp(page.lines[i].text, start, strlen(start)) == 0)
            return page.lines[i].text;
    }
    return "";
}

static void assert_line(const char *start, const char *line)
{
    assert_string_equal(line_of(start), line);
}

static void test_everything_stands_on_a_screen_of_80_by_24(void **state)
{
    (void)state;
    write_page(LOOK, 79, 24, TOP_BY_STARTS, "");
    assert_line("carillon", "carillon top 07:59:54Z  Redis master  memory 12.3M of 1.0G  1234 commands/s  re");
    assert_line("c0 ", "c0 open  48/s  claimed 4  live 340  ended 20  lag 0 ms  events 0  webhooks 12");
    assert_line("workers", "workers 2: w_a 0.4 s ago, w_b 12.0 s ago");
    assert_line("main", "main               48/50   340/500       3  07:59:54Z  active");
    assert_line("spare", "spare                0/5         0       0  -          stopped: operator");
    assert_line("third", "third                0/5         2       9  -          held until 08:00:10Z");
    assert_line("acme", "acme               40/40       300       2      1234k     908k   30.3K  active");
    assert_line("c0_1zp", "c0_1zpycuiu2ay6z5549h1k acme           20/20   5%      49     328  TRUNK_RATE");
    assert_line("c0_cui", "c0_cuiohvoe1trmrk1ilk1w acme               0   8%       0      46  paused");
    assert_string_equal(page.lines[23].text, "q quit  p pause  order:  [1 starts]  2 on line  3 waiting  4 name");
    assert_true(page.lines[23].is_heading && !page.lines[0].is_heading);
}

static void test_a_wide_screen_shows_whole_ids_and_sentences(void **state)
{
    (void)state;
    write_page(LOOK, 199, 50, TOP_BY_WAITING, "");
    assert_non_null(strstr(line_of("batch_c0_1zpycuiu2ay6z5549h1k"), "TRUNK_RATE: As fast as it may."));
    assert_non_null(strstr(line_of("c0 "), "trunks 3  tenants 40"));
    assert_non_null(strstr(page.lines[49].text, "[3 waiting]"));
}

static void test_the_busiest_come_first_in_the_order_that_was_chosen(void **state)
{
    (void)state;
    static const struct {
        enum top_sort sort;
        const char *second;
    } orders[] = {
        {TOP_BY_STARTS, "third"}, {TOP_BY_ON_LINE, "third"}, {TOP_BY_WAITING, "main"}, {TOP_BY_NAME, "spare"}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        write_page(LOOK, 79, 24, orders[i].sort, "");
        assert_int_equal(strncmp(page.lines[5].text, orders[i].second, 4), 0);
    }
}

static void test_a_low_screen_shares_its_rows_and_keeps_the_keys(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < 20; rows++) {
        write_page(LOOK, 79, rows, TOP_BY_STARTS, "");
        assert_non_null(strstr(page.lines[rows - 1].text, "q quit"));
    }
    write_page(LOOK, 79, 10, TOP_BY_STARTS, "");
    assert_non_null(line_of("main")[0] ? line_of("c0_1zp") : NULL);
    assert_string_not_equal(line_of("acme"), "");
    assert_string_equal(line_of("spare"), "");
}

static void test_without_a_screen_all_rows_are_told_and_no_keys(void **state)
{
    (void)state;
    write_page(LOOK, 160, 0, TOP_BY_STARTS, "");
    assert_int_equal(page.n, 3 + 3 + 3 + 1 + 2);
    for (size_t i = 0; i < page.n; i++)
        assert_false(page.lines[i].is_heading);
}

static void test_a_problem_takes_the_place_of_the_keys(void **state)
{
    (void)state;
    write_page(LOOK, 79, 24, TOP_BY_STARTS, "Redis: no answer in time; asking again");
    assert_int_equal(strncmp(page.lines[23].text, "Redis: no answer in time; asking again  ", 40), 0);
    assert_string_not_equal(line_of("main"), "");
    write_page(NULL, 79, 24, TOP_BY_STARTS, "Redis: not connected; asking again");
    assert_int_equal(strncmp(page.lines[23].text, "Redis: not connected", 20), 0);
    assert_string_equal(page.lines[0].text, "");
}

static void test_what_is_no_look_harms_nothing(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{}",
        "{\"redis\":3,\"cells\":[{}],\"trunks\":[{}],\"tenants\":[{}],\"batches\":[{}],\"workers\":[{}]}",
        "{\"cells\":[{\"cell\":\"c0\\u001b[2J\",\"closedUntil\":\"x\"}],\"trunks\":[{\"id\":\"\\u009b\\u0007\","
        "\"until\":\"1\"}],"
        "\"tenants\":[{\"id\":7,\"credits\":1e300,\"bytes\":-1}],\"batches\":[{\"id\":\"b\",\"total\":-5,\"succeeded\":"
        "1e18}]}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        write_page(odd[i], 79, 24, TOP_BY_NAME, "");
        write_page(odd[i], 1, 3, TOP_BY_STARTS, "");
        write_page(odd[i], 500, 0, TOP_BY_STARTS, "");
        for (size_t k = 0; k < page.n; k++) {
            for (const char *at = page.lines[k].text; *at; at++)
                assert_true(*at >= 0x20 && *at < 0x7F);
        }
    }
}

static int tear_down(void **state)
{
    (void)state;
    cJSON_Delete(shown);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_stands_on_a_screen_of_80_by_24),
        cmocka_unit_test(test_a_wide_screen_shows_whole_ids_and_sentences),
        cmocka_unit_test(test_the_busiest_come_first_in_the_order_that_was_chosen),
        cmocka_unit_test(test_a_low_screen_shares_its_rows_and_keeps_the_keys),
        cmocka_unit_test(test_without_a_screen_all_rows_are_told_and_no_keys),
        cmocka_unit_test(test_a_problem_takes_the_place_of_the_keys),
        cmocka_unit_test(test_what_is_no_look_harms_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
