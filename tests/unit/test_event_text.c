/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/event_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_stream_as_the_standard_has_it(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(event_text_retry(&out, 2000), 0);
    assert_int_equal(event_text_event(&out, "status", "1f", "{\"a\":1}"), 0);
    assert_int_equal(event_text_comment(&out, "still here"), 0);
    assert_string_equal(buf_str(&out), "retry: 2000\n\nevent: status\nid: 1f\ndata: {\"a\":1}\n\n: still here\n\n");
    buf_free(&out);
}

static void test_what_does_not_fit_is_said(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 24);
    assert_int_equal(event_text_event(&out, "status", "1f", "{\"a\":1}"), ERR_NOMEM);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_as_the_standard_has_it),
        cmocka_unit_test(test_what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
