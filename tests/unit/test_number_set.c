/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/number_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MANY 200000u
#define LEAST UINT64_C(1000000) /* of telephone numbers */
#define MOST UINT64_C(999999999999999)
/* Far from what numbers cost that fall together (MANY / 2 each), and from what luck does. */
#define LOOKS_EACH 32u

static struct number_set *set;

static int setup(void **state)
{
    (void)state;
    return number_set_create(&set);
}

static int teardown(void **state)
{
    (void)state;
    number_set_free(set);
    return 0;
}

static bool add(uint64_t number)
{
    bool is_new = false;
    assert_int_equal(number_set_add(set, number, &is_new), 0);
    return is_new;
}

static void test_each_number_is_new_once(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < MANY; i++)
            assert_int_equal(add(LEAST + i * 7919), round == 0);
    }
    assert_int_equal(number_set_count(set), MANY);
    assert_true(number_set_has(set, LEAST + 7919));
    assert_false(number_set_has(set, LEAST + 7918));
    assert_int_equal(number_set_count(set), MANY);
    assert_true(add(UINT64_MAX));
    assert_true(number_set_has(set, UINT64_MAX));
}

static void test_half_of_it_stays_free(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= MANY; i++) {
        assert_true(add(i));
        assert_true(number_set_slots(set) >= 2 * number_set_count(set));
        assert_true(number_set_slots(set) <= 4 * number_set_count(set) || number_set_slots(set) == 1024);
    }
}

/* Up to MANY in all; `n` are there. Returns how many are then. */
static uint64_t add_every(uint64_t first, uint64_t step, uint64_t n)
{
    for (uint64_t number = first; number <= MOST && n < MANY; number += step)
        n += number >= LEAST && add(number);
    return n;
}

/* All that are alike in their low bits: the product with a fixed number has them alike too. */
static void test_numbers_of_any_one_step_cost_no_more_than_others(void **state)
{
    for (unsigned bits = 0; bits <= 41; bits++) {
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        (void)add_every(15550001111, UINT64_C(1) << bits, 0);
        assert_true(number_set_looks(set) <= LOOKS_EACH * (uint64_t)MANY);
    }
}

/* Chosen to fall on one slot of a table whose factor is known: 2^64 by the golden ratio, of which the bits from 20 on
 * count. */
static void test_numbers_that_were_chosen_to_fall_together_cost_no_more_than_others(void **state)
{
    static const uint64_t inverse = UINT64_C(0xF1DE83E19937733D); /* of 0x9E3779B97F4A7C15, modulo 2^64 */
    uint64_t n = 0;
    (void)state;
    for (uint64_t low = 0; n < MANY; low++)
        n = add_every((low * inverse) % (UINT64_C(1) << 41), UINT64_C(1) << 41, n);
    assert_true(number_set_looks(set) <= LOOKS_EACH * (uint64_t)MANY);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_number_is_new_once),
        CASE(test_half_of_it_stays_free),
        CASE(test_numbers_of_any_one_step_cost_no_more_than_others),
        CASE(test_numbers_that_were_chosen_to_fall_together_cost_no_more_than_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
