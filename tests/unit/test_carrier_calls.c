/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/ident.h"
#include "tests/carrier/numbers.h"

static int make_id(char ret_id[CALL_ID_CAP])
{
    return ident_make_random("call_", 20, ret_id, CALL_ID_CAP);
}

static struct call_order order_to(const char *to, const char *token)
{
    struct call_order order = {.from = "+15550009999"};
    (void)snprintf(order.to, sizeof order.to, "%s", to);
    order.token = token ? strdup(token) : NULL;
    return order;
}

static struct call *add(struct calls *calls, const char *token)
{
    struct call_order order = order_to("+15550001111", token);
    struct call *call = NULL;
    assert_int_equal(calls_add(calls, &order, &call), 0);
    assert_null(order.token); /* taken over */
    return call;
}

static void finish(struct call *call)
{
    call_set_phase(call, CALL_ENDED);
    call_set_phase(call, CALL_ANALYZED);
}

static void test_calls_are_found_by_id_token_and_age(void **state)
{
    (void)state;
    struct calls *calls = calls_create(10, 1 << 20, make_id);
    struct call *first = add(calls, "a");
    struct call *second = add(calls, NULL);
    struct call *third = add(calls, "a");
    assert_int_equal(calls_count(calls), 3);
    assert_ptr_equal(calls_find(calls, second->id), second);
    assert_null(calls_find(calls, "call_of_another"));
    assert_ptr_equal(calls_newest(calls), third);
    assert_ptr_equal(calls_newest(calls)->older, second);
    assert_ptr_equal(calls_oldest(calls), first);
    assert_ptr_equal(calls_oldest(calls)->newer, second);
    assert_ptr_equal(calls_newest_of_token(calls, "a"), third);
    assert_ptr_equal(third->older_of_token, first);
    assert_null(first->older_of_token);
    assert_null(calls_newest_of_token(calls, "b"));
    assert_string_not_equal(first->id, third->id);
    assert_memory_equal(first->id, "call_", 5);
    calls_free(calls);
}

static void test_the_oldest_call_that_is_over_makes_room(void **state)
{
    (void)state;
    struct calls *calls = calls_create(3, 1 << 20, make_id);
    struct call *rings = add(calls, "rings");
    struct call *over = add(calls, "over");
    struct call *held = add(calls, "held");
    finish(over);
    finish(held);
    calls_hold(held);
    struct call *next = add(calls, "next"); /* in place of `over` */
    assert_int_equal(calls_count(calls), 3);
    assert_int_equal(calls_dropped(calls), 1);
    assert_null(calls_newest_of_token(calls, "over"));
    assert_ptr_equal(calls_newest_of_token(calls, "rings"), rings);
    assert_ptr_equal(calls_newest(calls), next);
    assert_ptr_equal(next->older, held);
    assert_ptr_equal(held->older, rings);

    struct call_order order = order_to("+15550001111", "no room");
    struct call *call = NULL;
    assert_int_equal(calls_add(calls, &order, &call), ERR_NOMEM);
    assert_string_equal(order.token, "no room"); /* the caller's still */
    calls_release(held);
    assert_int_equal(calls_add(calls, &order, &call), 0);
    assert_int_equal(calls_dropped(calls), 2);
    calls_free(calls);
}

static void test_bytes_are_bounded_too(void **state)
{
    (void)state;
    struct calls *calls = calls_create(100, 3 * sizeof(struct call), make_id);
    finish(add(calls, "a"));
    finish(add(calls, "b"));
    finish(add(calls, "c")); /* a call and its token are more than a third */
    assert_int_equal(calls_count(calls), 2);
    assert_null(calls_newest_of_token(calls, "a"));
    calls_free(calls);
}

static void test_a_token_s_chain_survives_the_loss_of_any_link(void **state)
{
    (void)state;
    for (int lost = 0; lost < 3; lost++) {
        struct calls *calls = calls_create(4, 1 << 20, make_id);
        struct call *same[3];
        for (int i = 0; i < 3; i++)
            same[i] = add(calls, "same");
        struct call_order order;
        calls_take_back(calls, same[lost], &order);
        assert_string_equal(order.token, "same");
        call_order_clear(&order);
        struct call *link = calls_newest_of_token(calls, "same");
        for (int i = 2; i >= 0; i--) {
            if (i == lost)
                continue;
            assert_ptr_equal(link, same[i]);
            link = link->older_of_token;
        }
        assert_null(link);
        assert_int_equal(calls_count(calls), 2);
        calls_free(calls);
    }
}

static void test_numbers_are_e164_or_not(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
    } CASES[] = {
        {"+15550001111", true},
        {"+49", true},
        {"+123456789012345", true},
        {"+1234567890123456", false},
        {"15550001111", false},
        {"+05550001111", false},
        {"+", false},
        {"", false},
        {"+1", false},
        {"+1 555 000", false},
        {"+1555000111a", false},
        {"++15550001111", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_int_equal(numbers_is_e164(CASES[i].text), CASES[i].is_valid);
}

static void test_each_number_has_its_own_counts(void **state)
{
    (void)state;
    struct numbers *numbers = numbers_create();
    struct number_counts *one = numbers_at(numbers, "+15550001111");
    one->dials = 5;
    one->requests = 7;
    for (int i = 0; i < 1000; i++) {
        char text[NUMBERS_E164_CAP];
        (void)snprintf(text, sizeof text, "+1666%07d", i);
        assert_int_equal(numbers_at(numbers, text)->dials, 0);
    }
    assert_ptr_equal(numbers_at(numbers, "+15550001111"), one);
    assert_int_equal(one->dials, 5);
    assert_int_equal(numbers_at(numbers, "+1555000111")->dials, 0);
    numbers_free(numbers);
    numbers_free(NULL);
    calls_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_found_by_id_token_and_age),
        cmocka_unit_test(test_the_oldest_call_that_is_over_makes_room),
        cmocka_unit_test(test_bytes_are_bounded_too),
        cmocka_unit_test(test_a_token_s_chain_survives_the_loss_of_any_link),
        cmocka_unit_test(test_numbers_are_e164_or_not),
        cmocka_unit_test(test_each_number_has_its_own_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
