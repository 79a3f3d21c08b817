/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct http_route api[] = {
    {.method = "GET", .pattern = "/api/batch/list"},        {.method = "POST", .pattern = "/api/batch"},
    {.method = "GET", .pattern = "/api/batch/{id}"},        {.method = "PATCH", .pattern = "/api/batch/{id}"},
    {.method = "POST", .pattern = "/api/batch/{id}/pause"}, {.method = "GET", .pattern = "/status/{kind}/{id}"},
    {.method = "GET", .pattern = "/web/{file...}"},         {.method = "GET", .pattern = "/"},
};
static const struct http_route over[] = {{.method = "GET", .pattern = "/api/batch/special"}};

static struct http_table api_table = {api, sizeof api / sizeof api[0], NULL, NULL};
static struct http_table tables = {over, 1, NULL, &api_table};

struct lookup {
    const char *method;
    const char *path;
    int result;
    const char *pattern; /* of the row, or the methods allowed */
    const char *first; /* the first parameter's value */
};

static const struct lookup lookups[] = {
    {"GET", "/api/batch/list", 0, "/api/batch/list", NULL},
    {"HEAD", "/api/batch/list", 0, "/api/batch/list", NULL},
    {"GET", "/api/batch/special", 0, "/api/batch/special", NULL},
    {"GET", "/api/batch/b1", 0, "/api/batch/{id}", "b1"},
    {"PATCH", "/api/batch/b1", 0, "/api/batch/{id}", "b1"},
    {"PATCH", "/api/batch/list", ERR_DENIED, "GET, HEAD", NULL},
    {"POST", "/api/batch/b1/pause", 0, "/api/batch/{id}/pause", "b1"},
    {"GET", "/%61pi/batch/%62%31", 0, "/api/batch/{id}", "b1"},
    {"GET", "/api/batch/a%2Fb", 0, "/api/batch/{id}", "a/b"},
    {"GET", "/api/batch/a+b", 0, "/api/batch/{id}", "a+b"},
    {"GET", "/api/batch/%C3%BC", 0, "/api/batch/{id}", "\xC3\xBC"},
    {"GET", "/web/js/app%20x.js", 0, "/web/{file...}", "js/app x.js"},
    {"GET", "/web/", 0, "/web/{file...}", ""},
    {"GET", "/", 0, "/", NULL},
    {"GET", "/status/call/c-1", 0, "/status/{kind}/{id}", "call"},
    {"DELETE", "/api/batch/b1", ERR_DENIED, "GET, HEAD, PATCH", NULL},
    {"GET", "/api/batch", ERR_DENIED, "POST", NULL},
    {"get", "/api/batch/list", ERR_DENIED, "GET, HEAD", NULL},
    {"GET", "/api/batch/", ERR_NOT_FOUND, "", NULL},
    {"GET", "/api/batch//pause", ERR_NOT_FOUND, "", NULL},
    {"GET", "/API/batch/list", ERR_NOT_FOUND, "", NULL},
    {"GET", "/web", ERR_NOT_FOUND, "", NULL},
    {"GET", "//", ERR_NOT_FOUND, "", NULL},
    {"GET", "", ERR_NOT_FOUND, "", NULL},
    {"OPTIONS", "*", ERR_NOT_FOUND, "", NULL},
    {"GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", ERR_NOT_FOUND, "", NULL},
    {"GET", "/api/batch/%", ERR_INVALID, "", NULL},
    {"GET", "/api/batch/%4", ERR_INVALID, "", NULL},
    {"GET", "/api/batch/%4g", ERR_INVALID, "", NULL},
    {"GET", "/api/batch/%00", ERR_INVALID, "", NULL},
    {"GET", "/api/batch/%FF", ERR_INVALID, "", NULL},
    {"GET", "/api/batch/%ED%A0%80", ERR_INVALID, "", NULL},
};

static void test_a_path_finds_its_row_and_its_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        const struct lookup *want = &lookups[i];
        struct http_match m;
        int got = http_match_find(&m, &tables, want->method, want->path);
        if (got != want->result)
            fail_msg("%s %s: %d", want->method, want->path, got);
        if (got == 0) {
            assert_string_equal(m.route->pattern, want->pattern);
            if (want->first != NULL)
                assert_string_equal(m.params[0].value, want->first);
            else
                assert_int_equal(m.n_params, 0);
        } else {
            assert_null(m.route);
            assert_string_equal(m.allow, want->pattern);
        }
        http_match_clear(&m);
    }
}

static void test_each_parameter_has_its_name(void **state)
{
    (void)state;
    struct http_match m;
    assert_int_equal(http_match_find(&m, &tables, "GET", "/status/call/c-1"), 0);
    assert_int_equal(m.n_params, 2);
    assert_int_equal(m.params[1].name_len, 2);
    assert_memory_equal(m.params[1].name, "id", 2);
    assert_string_equal(m.params[1].value, "c-1");
    http_match_clear(&m);
}

static void test_decoding_stays_in_place_and_refuses_what_is_no_text(void **state)
{
    (void)state;
    char good[] = "a%20b%c3%a9";
    assert_int_equal(http_percent_decode(good), 0);
    assert_string_equal(good, "a b\xC3\xA9");
    char cut[] = "%C3";
    assert_int_equal(http_percent_decode(cut), ERR_INVALID);
    char overlong[] = "%C0%AF";
    assert_int_equal(http_percent_decode(overlong), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_finds_its_row_and_its_parameters),
        cmocka_unit_test(test_each_parameter_has_its_name),
        cmocka_unit_test(test_decoding_stays_in_place_and_refuses_what_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
