/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/carrier/twilio.h"
#include "tests/carrier/twilio_sign.h"
#include "tests/carrier/twilio_view.h"

#define TO "To=%2B15550001111"
#define FROM "From=%2B15550009999"
#define URL "Url=https%3A%2F%2Fvoice.example%2Ftwiml"
#define GOOD TO "&" FROM "&" URL

/* ---- forms ---- */

static void test_a_form_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const char TEXT[] = "b=1&a=x+y%2B%26&b=0&empty=&bare&&%C3%A9=%E2%82%AC";
    struct form form;
    assert_int_equal(form_parse(TEXT, sizeof TEXT - 1, &form), 0);
    assert_int_equal(form.n, 6);
    assert_string_equal(form_value(&form, "a"), "x y+&");
    assert_string_equal(form_value(&form, "b"), "1");
    assert_string_equal(form_value(&form, "empty"), "");
    assert_string_equal(form_value(&form, "bare"), "");
    assert_string_equal(form_value(&form, "\xc3\xa9"), "\xe2\x82\xac");
    assert_null(form_value(&form, "c"));
    form_sort(&form);
    assert_string_equal(form.pairs[0].name, "a");
    assert_string_equal(form.pairs[1].value, "0");
    assert_string_equal(form.pairs[2].value, "1");

    struct buf out;
    buf_init(&out, 200);
    for (size_t i = 0; i < form.n; i++)
        assert_int_equal(form_add(&out, form.pairs[i].name, form.pairs[i].value), 0);
    assert_string_equal(buf_str(&out), "a=x+y%2B%26&b=0&b=1&bare=&empty=&%C3%A9=%E2%82%AC");
    buf_free(&out);
    form_free(&form);
}

static void test_a_form_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        int err;
    } CASES[] = {
        {"a=%", 3, ERR_INVALID},   {"a=%2", 4, ERR_INVALID},  {"%zz=1", 5, ERR_INVALID},
        {"a=\0b", 4, ERR_INVALID}, {"a=%00", 5, ERR_INVALID}, {"a=%ff", 5, ERR_INVALID},
    };
    (void)state;
    struct form form;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(form_parse(CASES[i].text, CASES[i].len, &form), CASES[i].err);
        form_free(&form);
    }
    char many[2 * (FORM_PAIRS_MAX + 1)];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = "a&"[i % 2];
    assert_int_equal(form_parse(many, sizeof many - 2, &form), 0);
    form_free(&form);
    assert_int_equal(form_parse(many, sizeof many, &form), ERR_TOO_LARGE);
    form_free(&form);
}

/* ---- signatures ---- */

/* The vector of Twilio's SDKs. */
static void test_a_signature_is_the_vendor_s(void **state)
{
    (void)state;
    static const char FORM[] = "To=%2B18005551212&Digits=1234&CallSid=CA1234567890ABCDE&From=%2B14158675310&"
                               "Caller=%2B14158675310";
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(twilio_sign("12345", "https://example.com/myapp?foo=1&bar=2", FORM, sizeof FORM - 1, &out), 0);
    assert_string_equal(buf_str(&out), "GPSRTlODYHi4+bX3Qs97BVmS45M=");
    buf_free(&out);
}

/* ---- create ---- */

static int read_request(const char *text, struct call_order *order, enum twilio_error *code, struct buf *why)
{
    struct form form;
    assert_int_equal(form_parse(text, strlen(text), &form), 0);
    int err = twilio_request_read(&form, order, code, why);
    form_free(&form);
    return err;
}

static void test_a_request_becomes_an_order(void **state)
{
    static const char TEXT[] =
        GOOD "&StatusCallback=https%3A%2F%2Fcarillon.example%2Fcallbacks%2Ftwilio%2Fbatch_c0_x.7.1.mac%3Fa%3D1%23rc%3D5"
             "&StatusCallbackEvent=initiated&StatusCallbackEvent=completed&StatusCallbackMethod=GET"
             "&Timeout=25&TimeLimit=300&MachineDetection=DetectMessageEnd"
             "&AsyncAmd=true&AsyncAmdStatusCallback=https%3A%2F%2Fcarillon.example%2Famd";
    (void)state;
    struct call_order order;
    enum twilio_error code;
    struct buf why;
    buf_init(&why, 200);
    assert_int_equal(read_request(TEXT, &order, &code, &why), 0);
    assert_string_equal(order.to, "+15550001111");
    assert_string_equal(order.from, "+15550009999");
    assert_string_equal(order.token, "batch_c0_x.7.1.mac");
    assert_string_equal(order.callback_url, "https://carillon.example/callbacks/twilio/batch_c0_x.7.1.mac?a=1#rc=5");
    assert_string_equal(order.detection_url, "https://carillon.example/amd");
    assert_int_equal(order.callback_steps, CALL_STEP_INITIATED | CALL_STEP_COMPLETED);
    assert_true(order.callback_by_get);
    assert_int_equal(order.ring_ms, 25000);
    assert_int_equal(order.max_talk_ms, 300000);
    assert_int_equal(order.detection, CALL_DETECTION_MESSAGE_END);
    call_order_clear(&order);

    assert_int_equal(read_request(GOOD "&StatusCallback=http%3A%2F%2Fh%2Fcallbacks%2Ftwilio", &order, &code, &why), 0);
    assert_null(order.token);
    assert_int_equal(order.callback_steps, CALL_STEP_COMPLETED);
    assert_int_equal(order.ring_ms, 60000);
    assert_int_equal(order.detection, CALL_DETECTION_NONE);
    call_order_clear(&order);
    buf_free(&why);
}

static void test_an_application_s_callbacks_take_the_place_of_the_request_s(void **state)
{
    (void)state;
    struct call_order order;
    enum twilio_error code;
    struct buf why;
    buf_init(&why, 200);
    assert_int_equal(read_request(TO "&" FROM "&ApplicationSid=AP0123456789abcdef0123456789abcdef"
                                     "&StatusCallback=http%3A%2F%2Fh%2Fcallbacks%2Ftwilio%2Ft",
                                  &order, &code, &why),
                     0);
    assert_null(order.callback_url);
    assert_null(order.token);
    call_order_clear(&order);
    buf_free(&why);
}

static void test_a_bad_request_is_refused_with_the_vendor_s_code(void **state)
{
    static const struct {
        const char *text;
        enum twilio_error code;
    } CASES[] = {
        {FROM "&" URL, TWILIO_NO_TO},
        {TO "&" URL, TWILIO_NO_FROM},
        {TO "&" FROM, TWILIO_BAD_URL},
        {"", TWILIO_NO_TO},
        {"To=5550001111&" FROM "&" URL, TWILIO_BAD_TO},
        {"To=+15550001111&" FROM "&" URL, TWILIO_BAD_TO}, /* a plus is a space in a form */
        {"To=client%3Aann&" FROM "&" URL, TWILIO_BAD_TO},
        {TO "&From=x&" URL, TWILIO_BAD_FROM},
        {TO "&From=%2B15005550001&" URL, TWILIO_UNVERIFIED_FROM},
        {TO "&" FROM "&Url=twiml.xml", TWILIO_BAD_URL},
        {TO "&" FROM "&Url=ftp%3A%2F%2Fhost", TWILIO_BAD_URL},
        {TO "&" FROM "&Url=http%3A%2F%2F", TWILIO_BAD_URL},
        {TO "&" FROM "&Twiml=", TWILIO_BAD_REQUEST},
        {TO "&" FROM "&ApplicationSid=AP1", TWILIO_BAD_APPLICATION},
        {TO "&" FROM "&ApplicationSid=" TWILIO_APPLICATION_UNKNOWN, TWILIO_BAD_APPLICATION},
        {GOOD "&StatusCallback=http%3A%2F%2Fmy_host%2Fx", TWILIO_BAD_CALLBACK},
        {GOOD "&StatusCallbackEvent=initiated+completed", TWILIO_BAD_EVENTS},
        {GOOD "&StatusCallbackMethod=PUT", TWILIO_BAD_REQUEST},
        {GOOD "&Timeout=0", TWILIO_BAD_TIMEOUT},
        {GOOD "&Timeout=601", TWILIO_BAD_TIMEOUT},
        {GOOD "&Timeout=abc", TWILIO_BAD_TIMEOUT},
        {GOOD "&TimeLimit=0", TWILIO_BAD_REQUEST},
        {GOOD "&MachineDetection=Yes", TWILIO_BAD_REQUEST},
        {GOOD "&MachineDetectionTimeout=60", TWILIO_BAD_REQUEST},
        {GOOD "&MachineDetectionSpeechThreshold=999", TWILIO_BAD_REQUEST},
        {GOOD "&MachineDetectionSpeechEndThreshold=5001", TWILIO_BAD_REQUEST},
        {GOOD "&MachineDetectionSilenceTimeout=1", TWILIO_BAD_REQUEST},
        {GOOD "&AsyncAmd=yes", TWILIO_BAD_REQUEST},
        {GOOD "&Record=1", TWILIO_BAD_REQUEST},
        {GOOD "&StatusCallBack=http%3A%2F%2Fh", TWILIO_BAD_REQUEST},
        {GOOD "&" TO, TWILIO_BAD_REQUEST},
    };
    (void)state;
    struct buf why;
    buf_init(&why, 200);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct call_order order;
        enum twilio_error code;
        buf_clear(&why);
        assert_int_equal(read_request(CASES[i].text, &order, &code, &why), ERR_INVALID);
        assert_int_equal(code, CASES[i].code);
        assert_true(buf_len(&why) > 0);
    }
    buf_free(&why);
}

/* ---- words ---- */

static void test_dates_and_names_are_the_vendor_s(void **state)
{
    (void)state;
    char date[TWILIO_DATE_CAP];
    twilio_date(1283286988000, date);
    assert_string_equal(date, "Tue, 31 Aug 2010 20:36:28 +0000");
    assert_true(twilio_is_sid("CA0123456789abcdef0123456789ABCDEF", "CA"));
    assert_false(twilio_is_sid("CA0123456789abcdef0123456789ABCDE", "CA"));
    assert_false(twilio_is_sid("CA0123456789abcdef0123456789ABCDEFF", "CA"));
    assert_false(twilio_is_sid("AC0123456789abcdef0123456789ABCDEF", "CA"));
    assert_true(twilio_owns_path("/2010-04-01/Accounts"));
    assert_false(twilio_owns_path("/v2/create-phone-call"));
}

static void test_a_machine_is_named_where_somebody_listened_for_it(void **state)
{
    static const struct {
        enum fate fate;
        enum call_detection detection;
        const char *name;
    } CASES[] = {
        {FATE_VOICEMAIL, CALL_DETECTION_NONE, NULL},
        {FATE_VOICEMAIL, CALL_DETECTION_START, "machine_start"},
        {FATE_VOICEMAIL, CALL_DETECTION_MESSAGE_END, "machine_end_beep"},
        {FATE_COMPLETED, CALL_DETECTION_START, "human"},
        {FATE_COMPLETED, CALL_DETECTION_NONE, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct call call = {.fate = CASES[i].fate, .answered_ms = 1, .order.detection = CASES[i].detection};
        const char *name = twilio_answered_by(&call);
        assert_int_equal(name != NULL, CASES[i].name != NULL);
        if (name)
            assert_string_equal(name, CASES[i].name);
        call.answered_ms = 0;
        assert_null(twilio_answered_by(&call));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_form_is_read_as_it_was_written),
        cmocka_unit_test(test_a_form_that_is_none_is_refused),
        cmocka_unit_test(test_a_signature_is_the_vendor_s),
        cmocka_unit_test(test_a_request_becomes_an_order),
        cmocka_unit_test(test_an_application_s_callbacks_take_the_place_of_the_request_s),
        cmocka_unit_test(test_a_bad_request_is_refused_with_the_vendor_s_code),
        cmocka_unit_test(test_dates_and_names_are_the_vendor_s),
        cmocka_unit_test(test_a_machine_is_named_where_somebody_listened_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
