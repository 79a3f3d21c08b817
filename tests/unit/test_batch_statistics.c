/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json.h"

static void test_the_figures_agree_with_each_other(void **state)
{
    static const struct {
        struct batch_statistics s;
        int64_t processed, pending;
        const char *complete, *rate;
    } cases[] = {
        {{0, 0, 0}, 0, 0, "0", "0"},
        {{3, 0, 0}, 0, 3, "0", "0"},
        {{3, 2, 1}, 3, 0, "100", "66.67"},
        {{3, 1, 0}, 1, 2, "33.33", "100"},
        {{1000, 850, 150}, 1000, 0, "100", "85"},
        {{1000000, 999999, 0}, 999999, 1, "99.99", "100"}, /* not 100 while one is pending */
        {{1000000, 1, 999999}, 1000000, 0, "100", "0"},
        {{8, 1, 0}, 1, 7, "12.5", "100"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        assert_int_equal(batch_statistics_processed(&cases[i].s), cases[i].processed);
        assert_int_equal(batch_statistics_pending(&cases[i].s), cases[i].pending);
        snprintf(text, sizeof text, "%.10g", batch_statistics_percent_complete(&cases[i].s));
        assert_string_equal(text, cases[i].complete);
        snprintf(text, sizeof text, "%.10g", batch_statistics_success_rate(&cases[i].s));
        assert_string_equal(text, cases[i].rate);
    }
}

static void test_the_api_spells_them_as_the_contract_does(void **state)
{
    struct batch_statistics s = {.total = 3, .succeeded = 1, .failed = 1};
    struct buf text;
    (void)state;
    buf_init(&text, 4096);
    cJSON *object = cJSON_CreateObject();
    assert_int_equal(batch_statistics_add_json(&s, object, "statistics"), 0);
    assert_int_equal(json_print(object, &text), 0);
    assert_string_equal(buf_str(&text), "{\"statistics\":{\"total\":3,\"processed\":2,\"succeeded\":1,\"failed\":1,"
                                        "\"pending\":1,\"percentComplete\":66.67,\"successRate\":50}}");
    cJSON_Delete(object);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_figures_agree_with_each_other),
        cmocka_unit_test(test_the_api_spells_them_as_the_contract_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
