/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "tests/support/redis_fixture.h"

static const struct redis_arg ping = {.data = "PING", .len = 4};

static void test_replies_come_in_the_order_of_the_commands(void **state)
{
    enum { N = 1000 };
    struct fixture *f = *state;
    static struct answer answers[N];
    for (unsigned i = 0; i < N; i++) {
        char words[32];
        (void)snprintf(words, sizeof words, "ECHO %u", i);
        assert_int_equal(fixture_send(f, f->redis, words, 5000, &answers[i]), 0);
    }
    assert_int_equal(f->n_answers, 0); /* none from inside redis_command() */
    assert_int_equal(redis_pending(f->redis), N);
    RUN_UNTIL(f, f->n_answers == N);
    assert_int_equal(redis_pending(f->redis), 0);
    for (unsigned i = 0; i < N; i++) {
        char expected[16];
        (void)snprintf(expected, sizeof expected, "%u", i);
        assert_int_equal(answers[i].n, 1);
        assert_int_equal(answers[i].place, i + 1);
        assert_string_equal(answers[i].text, expected);
    }
}

static void test_arguments_and_replies_may_hold_any_byte(void **state)
{
    struct fixture *f = *state;
    char all[256];
    struct answer set = {.fixture = f};
    struct answer get = {.fixture = f};
    struct answer empty = {.fixture = f};
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    const struct redis_arg set_args[] = {redis_arg_str("SET"), redis_arg_mem("k\0\r\n", 4), redis_arg_mem(all, 128)};
    const struct redis_arg get_args[] = {redis_arg_str("GET"), redis_arg_mem("k\0\r\n", 4)};
    const struct redis_arg empty_args[] = {redis_arg_str("ECHO"), redis_arg_mem(NULL, 0)};
    assert_int_equal(redis_command(f->redis, set_args, 3, 5000, answer_record, &set), 0);
    assert_int_equal(redis_command(f->redis, get_args, 2, 5000, answer_record, &get), 0);
    memset(all, 'x', 128); /* they were copied */
    assert_int_equal(redis_command(f->redis, empty_args, 2, 5000, answer_record, &empty), 0);
    RUN_UNTIL(f, f->n_answers == 3);
    assert_int_equal(set.type, REDIS_REPLY_STATUS);
    assert_int_equal(get.len, 128);
    for (int i = 0; i < 127; i++)
        assert_int_equal(get.text[i], i);
    assert_int_equal(empty.type, REDIS_REPLY_STRING);
    assert_int_equal(empty.len, 0);
}

static void test_a_large_value_goes_there_and_back(void **state)
{
    struct fixture *f = *state;
    size_t len = 8u << 20;
    char *value = malloc(len);
    struct answer a = {.fixture = f};
    assert_non_null(value);
    for (size_t i = 0; i < len; i++)
        value[i] = (char)(i * 31 + i / 251);
    const struct redis_arg echo[] = {redis_arg_str("ECHO"), redis_arg_mem(value, len)};
    assert_int_equal(redis_command(f->redis, echo, 2, 10000, answer_record, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    assert_int_equal(a.len, len);
    assert_memory_equal(a.text, value, sizeof a.text - 1);
    free(value);
}

static void test_numbers_are_spelled_in_full(void **state)
{
    char space[REDIS_I64_LEN];
    struct redis_arg arg = redis_arg_i64(INT64_MIN, space);
    (void)state;
    assert_int_equal(arg.len, 20);
    assert_memory_equal(arg.data, "-9223372036854775808", 20);
    arg = redis_arg_i64(0, space);
    assert_int_equal(arg.len, 1);
    assert_memory_equal(arg.data, "0", 1);
}

static void test_an_error_reply_is_a_reply(void **state)
{
    struct fixture *f = *state;
    struct answer a = fixture_ask(f, f->redis, "INCR");
    assert_int_equal(a.type, REDIS_REPLY_ERROR);
    a = fixture_ask(f, f->redis, "PING");
    assert_string_equal(a.text, "PONG");
    assert_int_equal(f->n_down, 0);
}

static void test_what_cannot_be_sent_is_refused_and_calls_nothing_back(void **state)
{
    struct fixture *f = *state;
    struct redis_arg *args = calloc(LIMIT_REDIS_ARGS + 1, sizeof *args);
    struct answer a = {.fixture = f};
    assert_non_null(args);
    for (size_t i = 0; i <= LIMIT_REDIS_ARGS; i++)
        args[i] = redis_arg_str(i == 0 ? "DEL" : "k");
    assert_int_equal(redis_command(f->redis, args, 0, 5000, answer_record, &a), ERR_INVALID);
    assert_int_equal(redis_command(f->redis, args, LIMIT_REDIS_ARGS + 1, 5000, answer_record, &a), ERR_TOO_LARGE);
    assert_int_equal(redis_command(f->redis, &ping, 1, 0, answer_record, &a), ERR_RANGE);
    assert_int_equal(redis_command(f->redis, &ping, 1, 86400001, answer_record, &a), ERR_RANGE);
    /* the pages are never looked at */
    args[1] = redis_arg_mem(args, LIMIT_REDIS_OUT_BYTES);
    assert_int_equal(redis_command(f->redis, args, 2, 5000, answer_record, &a), ERR_TOO_LARGE);
    args[1] = redis_arg_mem(args, SIZE_MAX);
    assert_int_equal(redis_command(f->redis, args, 2, 5000, answer_record, &a), ERR_TOO_LARGE);
    assert_int_equal(redis_pending(f->redis), 0);
    args[1] = redis_arg_str("k");
    assert_int_equal(redis_command(f->redis, args, LIMIT_REDIS_ARGS, 5000, answer_record, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    assert_int_equal(a.type, REDIS_REPLY_INTEGER);
    free(args);
}

static void test_the_bound_on_commands_under_way_is_exact(void **state)
{
    struct fixture *f = *state;
    struct answer last = {.fixture = f};
    for (int i = 0; i < LIMIT_REDIS_PENDING - 1; i++)
        assert_int_equal(redis_command(f->redis, &ping, 1, 5000, NULL, NULL), 0);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, answer_record, &last), 0);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, NULL, NULL), ERR_UNAVAILABLE);
    assert_int_equal(redis_pending(f->redis), LIMIT_REDIS_PENDING);
    RUN_UNTIL(f, last.n == 1);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, NULL, NULL), 0);
}

static void test_the_bound_on_bytes_not_yet_sent_holds(void **state)
{
    struct fixture *f = *state;
    size_t len = LIMIT_REDIS_OUT_BYTES / 4;
    char *value = calloc(1, len);
    struct answer a = {.fixture = f};
    assert_non_null(value);
    const struct redis_arg echo[] = {redis_arg_str("SET"), redis_arg_str("k"), redis_arg_mem(value, len)};
    for (int i = 0; i < 3; i++)
        assert_int_equal(redis_command(f->redis, echo, 3, 10000, NULL, NULL), 0);
    assert_int_equal(redis_command(f->redis, echo, 3, 10000, NULL, NULL), ERR_UNAVAILABLE);
    assert_int_equal(redis_command(f->redis, &ping, 1, 10000, answer_record, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    assert_int_equal(redis_command(f->redis, echo, 3, 10000, NULL, NULL), 0);
    free(value);
}

static void test_a_passed_deadline_ends_what_is_under_way_and_reconnects(void **state)
{
    struct fixture *f = *state;
    struct answer slow, late, behind;
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 0.5", 5000, &slow), 0);
    assert_int_equal(fixture_send(f, f->redis, "PING", 100, &late), 0);
    assert_int_equal(fixture_send(f, f->redis, "PING", 4000, &behind), 0);
    int64_t start_us = clock_mono_us();
    RUN_UNTIL(f, f->n_answers > 0);
    assert_true(clock_mono_us() - start_us >= 100000);
    assert_true(clock_mono_us() - start_us < 400000);
    assert_int_equal(f->n_answers, 3);
    assert_int_equal(slow.err, ERR_CLOSED);
    assert_int_equal(late.err, ERR_TIMEOUT);
    assert_int_equal(behind.err, ERR_CLOSED);
    assert_false(slow.has_reply || late.has_reply || behind.has_reply);
    assert_int_equal(redis_counts(f->redis)->faults[REDIS_FAULT_TIMEOUT], 1);
    assert_int_equal(redis_counts(f->redis)->faults[REDIS_FAULT_CLOSED], 2);
    assert_int_equal(f->n_down, 1);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_false(redis_is_ready(f->redis));
    assert_int_equal(redis_counts(f->redis)->ready, 1);
    RUN_UNTIL(f, f->n_ready == 2);
    assert_int_equal(redis_counts(f->redis)->ready, 2);
    assert_int_equal(fixture_ask(f, f->redis, "PING").type, REDIS_REPLY_STATUS);
}

static void test_errors_of_redis_are_counted_by_kind_and_those_of_scripts_are_not(void **state)
{
    static const struct {
        const char *text;
        int fault; /* -1: none */
    } cases[] = {{"OOM command not allowed when used memory > 'maxmemory'.", REDIS_FAULT_OOM},
                 {"MISCONF Errors writing to the AOF file: No space left on device", REDIS_FAULT_MISCONF},
                 {"READONLY You can't write against a read only replica.", REDIS_FAULT_READONLY},
                 {"LOADING Redis is loading the dataset in memory", REDIS_FAULT_LOADING},
                 {"BUSY Redis is busy running a script.", REDIS_FAULT_BUSY},
                 {"NOPERM this user has no permissions", REDIS_FAULT_DENIED},
                 {"ERR The user executing the script can't run this command", REDIS_FAULT_DENIED},
                 {"NOSCRIPT No matching script.", REDIS_FAULT_NOSCRIPT},
                 {"WRONGTYPE Operation against a key", REDIS_FAULT_OTHER},
                 {"ERR_NOT_FOUND batch", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_counts counts = {0};
        const redisReply reply = {.type = REDIS_REPLY_ERROR, .str = (char *)cases[i].text};
        redis_counts_note(&counts, &reply);
        for (int fault = 0; fault < REDIS_FAULT_COUNT; fault++)
            assert_int_equal(counts.faults[fault], fault == cases[i].fault ? 1 : 0);
    }
}

static void test_an_answered_command_leaves_its_deadline_without_effect(void **state)
{
    struct fixture *f = *state;
    struct answer quick, slow;
    assert_int_equal(fixture_send(f, f->redis, "PING", 100, &quick), 0);
    RUN_UNTIL(f, quick.n == 1);
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 0.3", 5000, &slow), 0);
    RUN_UNTIL(f, slow.n == 1);
    assert_int_equal(slow.err, 0);
    assert_int_equal(f->n_down, 0);
}

static void test_a_killed_server_leaves_the_outcome_unknown_and_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct answer a, refused;
    char run_id[64];
    (void)snprintf(run_id, sizeof run_id, "%s", redis_run_id(f->redis));
    assert_int_equal(strlen(run_id), 40);
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 5", 9000, &a), 0);
    assert_int_equal(loop_run_once(f->loop), 0); /* sent */
    redis_process_kill(&f->server);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, ERR_CLOSED);
    assert_false(redis_is_ready(f->redis));
    assert_int_equal(fixture_send(f, f->redis, "PING", 1000, &refused), ERR_UNAVAILABLE);
    assert_int_equal(refused.n, 0);
    assert_int_equal(redis_pending(f->redis), 0);

    redis_process_start(&f->server, NULL);
    RUN_UNTIL(f, f->n_ready == 2);
    assert_int_equal(fixture_ask(f, f->redis, "PING").type, REDIS_REPLY_STATUS);
    assert_string_not_equal(redis_run_id(f->redis), run_id);
    assert_int_equal(refused.n, 0);
}

static void test_a_primary_that_became_a_replica_is_left(void **state)
{
    struct fixture *f = *state;
    struct answer set, behind;
    (void)fixture_ask(f, f->redis, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(fixture_send(f, f->redis, "SET k v", 5000, &set), 0);
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &behind), 0);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(set.type, REDIS_REPLY_ERROR);
    assert_int_equal(f->why, REDIS_REFUSAL_REPLICA);
    assert_int_equal(behind.n, 1);
    assert_false(redis_is_ready(f->redis));
}

/* ---- freeing ---- */

struct freer {
    struct fixture *fixture;
    unsigned n;
    int err;
    int command_err; /* of a command sent after the free */
};

static void free_in_reply(const struct redisReply *reply, int err, void *arg)
{
    struct freer *freer = arg;
    struct redis *redis = freer->fixture->redis;
    freer->n++;
    freer->err = err;
    redis_free(redis);
    freer->fixture->redis = NULL;
    if (err == 0) {
        assert_string_equal(reply->str, "PONG"); /* still there */
        freer->command_err = redis_command(redis, &ping, 1, 1000, NULL, NULL);
    }
}

static void test_freeing_inside_a_reply_answers_the_rest_and_is_safe(void **state)
{
    struct fixture *f = *state;
    struct freer freer = {.fixture = f};
    struct answer before, behind;
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &before), 0);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, free_in_reply, &freer), 0);
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &behind), 0);
    RUN_UNTIL(f, freer.n > 0);
    assert_int_equal(freer.n, 1);
    assert_int_equal(freer.command_err, ERR_UNAVAILABLE);
    assert_int_equal(before.err, 0);
    assert_int_equal(behind.n, 1);
    assert_int_equal(behind.err, ERR_CLOSED);
    assert_int_equal(f->n_down, 0);
}

static void test_freeing_inside_a_lost_answer_is_safe(void **state)
{
    struct fixture *f = *state;
    struct freer freer = {.fixture = f};
    struct answer slow, behind;
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 0.2", 50, &slow), 0);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, free_in_reply, &freer), 0);
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &behind), 0);
    RUN_UNTIL(f, behind.n == 1);
    assert_int_equal(slow.err, ERR_TIMEOUT);
    assert_int_equal(freer.err, ERR_CLOSED);
    assert_int_equal(freer.n, 1);
    assert_int_equal(behind.err, ERR_CLOSED);
    assert_int_equal(f->n_down, 0);
}

static void test_freeing_outside_answers_everything_at_once(void **state)
{
    struct fixture *f = *state;
    struct freer freer = {.fixture = f};
    struct answer a, b;
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &a), 0);
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, free_in_reply, &freer), 0); /* frees once more */
    assert_int_equal(fixture_send(f, f->redis, "PING", 5000, &b), 0);
    redis_free(f->redis);
    f->redis = NULL;
    assert_int_equal(a.err, ERR_CLOSED);
    assert_int_equal(freer.err, ERR_CLOSED);
    assert_int_equal(b.err, ERR_CLOSED);
    redis_free(NULL);
}

int main(void)
{
#define ON_A_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        ON_A_SERVER(test_replies_come_in_the_order_of_the_commands),
        ON_A_SERVER(test_arguments_and_replies_may_hold_any_byte),
        ON_A_SERVER(test_a_large_value_goes_there_and_back),
        cmocka_unit_test(test_numbers_are_spelled_in_full),
        ON_A_SERVER(test_an_error_reply_is_a_reply),
        ON_A_SERVER(test_what_cannot_be_sent_is_refused_and_calls_nothing_back),
        ON_A_SERVER(test_the_bound_on_commands_under_way_is_exact),
        ON_A_SERVER(test_the_bound_on_bytes_not_yet_sent_holds),
        ON_A_SERVER(test_a_passed_deadline_ends_what_is_under_way_and_reconnects),
        ON_A_SERVER(test_an_answered_command_leaves_its_deadline_without_effect),
        ON_A_SERVER(test_errors_of_redis_are_counted_by_kind_and_those_of_scripts_are_not),
        ON_A_SERVER(test_a_killed_server_leaves_the_outcome_unknown_and_is_found_again),
        ON_A_SERVER(test_a_primary_that_became_a_replica_is_left),
        ON_A_SERVER(test_freeing_inside_a_reply_answers_the_rest_and_is_safe),
        ON_A_SERVER(test_freeing_inside_a_lost_answer_is_safe),
        ON_A_SERVER(test_freeing_outside_answers_everything_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
