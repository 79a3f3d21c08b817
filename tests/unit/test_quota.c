/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND_US INT64_C(1000000)

static int make(void **state)
{
    struct quotas *q = NULL;
    int err = quotas_create(&q);
    *state = q;
    return err;
}

static int unmake(void **state)
{
    quotas_free(*state);
    return 0;
}

/* One request that is over at once. */
static enum quota_verdict ask(struct quotas *q, const char *tenant, int64_t per_second, int64_t now_us)
{
    struct quota *quota;
    int64_t wait_us;
    enum quota_verdict verdict = quota_enter(q, tenant, per_second, now_us, &quota, &wait_us);
    if (verdict == QUOTA_FITS)
        quota_leave(quota);
    return verdict;
}

/* Requests at one per ms: how many of them fit. */
static int taken(struct quotas *q, const char *tenant, int64_t per_second, int64_t from_us, int64_t for_us)
{
    int n = 0;
    for (int64_t at = from_us; at < from_us + for_us; at += 1000)
        n += ask(q, tenant, per_second, at) == QUOTA_FITS;
    return n;
}

static void test_a_burst_of_one_second_fits_and_then_the_rate(void **state)
{
    struct quotas *q = *state;
    int64_t now = 77 * SECOND_US;
    assert_int_equal(taken(q, "acme", 10, now, 100000), 10);
    assert_int_equal(taken(q, "acme", 10, now + 100000, 10 * SECOND_US), 100);
    now += 100 * SECOND_US;
    assert_int_equal(taken(q, "acme", 10, now, 1000), 1);
    assert_int_equal(taken(q, "acme", 10, now + 1000, 99000), 9); /* idleness earned no more than a second's */
}

static void test_a_refusal_says_when_one_fits_and_costs_nothing_of_the_rate(void **state)
{
    struct quotas *q = *state;
    struct quota *quota;
    int64_t wait_us = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(q, "acme", 4, SECOND_US), QUOTA_FITS);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(quota_enter(q, "acme", 4, SECOND_US, &quota, &wait_us), QUOTA_TOO_FAST);
        assert_true(wait_us == 250000);
    }
    assert_int_equal(ask(q, "acme", 4, SECOND_US + wait_us - 1), QUOTA_TOO_FAST);
    assert_int_equal(ask(q, "acme", 4, SECOND_US + wait_us), QUOTA_FITS);
}

static void test_one_tenants_requests_are_no_matter_of_anothers(void **state)
{
    struct quotas *q = *state;
    taken(q, "acme", 1, SECOND_US, SECOND_US);
    assert_int_equal(ask(q, "acme", 1, 2 * SECOND_US - 1), QUOTA_TOO_FAST);
    assert_int_equal(ask(q, "other", 1, 2 * SECOND_US - 1), QUOTA_FITS);
}

static void test_a_tenant_has_so_many_requests_under_way_and_no_more(void **state)
{
    struct quotas *q = *state;
    struct quota *quota = NULL, *other;
    int64_t wait_us;
    for (int i = 0; i < LIMIT_TENANT_REQUESTS; i++)
        assert_int_equal(quota_enter(q, "acme", 100000, SECOND_US, &quota, &wait_us), QUOTA_FITS);
    assert_int_equal(quota_enter(q, "acme", 100000, SECOND_US, &other, &wait_us), QUOTA_TOO_MANY);
    assert_int_equal(ask(q, "other", 1, SECOND_US), QUOTA_FITS);
    quota_leave(quota);
    assert_int_equal(quota_enter(q, "acme", 100000, SECOND_US, &other, &wait_us), QUOTA_FITS);
}

static void test_redis_is_told_of_every_request_taken_and_asked_now_and_then(void **state)
{
    struct quotas *q = *state;
    struct quota *quota;
    int64_t wait_us, told = 0, charges = 0;
    int fits = 0;
    for (int64_t at = SECOND_US; at < 2 * SECOND_US; at += 1000) {
        if (quota_enter(q, "acme", 100, at, &quota, &wait_us) != QUOTA_FITS)
            continue;
        fits++;
        int64_t n = quota_begin_charge(quota, at);
        told += n;
        charges += n > 0;
        if (n > 0)
            quota_charged(quota, at, 0);
        quota_leave(quota);
    }
    assert_true(charges > 1 && charges <= SECOND_US / QUOTA_CHARGE_US);
    assert_int_equal(quota_enter(q, "acme", 100, 3 * SECOND_US, &quota, &wait_us), QUOTA_FITS);
    told += quota_begin_charge(quota, 3 * SECOND_US);
    assert_int_equal(told, fits + 1);
    assert_int_equal(quota_begin_charge(quota, 4 * SECOND_US), 0); /* one is under way */
}

static void test_what_the_fleet_took_blocks_here_until_it_is_paid_off(void **state)
{
    struct quotas *q = *state;
    struct quota *quota;
    int64_t wait_us;
    assert_int_equal(quota_enter(q, "acme", 100, SECOND_US, &quota, &wait_us), QUOTA_FITS);
    assert_int_equal(quota_begin_charge(quota, SECOND_US), 1);
    assert_int_equal(ask(q, "acme", 100, SECOND_US), QUOTA_FITS); /* nobody waits for the answer */
    quota_charged(quota, SECOND_US + 5000, 300000);
    assert_int_equal(quota_enter(q, "acme", 100, SECOND_US + 5000, &quota, &wait_us), QUOTA_TOO_FAST);
    assert_true(wait_us == 300000);
    assert_int_equal(ask(q, "acme", 100, SECOND_US + 305000), QUOTA_FITS);
}

static void test_the_table_is_bounded_and_forgets_only_who_has_used_nothing(void **state)
{
    struct quotas *q = *state;
    struct quota *quota;
    char tenant[16];
    int64_t wait_us;
    for (int i = 0; i < LIMIT_TENANTS_SEEN; i++) {
        snprintf(tenant, sizeof tenant, "t%d", i);
        assert_int_equal(ask(q, tenant, 1, SECOND_US), QUOTA_FITS);
    }
    assert_int_equal(ask(q, "late", 1, SECOND_US), QUOTA_TOO_MANY);
    assert_int_equal(quota_enter(q, "t0", 1, 3 * SECOND_US, &quota, &wait_us), QUOTA_FITS); /* stays under way */
    for (int i = 0; i < 2 * LIMIT_TENANTS_SEEN; i++) {
        snprintf(tenant, sizeof tenant, "u%d", i);
        assert_int_equal(ask(q, tenant, 1, (5 + 2 * i) * SECOND_US), QUOTA_FITS);
    }
    quota_leave(quota);
}

static void test_a_scripts_refusal_is_named_as_the_api_calls_it(void **state)
{
    static const struct {
        const char *error, *name;
        int64_t limit;
    } cases[] = {
        {"ERR_QUOTA max_batches 100", "batches", 100},
        {"ERR_QUOTA max_queued_contacts 1000000000000", "queuedContacts", INT64_C(1000000000000)},
        {"ERR_QUOTA max_bytes 1 @user_script", "bytes", 1},
        {"ERR_QUOTA max_bytes", "bytes", 0},
        {"ERR_QUOTA max_bytes x", "bytes", 0},
        {"ERR_QUOTA max 5", "", 5},
        {"ERR_STATE max_bytes 5", "", 0},
        {"", "", 0},
        {NULL, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quota_named named = quota_named(cases[i].error);
        assert_string_equal(named.name, cases[i].name);
        assert_true(named.limit == cases[i].limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_burst_of_one_second_fits_and_then_the_rate, make, unmake),
        cmocka_unit_test_setup_teardown(test_a_refusal_says_when_one_fits_and_costs_nothing_of_the_rate, make, unmake),
        cmocka_unit_test_setup_teardown(test_one_tenants_requests_are_no_matter_of_anothers, make, unmake),
        cmocka_unit_test_setup_teardown(test_a_tenant_has_so_many_requests_under_way_and_no_more, make, unmake),
        cmocka_unit_test_setup_teardown(test_redis_is_told_of_every_request_taken_and_asked_now_and_then, make, unmake),
        cmocka_unit_test_setup_teardown(test_what_the_fleet_took_blocks_here_until_it_is_paid_off, make, unmake),
        cmocka_unit_test_setup_teardown(test_the_table_is_bounded_and_forgets_only_who_has_used_nothing, make, unmake),
        cmocka_unit_test(test_a_scripts_refusal_is_named_as_the_api_calls_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
