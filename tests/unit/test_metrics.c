/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metrics/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void assert_renders(const struct metrics *m, const char *want)
{
    struct buf out;
    buf_init(&out, 100000);
    assert_int_equal(metrics_render(m, &out), 0);
    assert_string_equal(buf_str(&out), want);
    buf_free(&out);
}

static void test_nothing_is_written_of_nothing(void **state)
{
    struct metrics *m;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    assert_renders(m, "");
    metrics_free(m);
    metrics_free(NULL);
}

static void test_each_family_is_written_once_with_all_its_labels(void **state)
{
    struct metrics *m;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    struct metric *busy = metrics_counter(m, "carillon_calls_total", "Calls.", "outcome", "busy");
    struct metric *open = metrics_gauge(m, "carillon_open", "Open \"now\".\nAnd\\or", NULL, NULL);
    struct metric *odd = metrics_counter(m, "carillon_calls_total", "Calls.", "outcome", "a\"b\\c\nd");
    metric_add(busy, 1);
    metric_add(busy, 2);
    metric_add(odd, 0.1);
    metric_set(open, 5);
    metric_add(open, -7);
    assert_ptr_equal(metrics_counter(m, "carillon_calls_total", "", "outcome", "busy"), busy);
    assert_renders(m, "# HELP carillon_calls_total Calls.\n"
                      "# TYPE carillon_calls_total counter\n"
                      "carillon_calls_total{outcome=\"busy\"} 3\n"
                      "carillon_calls_total{outcome=\"a\\\"b\\\\c\\nd\"} 0.1\n"
                      "# HELP carillon_open Open \"now\".\\nAnd\\\\or\n"
                      "# TYPE carillon_open gauge\n"
                      "carillon_open -2\n");
    metrics_free(m);
}

static void test_numbers_read_back_as_they_were(void **state)
{
    static const struct {
        double value;
        const char *want;
    } cases[] = {{0, "0"},
                 {1763283600123, "1763283600123"},
                 {0.3, "0.3"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e300, "1e+300"},
                 {INFINITY, "+Inf"},
                 {-INFINITY, "-Inf"},
                 {NAN, "NaN"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics *m;
        char want[200];
        assert_int_equal(metrics_create(&m), 0);
        metric_set(metrics_gauge(m, "g", "h", NULL, NULL), cases[i].value);
        snprintf(want, sizeof want, "# HELP g h\n# TYPE g gauge\ng %s\n", cases[i].want);
        assert_renders(m, want);
        metrics_free(m);
    }
}

static void test_a_histogram_counts_up_to_each_bound(void **state)
{
    static const double bounds[] = {0.1, 1, 2.5};
    static const double values[] = {0.1, 0.05, 1, 1.0001, 2.5, 100};
    struct metrics *m;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    struct metric *h = metrics_histogram(m, "carillon_wait_seconds", "Waits.", bounds, 3);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        metric_observe(h, values[i]);
    assert_ptr_equal(metrics_histogram(m, "carillon_wait_seconds", "Waits.", bounds, 3), h);
    assert_renders(m, "# HELP carillon_wait_seconds Waits.\n"
                      "# TYPE carillon_wait_seconds histogram\n"
                      "carillon_wait_seconds_bucket{le=\"0.1\"} 2\n"
                      "carillon_wait_seconds_bucket{le=\"1\"} 3\n"
                      "carillon_wait_seconds_bucket{le=\"2.5\"} 5\n"
                      "carillon_wait_seconds_bucket{le=\"+Inf\"} 6\n"
                      "carillon_wait_seconds_sum 104.6501\n"
                      "carillon_wait_seconds_count 6\n");
    metrics_free(m);
}

static void test_two_labels_make_a_metric_of_their_own_each(void **state)
{
    struct metrics *m;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    const struct metric_label labels[][METRIC_LABELS] = {
        {{"trunk", "a"}, {"verdict", "X"}}, {{"trunk", "a"}, {"verdict", "Y"}}, {{"trunk", "b"}, {"verdict", "X"}}};
    for (size_t i = 0; i < 3; i++)
        metric_add(metrics_labelled_counter(m, "carillon_verdicts_total", "Verdicts.", labels[i], 2), (double)i);
    metric_add(metrics_labelled_counter(m, "carillon_verdicts_total", "", labels[1], 2), 10);
    assert_renders(m, "# HELP carillon_verdicts_total Verdicts.\n"
                      "# TYPE carillon_verdicts_total counter\n"
                      "carillon_verdicts_total{trunk=\"a\",verdict=\"X\"} 0\n"
                      "carillon_verdicts_total{trunk=\"a\",verdict=\"Y\"} 11\n"
                      "carillon_verdicts_total{trunk=\"b\",verdict=\"X\"} 2\n");
    metrics_free(m);
}

static void test_a_labelled_histogram_is_written_once_it_observed_something(void **state)
{
    static const double bounds[] = {1};
    struct metrics *m;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    const struct metric_label used = {"script", "used"}, unused = {"script", "unused"};
    struct metric *h = metrics_labelled_histogram(m, "carillon_script_seconds", "Scripts.", &used, bounds, 1);
    (void)metrics_labelled_histogram(m, "carillon_script_seconds", "Scripts.", &unused, bounds, 1);
    assert_renders(m, "# HELP carillon_script_seconds Scripts.\n"
                      "# TYPE carillon_script_seconds histogram\n");
    metric_observe(h, 0.5);
    metric_observe(h, 2);
    assert_renders(m, "# HELP carillon_script_seconds Scripts.\n"
                      "# TYPE carillon_script_seconds histogram\n"
                      "carillon_script_seconds_bucket{script=\"used\",le=\"1\"} 1\n"
                      "carillon_script_seconds_bucket{script=\"used\",le=\"+Inf\"} 2\n"
                      "carillon_script_seconds_sum{script=\"used\"} 2.5\n"
                      "carillon_script_seconds_count{script=\"used\"} 2\n");
    metrics_free(m);
}

static void test_a_full_buffer_is_told(void **state)
{
    static const double bounds[] = {1};
    struct metrics *m;
    struct buf whole;
    (void)state;
    assert_int_equal(metrics_create(&m), 0);
    metric_add(metrics_counter(m, "c", "help", "l", "v"), 1);
    metric_observe(metrics_histogram(m, "h", "help", bounds, 1), 1);
    buf_init(&whole, 10000);
    assert_int_equal(metrics_render(m, &whole), 0);
    for (size_t max = 0; max < buf_len(&whole); max++) {
        struct buf out;
        buf_init(&out, max);
        assert_int_equal(metrics_render(m, &out), ERR_NOMEM);
        buf_free(&out);
    }
    buf_free(&whole);
    metrics_free(m);
}

static void misuse_kind(struct metrics *m)
{
    metrics_gauge(m, "used", "h", NULL, NULL);
}

static void misuse_label(struct metrics *m)
{
    metrics_counter(m, "used", "h", "other", "x");
}

static void misuse_name(struct metrics *m)
{
    metrics_counter(m, "0-bad", "h", NULL, NULL);
}

static void misuse_decrease(struct metrics *m)
{
    metric_add(metrics_counter(m, "used", "h", NULL, NULL), -1);
}

static void misuse_observe(struct metrics *m)
{
    metric_observe(metrics_counter(m, "used", "h", NULL, NULL), 1);
}

static void misuse_bounds(struct metrics *m)
{
    static const double bounds[] = {2, 1};
    metrics_histogram(m, "h", "h", bounds, 2);
}

static void test_a_bug_in_the_use_of_metrics_stops_the_process(void **state)
{
    static void (*const misuses[])(struct metrics *) = {misuse_kind,     misuse_label,   misuse_name,
                                                        misuse_decrease, misuse_observe, misuse_bounds};
    (void)state;
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            const struct rlimit no_core = {0, 0};
            struct metrics *m;
            setrlimit(RLIMIT_CORE, &no_core);
            signal(SIGABRT, SIG_DFL);
            if (metrics_create(&m))
                _exit(1);
            metrics_counter(m, "used", "h", NULL, NULL);
            misuses[i](m);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_written_of_nothing),
        cmocka_unit_test(test_each_family_is_written_once_with_all_its_labels),
        cmocka_unit_test(test_numbers_read_back_as_they_were),
        cmocka_unit_test(test_a_histogram_counts_up_to_each_bound),
        cmocka_unit_test(test_two_labels_make_a_metric_of_their_own_each),
        cmocka_unit_test(test_a_labelled_histogram_is_written_once_it_observed_something),
        cmocka_unit_test(test_a_full_buffer_is_told),
        cmocka_unit_test(test_a_bug_in_the_use_of_metrics_stops_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
