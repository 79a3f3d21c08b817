/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/outbox.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/redis/reply.h"
#include "tests/support/redis_fixture.h"

#define PREFIX "carillon:{c0}:"
#define ITEMS_MOST 200

/* The items are releases of calls that nobody holds: the script answers "gone" to each, and refuses a whole call where
 * one ordinal is not a number. */
static const struct redis_arg worker_id = {.data = "w_test", .len = 6};
static const struct outbox_spec spec = {.script = LUA_CALL_RELEASE,
                                        .fields = 3,
                                        .most_work = LIMIT_SCRIPT_CALLS * (1 + (size_t)LIMIT_BATCH_WORK),
                                        .prologue = &worker_id,
                                        .n_prologue = 1};

/* One item's fate. */
struct told {
    struct box *box;
    unsigned n; /* must end as 1 */
    unsigned place; /* among all answers, from 1 */
    int err;
    char word[16];
};

struct box {
    struct fixture *f;
    struct outbox *outbox;
    struct told told[ITEMS_MOST];
    size_t n_added;
    unsigned n_told;
};

static void on_told(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    struct told *t = arg;
    const char *word = "";
    size_t len;
    assert_true((err == 0) == (whole != NULL));
    if (err == 0)
        assert_int_equal(reply_str(reply, &word, &len), 0);
    t->n++;
    t->place = ++t->box->n_told;
    t->err = err;
    (void)snprintf(t->word, sizeof t->word, "%s", word);
}

static int try_add_of(struct box *b, const char *batch, const char *ordinal, struct told *told)
{
    const struct redis_arg args[] = {redis_arg_str(batch), redis_arg_str(ordinal), redis_arg_str("1")};
    *told = (struct told){.box = b};
    return outbox_add(b->outbox, args, on_told, told);
}

static int try_add(struct box *b, const char *ordinal, struct told *told)
{
    return try_add_of(b, "batch_c0_1", ordinal, told);
}

static void add(struct box *b, const char *ordinal)
{
    assert_true(b->n_added < ITEMS_MOST);
    assert_int_equal(try_add(b, ordinal, &b->told[b->n_added]), 0);
    b->n_added++;
}

static void add_many(struct box *b, size_t n)
{
    char ordinal[32];
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(ordinal, sizeof ordinal, "%zu", b->n_added);
        add(b, ordinal);
    }
}

/* Each item was answered once, in the order of adding. */
static void assert_told_in_order(const struct box *b)
{
    for (size_t i = 0; i < b->n_added; i++) {
        assert_int_equal(b->told[i].n, 1);
        assert_int_equal(b->told[i].place, i + 1);
    }
    assert_int_equal(outbox_pending(b->outbox), 0);
}

static int set_up(void **state)
{
    static struct box b;
    void *f = NULL;
    b = (struct box){.n_added = 0};
    fixture_set_up(&f);
    b.f = f;
    assert_int_equal(outbox_create(b.f->loop, b.f->redis, PREFIX, &spec, &b.outbox), 0);
    *state = &b;
    return 0;
}

static int tear_down(void **state)
{
    struct box *b = *state;
    void *f = b->f;
    redis_free(b->f->redis);
    b->f->redis = NULL;
    outbox_free(b->outbox);
    return fixture_tear_down(&f);
}

/* ---- grouping ---- */

static void test_the_items_of_one_turn_go_out_in_one_call(void **state)
{
    struct box *b = *state;
    uint64_t sent = redis_commands_sent(b->f->redis);
    add_many(b, 10);
    assert_int_equal(redis_commands_sent(b->f->redis), sent); /* not before the turn's end */
    assert_int_equal(outbox_pending(b->outbox), 10);
    RUN_UNTIL(b->f, b->n_told == 10);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 1);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(b->told[i].word, "gone");
    assert_told_in_order(b);
}

/* Where there is little to tell nothing waits, and where there is much, calls are few and full. */
static void test_what_follows_closely_waits_for_more_and_a_full_call_for_nothing(void **state)
{
    struct box *b = *state;
    struct outbox_spec gathering = spec;
    gathering.gather_us = INT64_C(60000000);
    outbox_free(b->outbox);
    assert_int_equal(outbox_create(b->f->loop, b->f->redis, PREFIX, &gathering, &b->outbox), 0);
    uint64_t sent = redis_commands_sent(b->f->redis);
    add_many(b, 1);
    RUN_UNTIL(b->f, b->n_told == 1);
    add_many(b, LIMIT_SCRIPT_CALLS + 1);
    RUN_UNTIL(b->f, b->n_told == LIMIT_SCRIPT_CALLS + 1);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 2);
    assert_int_equal(outbox_pending(b->outbox), 1);
    outbox_flush(b->outbox);
    RUN_UNTIL(b->f, b->n_told == b->n_added);
    assert_told_in_order(b);
}

static void test_what_was_gathered_goes_out_in_time(void **state)
{
    struct box *b = *state;
    struct outbox_spec gathering = spec;
    gathering.gather_us = 20000;
    outbox_free(b->outbox);
    assert_int_equal(outbox_create(b->f->loop, b->f->redis, PREFIX, &gathering, &b->outbox), 0);
    add_many(b, 1);
    RUN_UNTIL(b->f, b->n_told == 1);
    add_many(b, 1);
    RUN_UNTIL(b->f, b->n_told == 2);
    assert_told_in_order(b);
}

static void test_more_than_one_call_holds_go_out_in_several(void **state)
{
    struct box *b = *state;
    uint64_t sent = redis_commands_sent(b->f->redis);
    add_many(b, 2 * LIMIT_SCRIPT_CALLS + 1);
    RUN_UNTIL(b->f, b->n_told == b->n_added);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 3);
    assert_told_in_order(b);
}

/* Calls of many batches are more work than as many of one. */
static void test_a_call_holds_fewer_items_the_more_batches_they_are_of(void **state)
{
    struct box *b = *state;
    struct outbox_spec small = spec;
    char batch[32];
    small.most_work = 4 * (1 + (size_t)LIMIT_BATCH_WORK);
    outbox_free(b->outbox);
    assert_int_equal(outbox_create(b->f->loop, b->f->redis, PREFIX, &small, &b->outbox), 0);
    uint64_t sent = redis_commands_sent(b->f->redis);
    for (; b->n_added < 8; b->n_added++) {
        (void)snprintf(batch, sizeof batch, "batch_c0_%zu", b->n_added);
        assert_int_equal(try_add_of(b, batch, "1", &b->told[b->n_added]), 0);
    }
    RUN_UNTIL(b->f, b->n_told == 8);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 2);
    add_many(b, small.most_work - LIMIT_BATCH_WORK);
    RUN_UNTIL(b->f, b->n_told == b->n_added);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 3);
    assert_told_in_order(b);
}

static void test_the_arguments_are_copied(void **state)
{
    struct box *b = *state;
    char ordinal[] = "7";
    add(b, ordinal);
    ordinal[0] = 'x';
    RUN_UNTIL(b->f, b->n_told == 1);
    assert_int_equal(b->told[0].err, 0);
}

/* ---- refusals ---- */

static void test_one_bad_item_does_not_take_the_others_down(void **state)
{
    struct box *b = *state;
    add_many(b, 5);
    add(b, "x");
    add_many(b, 5);
    RUN_UNTIL(b->f, b->n_told == 11);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(b->told[i].err, i == 5 ? ERR_INVALID : 0);
        assert_string_equal(b->told[i].word, i == 5 ? "" : "gone");
    }
    assert_told_in_order(b);

    uint64_t sent = redis_commands_sent(b->f->redis); /* and afterwards they go together again */
    add_many(b, 10);
    RUN_UNTIL(b->f, b->n_told == 21);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 1);
}

static void test_bad_items_among_several_calls_are_all_found(void **state)
{
    struct box *b = *state;
    for (size_t i = 0; i < 150; i++)
        if (i % 50 == 7)
            add(b, "-");
        else
            add_many(b, 1);
    RUN_UNTIL(b->f, b->n_told == 150);
    for (size_t i = 0; i < 150; i++) {
        assert_int_equal(b->told[i].n, 1);
        assert_int_equal(b->told[i].err, i % 50 == 7 ? ERR_INVALID : 0);
    }
}

static void test_what_redis_cannot_do_now_is_asked_again(void **state)
{
    struct box *b = *state;
    const struct redis_config config = {.url = b->f->server.url, .skip_scripts = true};
    (void)fixture_ask(b->f, b->f->redis, "CONFIG SET busy-reply-threshold 1");
    struct redis *other = fixture_connect(b->f, &config);
    RUN_UNTIL(b->f, b->f->n_ready == 2);
    struct answer endless, killed;
    assert_int_equal(fixture_send(b->f, other, "EVAL while(1)do(function()end)()end 0", 60000, &endless), 0);
    struct answer ping;
    do {
        assert_int_equal(fixture_send(b->f, b->f->redis, "PING", 5000, &ping), 0);
        RUN_UNTIL(b->f, ping.n == 1);
        assert_int_equal(endless.n, 0);
    } while (ping.type != REDIS_REPLY_ERROR); /* until it is busy */
    uint64_t sent = redis_commands_sent(b->f->redis);
    add_many(b, 3);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) >= sent + 2); /* it was refused and is asked again */
    assert_int_equal(b->n_told, 0);
    do {
        assert_int_equal(fixture_send(b->f, b->f->redis, "SCRIPT KILL", 5000, &killed), 0);
        RUN_UNTIL(b->f, killed.n == 1);
    } while (killed.type == REDIS_REPLY_ERROR && endless.n == 0);
    RUN_UNTIL(b->f, b->n_told == 3 && endless.n == 1);
    assert_told_in_order(b);
    redis_free(other);
}

/* What would be sent again with each item that comes, ten times a second besides, is asked about with one call. */
static void test_a_redis_that_refuses_is_asked_by_one_call_at_a_time_whatever_waits(void **state)
{
    struct box *b = *state;
    (void)fixture_ask(b->f, b->f->redis, "CONFIG SET min-replicas-to-write 1");
    add_many(b, 1);
    RUN_UNTIL(b->f, outbox_is_refused(b->outbox));
    uint64_t sent = redis_commands_sent(b->f->redis);
    add_many(b, ITEMS_MOST - 1);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) > sent);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 1);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) > sent + 1);
    assert_int_equal(redis_commands_sent(b->f->redis), sent + 2);
    assert_int_equal(b->n_told, 0);
    (void)fixture_ask(b->f, b->f->redis, "CONFIG SET min-replicas-to-write 0");
    RUN_UNTIL(b->f, b->n_told == ITEMS_MOST);
    assert_false(outbox_is_refused(b->outbox));
    assert_told_in_order(b);
}

/* ---- a lost connection ---- */

static void come_back(struct box *b)
{
    unsigned ready = b->f->n_ready;
    redis_process_start(&b->f->server, NULL);
    RUN_UNTIL(b->f, b->f->n_ready == ready + 1);
    outbox_flush(b->outbox);
}

static void test_what_waits_for_redis_goes_out_when_it_is_back(void **state)
{
    struct box *b = *state;
    redis_process_kill(&b->f->server);
    RUN_UNTIL(b->f, b->f->n_down > 0);
    add_many(b, 3);
    uint64_t sent = redis_commands_sent(b->f->redis);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) == sent && outbox_pending(b->outbox) == 3);
    come_back(b);
    RUN_UNTIL(b->f, b->n_told == 3);
    assert_told_in_order(b);
}

static void test_what_got_no_answer_is_sent_again_in_order(void **state)
{
    struct box *b = *state;
    uint64_t sent = redis_commands_sent(b->f->redis);
    redis_process_signal(&b->f->server, SIGSTOP);
    add_many(b, 2 * LIMIT_SCRIPT_CALLS + 1);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) == sent + 3);
    redis_process_kill(&b->f->server);
    add_many(b, 2); /* behind those that were sent */
    RUN_UNTIL(b->f, b->f->n_down > 0);
    assert_int_equal(b->n_told, 0);
    assert_int_equal(outbox_pending(b->outbox), b->n_added);
    come_back(b);
    RUN_UNTIL(b->f, b->n_told == b->n_added);
    assert_told_in_order(b);
}

/* ---- bounds ---- */

static void test_an_outbox_has_a_bound(void **state)
{
    struct box *b = *state;
    struct told many = {.box = b}, one;
    const struct redis_arg args[] = {redis_arg_str("batch_c0_1"), redis_arg_str("1"), redis_arg_str("1")};
    redis_process_kill(&b->f->server);
    RUN_UNTIL(b->f, b->f->n_down > 0);
    for (size_t i = 0; i < LIMIT_OUTBOX_ITEMS; i++)
        assert_int_equal(outbox_add(b->outbox, args, on_told, &many), 0);
    assert_int_equal(try_add(b, "1", &one), ERR_NOMEM);
    come_back(b);
    RUN_UNTIL(b->f, many.n == LIMIT_OUTBOX_ITEMS);
    assert_int_equal(try_add(b, "1", &one), 0);
    RUN_UNTIL(b->f, one.n == 1);
}

/* The sanitizer build sees that nothing is left. */
static void test_an_end_drops_what_waits_and_what_is_under_way_without_a_word(void **state)
{
    struct box *b = *state;
    uint64_t sent = redis_commands_sent(b->f->redis);
    redis_process_signal(&b->f->server, SIGSTOP);
    add_many(b, 70);
    RUN_UNTIL(b->f, redis_commands_sent(b->f->redis) == sent + 2);
    add_many(b, 3);
    redis_free(b->f->redis);
    b->f->redis = NULL;
    outbox_free(b->outbox);
    b->outbox = NULL;
    assert_int_equal(b->n_told, 0);
    outbox_free(NULL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_items_of_one_turn_go_out_in_one_call),
        TEST(test_what_follows_closely_waits_for_more_and_a_full_call_for_nothing),
        TEST(test_what_was_gathered_goes_out_in_time),
        TEST(test_more_than_one_call_holds_go_out_in_several),
        TEST(test_a_call_holds_fewer_items_the_more_batches_they_are_of),
        TEST(test_the_arguments_are_copied),
        TEST(test_one_bad_item_does_not_take_the_others_down),
        TEST(test_bad_items_among_several_calls_are_all_found),
        TEST(test_what_redis_cannot_do_now_is_asked_again),
        TEST(test_a_redis_that_refuses_is_asked_by_one_call_at_a_time_whatever_waits),
        TEST(test_what_waits_for_redis_goes_out_when_it_is_back),
        TEST(test_what_got_no_answer_is_sent_again_in_order),
        TEST(test_an_outbox_has_a_bound),
        TEST(test_an_end_drops_what_waits_and_what_is_under_way_without_a_word),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as every process does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
