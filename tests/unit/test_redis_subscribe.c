/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/redis/redis.h"
#include "tests/support/redis_fixture.h"

struct ear {
    unsigned n;
    char channel[32];
    char payload[64];
    size_t payload_len;
};

/* f->redis publishes, `listener` listens. */
struct ears {
    struct redis *listener;
    unsigned n_ready;
    unsigned n_down;
    enum redis_refusal why;
};

static void hear(const char *channel, size_t channel_len, const char *payload, size_t payload_len, void *arg)
{
    struct ear *ear = arg;
    ear->n++;
    ear->payload_len = payload_len;
    assert_true(payload_len < sizeof ear->payload);
    memcpy(ear->payload, payload, payload_len);
    ear->payload[payload_len] = '\0';
    (void)snprintf(ear->channel, sizeof ear->channel, "%.*s", (int)channel_len, channel);
}

static void listener_ready(void *arg)
{
    struct ears *ears = arg;
    ears->n_ready++;
}

static void listener_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct ears *ears = arg;
    (void)detail;
    ears->n_down++;
    ears->why = why;
}

static void listen_to(struct fixture *f, struct ears *ears)
{
    const struct redis_config config = {.url = f->server.url, .skip_scripts = true};
    const char *why;
    *ears = (struct ears){.listener = NULL};
    assert_int_equal(redis_create(f->loop, &config, listener_ready, listener_down, ears, &ears->listener, &why), 0);
}

static long long publish(struct fixture *f, const char *channel, const char *payload)
{
    char words[100];
    (void)snprintf(words, sizeof words, "PUBLISH %s %s", channel, payload);
    return fixture_ask(f, f->redis, words).integer;
}

static void test_a_listener_is_subscribed_when_it_is_ready(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear a = {.n = 0}, b = {.n = 0};
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &a), 0);
    assert_int_equal(redis_subscribe(ears.listener, "b", hear, &b), 0);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(publish(f, "a", "hello"), 1);
    assert_int_equal(publish(f, "b", "there"), 1);
    assert_int_equal(publish(f, "c", "nobody"), 0);
    RUN_UNTIL(f, a.n == 1 && b.n == 1);
    assert_string_equal(a.channel, "a");
    assert_string_equal(a.payload, "hello");
    assert_string_equal(b.payload, "there");
    redis_free(ears.listener);
}

static void test_a_payload_may_hold_any_byte(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    const struct redis_arg args[] = {redis_arg_str("PUBLISH"), redis_arg_str("a"), redis_arg_mem("\0\r\n\xff", 4)};
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &ear), 0);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(redis_command(f->redis, args, 3, 5000, NULL, NULL), 0);
    RUN_UNTIL(f, ear.n == 1);
    assert_int_equal(ear.payload_len, 4);
    assert_memory_equal(ear.payload, "\0\r\n\xff", 4);
    redis_free(ears.listener);
}

static void test_a_ready_connection_can_begin_to_listen(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    listen_to(f, &ears);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &ear), 0);
    RUN_UNTIL(f, redis_pending(ears.listener) == 0);
    assert_int_equal(publish(f, "a", "x"), 1);
    RUN_UNTIL(f, ear.n == 1);
    redis_free(ears.listener);
}

static void test_a_listener_subscribes_again_after_a_reconnect(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &ear), 0);
    RUN_UNTIL(f, ears.n_ready == 1);
    redis_process_kill(&f->server);
    RUN_UNTIL(f, ears.n_down == 1 && f->n_down == 1);
    redis_process_start(&f->server, NULL);
    RUN_UNTIL(f, ears.n_ready == 2 && f->n_ready == 2);
    assert_int_equal(publish(f, "a", "again"), 1);
    RUN_UNTIL(f, ear.n == 1);
    assert_string_equal(ear.payload, "again");
    redis_free(ears.listener);
}

static void test_a_listener_sends_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    const struct redis_arg ping = redis_arg_str("PING");
    assert_int_equal(redis_command(f->redis, &ping, 1, 1000, NULL, NULL), 0);
    assert_int_equal(redis_subscribe(f->redis, "a", hear, &ear), ERR_STATE); /* its reply is still to come */
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &ear), 0);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(redis_command(ears.listener, &ping, 1, 1000, NULL, NULL), ERR_STATE);
    redis_free(ears.listener);
}

static void test_the_bound_on_channels_is_exact(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    char name[16];
    listen_to(f, &ears);
    for (int i = 0; i < LIMIT_REDIS_CHANNELS; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        assert_int_equal(redis_subscribe(ears.listener, name, hear, &ear), 0);
    }
    assert_int_equal(redis_subscribe(ears.listener, "more", hear, &ear), ERR_TOO_LARGE);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(publish(f, name, "x"), 1);
    RUN_UNTIL(f, ear.n == 1);
    redis_free(ears.listener);
}

static void test_a_channel_that_is_not_permitted_is_a_refusal(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    struct ear ear = {.n = 0};
    assert_string_equal(fixture_ask(f, f->redis, "ACL SETUSER default resetchannels &b").text, "OK");
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear, &ear), 0);
    RUN_UNTIL(f, ears.n_down == 1);
    assert_int_equal(ears.why, REDIS_REFUSAL_PERMISSION);
    assert_int_equal(ears.n_ready, 0);
    redis_free(ears.listener);
}

static void hear_and_free(const char *channel, size_t channel_len, const char *payload, size_t payload_len, void *arg)
{
    struct ears *ears = arg;
    redis_free(ears->listener);
    ears->listener = NULL;
    assert_int_equal(channel_len, 1);
    assert_memory_equal(channel, "a", 1); /* still there */
    assert_int_equal(payload_len, 1);
    assert_memory_equal(payload, "x", 1);
}

static void test_freeing_inside_a_message_is_safe(void **state)
{
    struct fixture *f = *state;
    struct ears ears;
    listen_to(f, &ears);
    assert_int_equal(redis_subscribe(ears.listener, "a", hear_and_free, &ears), 0);
    RUN_UNTIL(f, ears.n_ready == 1);
    assert_int_equal(publish(f, "a", "x"), 1);
    RUN_UNTIL(f, ears.listener == NULL);
    assert_int_equal(ears.n_down, 0);
}

int main(void)
{
#define ON_A_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        ON_A_SERVER(test_a_listener_is_subscribed_when_it_is_ready),
        ON_A_SERVER(test_a_payload_may_hold_any_byte),
        ON_A_SERVER(test_a_ready_connection_can_begin_to_listen),
        ON_A_SERVER(test_a_listener_subscribes_again_after_a_reconnect),
        ON_A_SERVER(test_a_listener_sends_nothing_else),
        ON_A_SERVER(test_the_bound_on_channels_is_exact),
        ON_A_SERVER(test_a_channel_that_is_not_permitted_is_a_refusal),
        ON_A_SERVER(test_freeing_inside_a_message_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
