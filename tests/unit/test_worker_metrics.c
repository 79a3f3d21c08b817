/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct metrics *registry;
    struct worker_metrics metrics;
    struct buf text;
};

static int set_up(void **state)
{
    static struct world w;
    assert_int_equal(metrics_create(&w.registry), 0);
    worker_metrics_init(&w.metrics, w.registry);
    buf_init(&w.text, 1 << 20);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    buf_free(&w->text);
    metrics_free(w->registry);
    return 0;
}

static void assert_tells(struct world *w, const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    buf_free(&w->text);
    assert_int_equal(metrics_render(w->registry, &w->text), 0);
    if (!strstr(buf_str(&w->text), whole))
        fail_msg("no line %s", line);
}

static size_t count_of(struct world *w, const char *part)
{
    size_t n = 0;
    buf_free(&w->text);
    assert_int_equal(metrics_render(w->registry, &w->text), 0);
    for (const char *at = buf_str(&w->text); (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void test_what_ended_a_claim_is_counted_by_a_known_word(void **state)
{
    struct world *w = *state;
    worker_metrics_note_limit(&w->metrics, "trunk_full");
    worker_metrics_note_limit(&w->metrics, "trunk_full");
    worker_metrics_note_limit(&w->metrics, "something new");
    worker_metrics_note_limit(&w->metrics, "");
    assert_tells(w, "carillon_claim_limits_total{limit=\"trunk_full\"} 2");
    assert_tells(w, "carillon_claim_limits_total{limit=\"other\"} 1");
    assert_int_equal(count_of(w, "something new"), 0);
    assert_int_equal(count_of(w, "\ncarillon_claim_limits_total{"), WORKER_LIMITS);
}

static void test_a_refused_begin_is_counted_by_its_reason_and_all_states_of_a_batch_as_one(void **state)
{
    struct world *w = *state;
    worker_metrics_note_refusal(&w->metrics, "batch_paused");
    worker_metrics_note_refusal(&w->metrics, "batch_cancelled");
    worker_metrics_note_refusal(&w->metrics, "rate");
    worker_metrics_note_refusal(&w->metrics, "acme");
    assert_tells(w, "carillon_begins_refused_total{reason=\"batch\"} 2");
    assert_tells(w, "carillon_begins_refused_total{reason=\"rate\"} 1");
    assert_tells(w, "carillon_begins_refused_total{reason=\"other\"} 1");
    assert_int_equal(count_of(w, "\ncarillon_begins_refused_total{"), WORKER_REFUSALS);
}

static void test_so_many_trunks_have_metrics_of_their_own_and_the_rest_share_one(void **state)
{
    struct world *w = *state;
    const struct provider_start start = {.verdict = VERDICT_THROTTLED, .total_us = 300000};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LIMIT_METRIC_TRUNKS + 5; i++) {
            char id[LIMIT_ID_LEN + 1];
            snprintf(id, sizeof id, "trunk_%d", i);
            worker_metrics_note_verdict(&w->metrics, id, &start);
        }
    }
    assert_tells(w, "carillon_provider_verdicts_total{trunk=\"trunk_0\",verdict=\"THROTTLED\"} 2");
    assert_tells(w, "carillon_provider_verdicts_total{trunk=\"trunk_0\",verdict=\"ACCEPTED\"} 0");
    assert_tells(w, "carillon_provider_verdicts_total{trunk=\"other\",verdict=\"THROTTLED\"} 10");
    assert_tells(w, "carillon_provider_start_seconds_bucket{trunk=\"other\",le=\"0.25\"} 0");
    assert_tells(w, "carillon_provider_start_seconds_bucket{trunk=\"other\",le=\"0.5\"} 10");
    assert_int_equal(count_of(w, "\ncarillon_provider_verdicts_total{"), WORKER_VERDICTS * (LIMIT_METRIC_TRUNKS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_ended_a_claim_is_counted_by_a_known_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_begin_is_counted_by_its_reason_and_all_states_of_a_batch_as_one,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_so_many_trunks_have_metrics_of_their_own_and_the_rest_share_one, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
