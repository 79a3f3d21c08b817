/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/redis/reply.h"
#include "tests/support/redis_fixture.h"

#define PREFIX "carillon:{c0}:"

/* cell_open takes a schema version and answers it; another one than the cell's is ERR_STATE. */
static int open_cell(struct redis *redis, const char *schema, int64_t deadline_ms, struct fixture *f,
                     struct answer *ret_answer)
{
    const struct redis_arg args[] = {redis_arg_str(schema), redis_arg_str(schema), redis_arg_str("run"),
                                     redis_arg_str("14000"), redis_arg_str("")};
    *ret_answer = (struct answer){.fixture = f};
    return script_run(redis, LUA_CELL_OPEN, PREFIX, args, 5, deadline_ms, answer_record, ret_answer);
}

/* Runs it and says how many commands that took. */
static uint64_t commands_of_a_run(struct fixture *f)
{
    uint64_t sent = redis_commands_sent(f->redis);
    struct answer a;
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    assert_string_equal(a.text, "1");
    return redis_commands_sent(f->redis) - sent;
}

static void test_a_script_runs_with_its_prefix_and_arguments(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    assert_int_equal(a.n, 0); /* not from inside script_run() */
    RUN_UNTIL(f, a.n == 1);
    assert_string_equal(a.text, "1");
    assert_string_equal(fixture_ask(f, f->redis, "HGET " PREFIX "cell run_id").text, "run");
}

struct times {
    unsigned n;
    enum lua_script script;
    int64_t took_us;
};

static void note_time(enum lua_script script, int64_t took_us, void *arg)
{
    struct times *times = arg;
    *times = (struct times){times->n + 1, script, took_us};
}

static void test_the_time_of_each_answered_script_is_told_by_its_name(void **state)
{
    struct fixture *f = *state;
    struct times times = {0};
    struct answer busy, a, lost;
    script_on_answer(f->redis, note_time, &times);
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 0.05", 5000, &busy), 0);
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    assert_int_equal(times.n, 1);
    assert_int_equal(times.script, LUA_CELL_OPEN);
    assert_true(times.took_us >= 50000 && times.took_us < 5000000);
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 0.5", 5000, &busy), 0);
    assert_int_equal(open_cell(f->redis, "1", 50, f, &lost), 0);
    RUN_UNTIL(f, lost.n == 1);
    assert_int_equal(times.n, 1); /* nobody knows how long it took */
}

static void reply_err(const struct redisReply *reply, int err, void *arg)
{
    int *ret_err = arg;
    *ret_err = err < 0 ? err : reply_to_err(reply);
}

static void test_an_error_of_a_script_has_its_namesake(void **state)
{
    struct fixture *f = *state;
    const struct redis_arg other[] = {redis_arg_str("2"), redis_arg_str("2"), redis_arg_str("run"),
                                      redis_arg_str("14000"), redis_arg_str("")};
    struct answer a;
    int err = 0;
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    assert_int_equal(script_run(f->redis, LUA_CELL_OPEN, PREFIX, other, 5, 5000, reply_err, &err), 0);
    RUN_UNTIL(f, err != 0);
    assert_int_equal(err, ERR_STATE);
}

static void test_a_forgotten_script_is_loaded_and_every_call_runs_once(void **state)
{
    struct fixture *f = *state;
    struct answer before, flush, behind[3];
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &before), 0);
    assert_int_equal(fixture_send(f, f->redis, "SCRIPT FLUSH", 5000, &flush), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(open_cell(f->redis, i == 2 ? "2" : "1", 5000, f, &behind[i]), 0);
    uint64_t sent = redis_commands_sent(f->redis);
    RUN_UNTIL(f, f->n_answers == 5);
    assert_string_equal(before.text, "1");
    assert_string_equal(behind[0].text, "1");
    assert_string_equal(behind[1].text, "1");
    assert_int_equal(behind[2].type, REDIS_REPLY_ERROR);
    assert_int_equal(strncmp(behind[2].text, "ERR_STATE ", 10), 0);
    /* one load for the three of them */
    assert_int_equal(redis_commands_sent(f->redis) - sent, 4);
    assert_int_equal(f->n_down, 0);
    assert_int_equal(commands_of_a_run(f), 1);

    assert_string_equal(fixture_ask(f, f->redis, "SCRIPT FLUSH").text, "OK");
    assert_int_equal(commands_of_a_run(f), 3); /* the first try, the load, the second try */
}

static void test_a_script_forgotten_twice_in_a_row_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct answer denied, flush, a;
    assert_int_equal(fixture_send(f, f->redis, "ACL SETUSER default -script|load", 5000, &denied), 0);
    assert_int_equal(fixture_send(f, f->redis, "SCRIPT FLUSH", 5000, &flush), 0);
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    RUN_UNTIL(f, a.n > 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, 0);
    assert_int_equal(strncmp(a.text, "NOSCRIPT", 8), 0);
}

static void test_a_full_queue_leaves_room_to_load_again(void **state)
{
    struct fixture *f = *state;
    static struct answer answers[LIMIT_REDIS_PENDING];
    assert_string_equal(fixture_ask(f, f->redis, "SCRIPT FLUSH").text, "OK");
    f->n_answers = 0;
    for (size_t i = 0; i < LIMIT_REDIS_PENDING; i++)
        assert_int_equal(open_cell(f->redis, "1", 9000, f, &answers[i]), 0);
    RUN_UNTIL(f, f->n_answers == LIMIT_REDIS_PENDING);
    for (size_t i = 0; i < LIMIT_REDIS_PENDING; i++)
        assert_string_equal(answers[i].text, "1");
}

static void stop_server(const struct redisReply *reply, int err, void *arg)
{
    const struct fixture *f = arg;
    assert_non_null(reply);
    assert_int_equal(err, 0);
    redis_process_signal(&f->server, SIGSTOP);
}

static void test_the_deadline_covers_both_tries(void **state)
{
    struct fixture *f = *state;
    const struct redis_arg ping = redis_arg_str("PING");
    struct answer flush, a;
    assert_int_equal(fixture_send(f, f->redis, "SCRIPT FLUSH", 5000, &flush), 0);
    int64_t start_us = clock_mono_us();
    assert_int_equal(open_cell(f->redis, "1", 200, f, &a), 0);
    /* Its reply comes with NOSCRIPT, before the second try has left. */
    assert_int_equal(redis_command(f->redis, &ping, 1, 5000, stop_server, f), 0);
    uint64_t sent = redis_commands_sent(f->redis);
    RUN_UNTIL(f, a.n == 1);
    redis_process_signal(&f->server, SIGCONT);
    assert_int_equal(a.err, ERR_TIMEOUT);
    assert_int_equal(redis_commands_sent(f->redis) - sent, 2);
    assert_true(clock_mono_us() - start_us >= 200000);
    RUN_UNTIL(f, f->n_ready == 2);
    assert_int_equal(commands_of_a_run(f), 1);
}

static void test_a_lost_connection_answers_a_call_once(void **state)
{
    struct fixture *f = *state;
    struct answer slow, a;
    assert_int_equal(fixture_send(f, f->redis, "DEBUG SLEEP 5", 9000, &slow), 0);
    assert_int_equal(open_cell(f->redis, "1", 9000, f, &a), 0);
    assert_int_equal(loop_run_once(f->loop), 0);
    redis_process_kill(&f->server);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, ERR_CLOSED);
    assert_int_equal(open_cell(f->redis, "1", 1000, f, &a), ERR_UNAVAILABLE);
    redis_process_start(&f->server, NULL); /* it knows no script */
    RUN_UNTIL(f, f->n_ready == 2);
    assert_int_equal(commands_of_a_run(f), 1); /* the handshake loaded it */
}

static void test_a_connection_without_scripts_runs_none(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url, .skip_scripts = true};
    struct answer a;
    struct redis *tool = fixture_connect(f, &config);
    RUN_UNTIL(f, redis_is_ready(tool));
    assert_int_equal(open_cell(tool, "1", 1000, f, &a), ERR_STATE);
    assert_int_equal(a.n, 0);
    redis_free(tool);
}

static void test_freeing_answers_a_call_that_waits_for_its_second_try(void **state)
{
    struct fixture *f = *state;
    struct answer flush, a;
    assert_int_equal(fixture_send(f, f->redis, "SCRIPT FLUSH", 5000, &flush), 0);
    assert_int_equal(open_cell(f->redis, "1", 5000, f, &a), 0);
    uint64_t sent = redis_commands_sent(f->redis);
    RUN_UNTIL(f, redis_commands_sent(f->redis) == sent + 2);
    assert_int_equal(a.n, 0);
    redis_free(f->redis);
    f->redis = NULL;
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, ERR_CLOSED);
}

int main(void)
{
#define ON_A_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        ON_A_SERVER(test_a_script_runs_with_its_prefix_and_arguments),
        ON_A_SERVER(test_the_time_of_each_answered_script_is_told_by_its_name),
        ON_A_SERVER(test_an_error_of_a_script_has_its_namesake),
        ON_A_SERVER(test_a_forgotten_script_is_loaded_and_every_call_runs_once),
        ON_A_SERVER(test_a_script_forgotten_twice_in_a_row_is_an_error),
        ON_A_SERVER(test_a_full_queue_leaves_room_to_load_again),
        ON_A_SERVER(test_the_deadline_covers_both_tries),
        ON_A_SERVER(test_a_lost_connection_answers_a_call_once),
        ON_A_SERVER(test_a_connection_without_scripts_runs_none),
        ON_A_SERVER(test_freeing_answers_a_call_that_waits_for_its_second_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
