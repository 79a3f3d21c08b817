/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/redis_fixture.h"

#define CREDENTIAL "key_3f9c1b2a7d"
#define CALLBACKS "http://callbacks.example"

struct world {
    struct fixture *f;
    struct seal_keys *keys;
    struct settings *settings;
};

/* One asking. */
struct asked {
    unsigned n; /* must end as 1 */
    int err;
    const struct batch_settings *batch; /* a reference */
    struct world *w; /* NULL: asks for nothing more */
    struct asked *next; /* asked for from inside the answer */
};

static void on_batch(const struct batch_settings *batch, int err, void *arg)
{
    struct asked *a = arg;
    assert_true((err == 0) == (batch != NULL));
    a->n++;
    a->err = err;
    a->batch = batch ? settings_ref(batch) : NULL;
    if (a->w)
        settings_get(a->w->settings, "batch_c0_1", on_batch, a->next);
}

static void ask(struct world *w, const char *batch, struct asked *ret_asked)
{
    *ret_asked = (struct asked){.n = 0};
    settings_get(w->settings, batch, on_batch, ret_asked);
}

/* Asks and waits; gives the error. */
static int ask_and_forget(struct world *w, const char *batch)
{
    struct asked a;
    ask(w, batch, &a);
    RUN_UNTIL(w->f, a.n == 1);
    settings_unref(a.batch);
    return a.err;
}

static void write_batch(struct world *w, const char *batch, const char *trunk)
{
    char words[256];
    (void)snprintf(words, sizeof words, "HSET carillon:{c0}:batch:%s state processing tenant acme trunk %s agent_id a1",
                   batch, trunk);
    (void)fixture_ask(w->f, w->f->redis, words);
}

static void write_trunk(struct world *w, const char *trunk, const char *profile)
{
    char words[512], context[80];
    char *sealed = NULL;
    (void)snprintf(context, sizeof context, "trunk/%s", trunk);
    assert_int_equal(seal_secret(w->keys, context, CREDENTIAL, sizeof CREDENTIAL - 1, &sealed), 0);
    (void)snprintf(
        words, sizeof words,
        "HSET carillon:{c0}:trunk:%s profile %s credential %s caller_ids [\"+15550001111\",\"+15550002222\"]", trunk,
        profile, sealed);
    free(sealed);
    (void)fixture_ask(w->f, w->f->redis, words);
}

static int set_up(void **state)
{
    static const uint8_t key[32] = {7};
    static struct world w;
    void *f = NULL;
    fixture_set_up(&f);
    w = (struct world){.f = f};
    assert_int_equal(seal_keys_create(key, &w.keys), 0);
    assert_int_equal(settings_create(w.f->redis, w.keys, "c0", CALLBACKS, &w.settings), 0);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    void *f = w->f;
    redis_free(w->f->redis);
    w->f->redis = NULL;
    settings_free(w->settings);
    seal_keys_free(w->keys);
    return fixture_tear_down(&f);
}

static void test_a_batch_comes_with_its_trunk(void **state)
{
    struct world *w = *state;
    struct asked a;
    write_trunk(w, "main", "retell");
    write_batch(w, "batch_c0_1", "main");
    (void)fixture_ask(w->f, w->f->redis, "HSET carillon:{c0}:batch:batch_c0_1 ring_s 2 talk_s 9000");
    ask(w, "batch_c0_1", &a);
    assert_int_equal(a.n, 0);
    RUN_UNTIL(w->f, a.n == 1);
    assert_string_equal(a.batch->tenant, "acme");
    assert_string_equal(a.batch->trunk->id, "main");
    assert_string_equal(a.batch->trunk->provider.credential, CREDENTIAL);
    assert_string_equal(a.batch->trunk->provider.callback_base, CALLBACKS);
    assert_int_equal(a.batch->ring_timeout_s, 5); /* what the platform will do: deadlines are reckoned with it */
    assert_int_equal(a.batch->max_call_duration_s, 7200);
    settings_unref(a.batch);
}

static void test_many_who_ask_at_once_share_one_reading(void **state)
{
    struct world *w = *state;
    struct asked a[20];
    write_trunk(w, "main", "retell");
    write_batch(w, "batch_c0_1", "main");
    write_batch(w, "batch_c0_2", "main");
    uint64_t sent = redis_commands_sent(w->f->redis);
    for (size_t i = 0; i < 20; i++)
        ask(w, i % 2 ? "batch_c0_1" : "batch_c0_2", &a[i]);
    RUN_UNTIL(w->f, a[18].n == 1 && a[19].n == 1);
    assert_int_equal(redis_commands_sent(w->f->redis), sent + 3); /* two batches, one trunk */
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(a[i].n, 1);
        assert_ptr_equal(a[i].batch, a[i % 2].batch);
        assert_ptr_equal(a[i].batch->trunk, a[0].batch->trunk);
        settings_unref(a[i].batch);
    }
}

static void test_what_is_known_is_told_at_once(void **state)
{
    struct world *w = *state;
    struct asked a;
    write_trunk(w, "main", "retell");
    write_batch(w, "batch_c0_1", "main");
    assert_int_equal(ask_and_forget(w, "batch_c0_1"), 0);
    uint64_t sent = redis_commands_sent(w->f->redis);
    ask(w, "batch_c0_1", &a);
    assert_int_equal(a.n, 1);
    assert_int_equal(redis_commands_sent(w->f->redis), sent);
    settings_unref(a.batch);
}

static void test_who_is_told_may_ask_again(void **state)
{
    struct world *w = *state;
    struct asked inner = {.n = 0}, outer = {.w = w, .next = &inner};
    write_trunk(w, "main", "retell");
    write_batch(w, "batch_c0_1", "main");
    settings_get(w->settings, "batch_c0_1", on_batch, &outer);
    RUN_UNTIL(w->f, outer.n == 1);
    assert_int_equal(inner.n, 1);
    assert_ptr_equal(inner.batch, outer.batch);
    settings_unref(inner.batch);
    settings_unref(outer.batch);
}

static void test_what_is_not_there_is_told_apart_from_what_makes_no_sense(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask_and_forget(w, "batch_c0_none"), ERR_NOT_FOUND);
    write_batch(w, "batch_c0_1", "main");
    assert_int_equal(ask_and_forget(w, "batch_c0_1"), ERR_NOT_FOUND); /* no trunk */
    write_trunk(w, "main", "platform_of_tomorrow");
    assert_int_equal(ask_and_forget(w, "batch_c0_1"), ERR_INVALID);
    (void)fixture_ask(w->f, w->f->redis, "SET carillon:{c0}:batch:batch_c0_2 text");
    assert_int_equal(ask_and_forget(w, "batch_c0_2"), ERR_PROTOCOL);
}

static void test_what_could_not_be_read_is_read_again(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask_and_forget(w, "batch_c0_1"), ERR_NOT_FOUND);
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    assert_int_equal(ask_and_forget(w, "batch_c0_1"), 0);
}

static void test_without_redis_nothing_is_known(void **state)
{
    struct world *w = *state;
    struct asked waiting[2], late;
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    redis_process_signal(&w->f->server, SIGSTOP);
    ask(w, "batch_c0_1", &waiting[0]);
    ask(w, "batch_c0_1", &waiting[1]);
    redis_process_kill(&w->f->server);
    RUN_UNTIL(w->f, w->f->n_down > 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(waiting[i].n, 1);
        assert_int_equal(waiting[i].err, ERR_CLOSED);
    }
    ask(w, "batch_c0_1", &late);
    assert_int_equal(late.n, 1);
    assert_int_equal(late.err, ERR_UNAVAILABLE);
}

static void test_an_id_too_long_for_a_batch_is_refused(void **state)
{
    struct world *w = *state;
    struct asked a;
    char id[LIMIT_BATCH_ID_LEN + 2];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    ask(w, id, &a);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, ERR_INVALID);
}

static void test_a_contact_keeps_its_caller_id(void **state)
{
    struct world *w = *state;
    struct asked a;
    char from[PHONE_TEXT_LEN + 1];
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    ask(w, "batch_c0_1", &a);
    RUN_UNTIL(w->f, a.n == 1);
    settings_caller_id(a.batch, 6, from);
    assert_string_equal(from, "+15550001111");
    settings_caller_id(a.batch, 7, from);
    assert_string_equal(from, "+15550002222");
    settings_unref(a.batch);
}

static void test_more_batches_than_are_kept_push_out_those_that_nobody_uses(void **state)
{
    struct world *w = *state;
    struct asked held;
    char id[32];
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    ask(w, "batch_c0_1", &held);
    RUN_UNTIL(w->f, held.n == 1);
    write_batch(w, "batch_c0_2", "main");
    assert_int_equal(ask_and_forget(w, "batch_c0_2"), 0);
    static struct asked many[LIMIT_SETTINGS_KEPT];
    for (size_t i = 0; i < LIMIT_SETTINGS_KEPT; i++) {
        (void)snprintf(id, sizeof id, "batch_c0_n%zu", i);
        write_batch(w, id, "main");
        ask(w, id, &many[i]);
        if (i % 1000 == 0)
            RUN_UNTIL(w->f, many[i].n == 1);
    }
    RUN_UNTIL(w->f, many[LIMIT_SETTINGS_KEPT - 1].n == 1);
    uint64_t sent = redis_commands_sent(w->f->redis);
    assert_int_equal(ask_and_forget(w, "batch_c0_2"), 0);
    assert_true(redis_commands_sent(w->f->redis) > sent);
    assert_string_equal(held.batch->trunk->id, "main");
    for (size_t i = 0; i < LIMIT_SETTINGS_KEPT; i++)
        settings_unref(many[i].batch);
    settings_unref(held.batch);
}

/* A worker sees many thousand batches in its life, and uses few at a time. */
static void test_batches_that_are_over_do_not_pile_up(void **state)
{
    struct world *w = *state;
    struct asked held, gone;
    char id[32];
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    ask(w, "batch_c0_1", &held);
    RUN_UNTIL(w->f, held.n == 1);
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof id, "batch_c0_gone%zu", i);
        ask(w, id, &gone);
        RUN_UNTIL(w->f, gone.n == 1);
        assert_true(settings_kept(w->settings) <= 64 + 1);
    }
    assert_string_equal(held.batch->trunk->id, "main");
    settings_unref(held.batch);
}

/* The sanitizer build sees that it is used after nothing and freed once. */
static void test_a_reference_outlives_the_settings(void **state)
{
    struct world *w = *state;
    struct asked a, unanswered;
    write_batch(w, "batch_c0_1", "main");
    write_trunk(w, "main", "retell");
    ask(w, "batch_c0_1", &a);
    RUN_UNTIL(w->f, a.n == 1);
    ask(w, "batch_c0_2", &unanswered);
    redis_free(w->f->redis);
    w->f->redis = NULL;
    settings_free(w->settings);
    w->settings = NULL;
    assert_int_equal(unanswered.err, ERR_CLOSED);
    assert_string_equal(a.batch->trunk->provider.credential, CREDENTIAL);
    settings_unref(a.batch);
    settings_unref(NULL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_comes_with_its_trunk),
        TEST(test_many_who_ask_at_once_share_one_reading),
        TEST(test_what_is_known_is_told_at_once),
        TEST(test_who_is_told_may_ask_again),
        TEST(test_what_is_not_there_is_told_apart_from_what_makes_no_sense),
        TEST(test_what_could_not_be_read_is_read_again),
        TEST(test_without_redis_nothing_is_known),
        TEST(test_an_id_too_long_for_a_batch_is_refused),
        TEST(test_a_contact_keeps_its_caller_id),
        TEST(test_batches_that_are_over_do_not_pile_up),
        TEST(test_more_batches_than_are_kept_push_out_those_that_nobody_uses),
        TEST(test_a_reference_outlives_the_settings),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as every process does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
