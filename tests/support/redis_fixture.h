/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the Redis connection share: a server, a loop with a guard against waiting for ever, a connection
 * that records what it is told, and answers that record theirs. To be included after cmocka.h.
 */
#ifndef CARILLON_TESTS_SUPPORT_REDIS_FIXTURE_H
#define CARILLON_TESTS_SUPPORT_REDIS_FIXTURE_H

#include <hiredis/hiredis.h>

#include "common/loop/loop.h"
#include "common/redis/redis.h"
#include "tests/support/redis_process.h"

#define FIXTURE_PATIENCE_US 10000000
#define FIXTURE_ARGS 16
#define ANSWER_TEXT_LEN 128

struct fixture {
    struct redis_process server;
    struct loop *loop;
    struct loop_timer *guard;
    bool is_late;
    struct redis *redis;
    /* what the connection said */
    unsigned n_ready;
    unsigned n_down;
    enum redis_refusal why;
    char detail[ANSWER_TEXT_LEN];
    unsigned n_answers; /* of all commands */
};

/* The answer to one command. */
struct answer {
    struct fixture *fixture;
    unsigned n; /* must end as 1 */
    unsigned place; /* among all answers, from 1 */
    bool has_reply;
    int err;
    int type;
    char text[ANSWER_TEXT_LEN];
    size_t len;
    long long integer;
};

/* Turns the loop until `condition` holds. */
#define RUN_UNTIL(f, condition)                                                                                        \
    do {                                                                                                               \
        (f)->is_late = false;                                                                                          \
        loop_timer_arm_us((f)->guard, FIXTURE_PATIENCE_US);                                                            \
        while (!(condition)) {                                                                                         \
            if ((f)->is_late)                                                                                          \
                fail_msg("not within 10 s: %s (last detail: %s)", #condition, (f)->detail);                            \
            assert_int_equal(loop_run_once((f)->loop), 0);                                                             \
        }                                                                                                              \
        loop_timer_disarm((f)->guard);                                                                                 \
    } while (0)

static inline void fixture_is_late(void *arg)
{
    struct fixture *f = arg;
    f->is_late = true;
}

static inline void fixture_ready(void *arg)
{
    struct fixture *f = arg;
    f->n_ready++;
}

static inline void fixture_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct fixture *f = arg;
    f->n_down++;
    f->why = why;
    (void)snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static inline struct redis *fixture_connect(struct fixture *f, const struct redis_config *config)
{
    struct redis *redis = NULL;
    const char *why = "";
    if (redis_create(f->loop, config, fixture_ready, fixture_down, f, &redis, &why) < 0)
        fail_msg("%s: %s", config->url, why);
    return redis;
}

/* Connects f->redis to the server as it is by default. */
static inline void fixture_connect_default(struct fixture *f)
{
    const struct redis_config config = {.url = f->server.url};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_true(redis_is_ready(f->redis));
}

static inline int fixture_set_up_stopped(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    redis_process_init(&f->server);
    assert_int_equal(loop_create(&f->loop), 0);
    assert_int_equal(loop_timer_create(f->loop, fixture_is_late, f, &f->guard), 0);
    *state = f;
    return 0;
}

/* A running server and a ready connection. */
static inline int fixture_set_up(void **state)
{
    fixture_set_up_stopped(state);
    struct fixture *f = *state;
    redis_process_start(&f->server, NULL);
    fixture_connect_default(f);
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    redis_free(f->redis);
    loop_timer_free(f->guard);
    loop_free(f->loop);
    redis_process_end(&f->server);
    free(f);
    return 0;
}

static inline void answer_record(const struct redisReply *reply, int err, void *arg)
{
    struct answer *a = arg;
    a->n++;
    a->place = ++a->fixture->n_answers;
    a->err = err;
    a->has_reply = reply != NULL;
    if (reply) {
        a->type = reply->type;
        a->integer = reply->integer;
        a->len = reply->len;
        size_t kept = reply->len < sizeof a->text ? reply->len : sizeof a->text - 1;
        if (reply->str)
            memcpy(a->text, reply->str, kept);
        a->text[kept] = '\0';
    }
}

/* Splits `words` at its spaces and sends them. */
static inline int fixture_send(struct fixture *f, struct redis *redis, const char *words, int64_t deadline_ms,
                               struct answer *ret_answer)
{
    struct redis_arg args[FIXTURE_ARGS];
    size_t n = 0;
    for (const char *word = words; *word;) {
        assert_true(n < FIXTURE_ARGS);
        size_t len = strcspn(word, " ");
        args[n++] = redis_arg_mem(word, len);
        word += len + (word[len] == ' ');
    }
    *ret_answer = (struct answer){.fixture = f};
    return redis_command(redis, args, n, deadline_ms, answer_record, ret_answer);
}

/* Sends and waits for the answer, which must be a reply. */
static inline struct answer fixture_ask(struct fixture *f, struct redis *redis, const char *words)
{
    struct answer a;
    assert_int_equal(fixture_send(f, redis, words, 5000, &a), 0);
    RUN_UNTIL(f, a.n > 0);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.err, 0);
    assert_true(a.has_reply);
    return a;
}

#endif
