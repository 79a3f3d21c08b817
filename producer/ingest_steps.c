/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_steps.h"

#include "common/base/clock.h"

/* After an interruption: how often to look whether it can go on, and for how long without any progress. */
#define AGAIN_US 200000
#define GIVE_UP_US 10000000

void ingest_steps_fail(struct ingest_steps *s, int err, const struct redisReply *reply)
{
    loop_timer_disarm(s->timer);
    s->config.fail(err, reply, s->config.arg);
}

static void wait_a_while(struct ingest_steps *s)
{
    if (clock_mono_us() - s->progress_us > GIVE_UP_US)
        ingest_steps_fail(s, ERR_UNAVAILABLE, NULL);
    else
        loop_timer_arm_us(s->timer, s->is_to_repeat ? 0 : AGAIN_US);
}

static void on_timer(void *arg)
{
    struct ingest_steps *s = arg;
    if (!exchange_is_open(s->config.x))
        return;
    s->is_interrupted = s->is_to_repeat = false;
    s->config.go_on(s->config.arg);
}

int ingest_steps_init(struct ingest_steps *s, const struct ingest_steps_config *config)
{
    *s = (struct ingest_steps){.config = *config, .is_idle = true};
    return loop_timer_create(exchange_api(config->x)->loop, on_timer, s, &s->timer);
}

void ingest_steps_free(struct ingest_steps *s)
{
    loop_timer_free(s->timer);
}

void ingest_steps_start(struct ingest_steps *s)
{
    loop_timer_arm_us(s->timer, 0);
}

size_t ingest_steps_in_flight(const struct ingest_steps *s)
{
    return s->in_flight;
}

bool ingest_steps_is_waiting(const struct ingest_steps *s)
{
    return s->is_interrupted || loop_timer_is_armed(s->timer);
}

void ingest_steps_sent(struct ingest_steps *s, int err)
{
    if (s->is_idle)
        s->progress_us = clock_mono_us();
    s->is_idle = false;
    if (!err)
        s->in_flight++;
    else if (!err_is_retryable(err))
        ingest_steps_fail(s, err, NULL);
    else if (s->in_flight == 0)
        wait_a_while(s);
}

bool ingest_steps_take(struct ingest_steps *s, const struct redisReply *reply, int err, bool is_unknown)
{
    s->in_flight--;
    if (!reply || is_unknown)
        s->is_interrupted = true;
    if (s->is_interrupted) {
        if (s->in_flight == 0)
            wait_a_while(s);
        return false;
    }
    if (err) {
        ingest_steps_fail(s, err, reply);
        return false;
    }
    s->progress_us = clock_mono_us();
    s->is_idle = s->in_flight == 0;
    return true;
}

void ingest_steps_repeat(struct ingest_steps *s)
{
    s->is_interrupted = s->is_to_repeat = true;
    if (s->in_flight == 0)
        wait_a_while(s);
}
