/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/wire_redis.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/redis/redis_private.h"
#include "tests/sim/world.h"

#define USUAL_WAY_US 250
#define LONG_WAY_PERCENT 0.4
#define LONG_WAY_US 120000
#define SLOW_WAY_US 2500000
#define CONNECT_US 3000
#define SCRIPT_ARGS_AT 4 /* behind EVALSHA, sha, 1, prefix */

struct wire;

/* A command on its way: to the server (`arrival`), then back (`delivery`). Its connection may be gone meanwhile. */
struct command {
    TAILQ_ENTRY(command) next;
    struct wire *wire; /* NULL: cut */
    char *bytes; /* NULL once it has arrived */
    size_t len;
    redis_reply_fn fn;
    void *arg;
    struct world_event arrival, delivery, deadline;
    redisReply *reply;
};

TAILQ_HEAD(commands, command);

struct wire {
    struct redis base; /* what script.c knows of a connection */
    bool is_ready;
    struct commands commands;
    int64_t arrives_after_us, delivers_after_us; /* what was sent last: nothing overtakes it */
    struct world_event up, down;
    bool *is_freed; /* of the delivery on the stack */
};

static struct wire_redis_world *shared;
static struct commands cut_commands = TAILQ_HEAD_INITIALIZER(cut_commands); /* those that arrive all the same */

static struct wire *wire_of(struct redis *r)
{
    return (struct wire *)r;
}

/* ---- the trace ---- */

static void trace_reply(const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++)
            trace_reply(reply->element[i]);
    } else if (reply->type == REDIS_REPLY_INTEGER) {
        world_trace("reply", &reply->integer, sizeof reply->integer);
    } else if (reply->str) {
        world_trace("reply", reply->str, (size_t)reply->len);
    }
}

/* ---- at the server ---- */

/* Where the command runs a script, tells of it. */
static void tell_script(const redisReader *words, const redisReply *reply)
{
    const redisReply *command = words->reply;
    const char *args[2048];
    size_t lens[2048], n = 0;
    if (!command || command->elements < SCRIPT_ARGS_AT || strcmp(command->element[0]->str, "EVALSHA") != 0)
        return;
    enum lua_script script = server_script_of_sha(shared->server, command->element[1]->str);
    if (script == LUA_SCRIPT_COUNT || reply->type == REDIS_REPLY_ERROR)
        return;
    for (size_t i = SCRIPT_ARGS_AT; i < command->elements && n < 2048; i++) {
        args[n] = command->element[i]->str;
        lens[n++] = (size_t)command->element[i]->len;
    }
    world_trace_text("script", lua_scripts[script].name);
    shared->on_script(script, args, lens, n, reply, shared->arg);
    if (server_take_wakes(shared->server) > 0)
        shared->on_wakes(shared->arg);
}

static redisReply *run(const char *bytes, size_t len)
{
    redisReply *reply = server_run(shared->server, bytes, len);
    world_trace("command", bytes, len);
    trace_reply(reply);
    if (reply->type == REDIS_REPLY_ERROR)
        world_trace_text("error", reply->str);
    redisReader *words = redisReaderCreate();
    void *command = NULL;
    if (redisReaderFeed(words, bytes, len) == REDIS_OK && redisReaderGetReply(words, &command) == REDIS_OK && command) {
        words->reply = command;
        tell_script(words, reply);
        words->reply = NULL;
        freeReplyObject(command);
    }
    redisReaderFree(words);
    return reply;
}

static void command_free(struct command *c)
{
    world_event_disarm(&c->arrival);
    world_event_disarm(&c->delivery);
    world_event_disarm(&c->deadline);
    if (c->reply)
        freeReplyObject(c->reply);
    free(c->bytes);
    free(c);
}

static int64_t way_us(void)
{
    struct dice *dice = world_dice();
    int64_t most_us = dice_chance(dice, LONG_WAY_PERCENT) ? LONG_WAY_US : USUAL_WAY_US;
    if (world_now_us() < shared->slow_until_us)
        most_us = SLOW_WAY_US;
    return dice_range(dice, 40, most_us);
}

static void on_arrival(void *arg)
{
    struct command *c = arg;
    c->reply = run(c->bytes, c->len);
    free(c->bytes);
    c->bytes = NULL;
    struct wire *w = c->wire;
    if (!w) {
        TAILQ_REMOVE(&cut_commands, c, next);
        command_free(c);
        return;
    }
    int64_t at_us = world_now_us() + way_us();
    w->delivers_after_us = at_us > w->delivers_after_us ? at_us : w->delivers_after_us + 1;
    world_event_at(&c->delivery, w->delivers_after_us);
}

/* ---- the answer ---- */

static void lose(struct wire *w, int err);

static void on_delivery(void *arg)
{
    struct command *c = arg;
    struct wire *w = c->wire;
    bool is_freed = false, is_readonly = reply_error_is(c->reply, "READONLY");
    TAILQ_REMOVE(&w->commands, c, next);
    w->is_freed = &is_freed;
    if (c->fn)
        c->fn(c->reply, 0, c->arg);
    if (!is_freed) {
        w->is_freed = NULL;
        if (is_readonly)
            lose(w, ERR_CLOSED);
    }
    c->wire = NULL;
    command_free(c);
}

static void on_deadline(void *arg)
{
    struct command *c = arg;
    world_trace_text("redis", "deadline");
    lose(c->wire, ERR_TIMEOUT);
}

/* ---- the connection ---- */

static void on_up(void *arg)
{
    struct wire *w = arg;
    if (world_now_us() < shared->away_until_us) {
        world_event_at(&w->up, shared->away_until_us + dice_range(world_dice(), 0, 2000000));
        return;
    }
    memcpy(w->base.run_id, shared->run_id, sizeof w->base.run_id);
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++)
        memcpy(w->base.scripts[i].sha, server_sha(shared->server, (enum lua_script)i), REDIS_SHA_LEN + 1);
    w->is_ready = true;
    w->base.on_ready(w->base.arg);
}

/* What is on its way arrives up to some command, as bytes of a stream do. */
static void cut_on_its_way(struct command *c, bool *arrives)
{
    world_event_disarm(&c->delivery);
    world_event_disarm(&c->deadline);
    *arrives = *arrives && c->bytes && dice_chance(world_dice(), 60);
    c->wire = NULL;
    if (*arrives)
        TAILQ_INSERT_TAIL(&cut_commands, c, next);
    else
        command_free(c);
}

/* Answers all that is under way. */
static void fail_all(struct wire *w, int err)
{
    struct commands failed = TAILQ_HEAD_INITIALIZER(failed);
    TAILQ_CONCAT(&failed, &w->commands, next);
    bool arrives = true;
    for (struct command *c = TAILQ_FIRST(&failed), *following; c; c = following) {
        redis_reply_fn fn = c->fn;
        void *arg = c->arg;
        following = TAILQ_NEXT(c, next);
        arrives = arrives || !c->bytes;
        cut_on_its_way(c, &arrives);
        if (fn)
            fn(NULL, err, arg);
    }
}

static void lose(struct wire *w, int err)
{
    if (!w->is_ready)
        return;
    w->is_ready = false;
    world_trace_text("redis", "lost");
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++)
        w->base.scripts[i].is_loading = false;
    world_event_disarm(&w->down);
    fail_all(w, err);
    if (w->base.on_down)
        w->base.on_down(REDIS_REFUSAL_UNREACHABLE, "cut", w->base.arg);
    world_event_at(&w->up, world_now_us() + REDIS_BACKOFF_MIN_US + dice_range(world_dice(), 0, CONNECT_US));
}

static void on_cut(void *arg)
{
    lose(arg, ERR_CLOSED);
}

void wire_redis_cut(struct redis *r)
{
    world_event_at(&wire_of(r)->down, world_now_us());
}

struct redis *wire_redis_create(struct loop *loop, redis_ready_fn on_ready, redis_down_fn on_down, void *arg)
{
    struct wire *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->base.loop = loop;
    w->base.on_ready = on_ready;
    w->base.on_down = on_down;
    w->base.arg = arg;
    TAILQ_INIT(&w->commands);
    world_event_init(&w->up, loop, on_up, w);
    world_event_init(&w->down, loop, on_cut, w);
    world_event_at(&w->up, world_now_us() + dice_range(world_dice(), 100, CONNECT_US));
    return &w->base;
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    struct wire *w = wire_of(r);
    w->is_ready = false;
    world_event_disarm(&w->up);
    world_event_disarm(&w->down);
    fail_all(w, ERR_CLOSED);
    if (w->is_freed)
        *w->is_freed = true;
    free(w);
}

bool redis_is_ready(const struct redis *r)
{
    return ((const struct wire *)r)->is_ready;
}

const char *redis_run_id(const struct redis *r)
{
    return r->run_id;
}

/* ---- sending ---- */

int redis_admit(const struct redis *r, size_t len)
{
    (void)len;
    return redis_is_ready(r) ? 0 : ERR_UNAVAILABLE;
}

int redis_send(struct redis *r, const char *command, size_t len, int64_t deadline_us, redis_reply_fn fn, void *arg)
{
    struct wire *w = wire_of(r);
    struct command *c = calloc(1, sizeof *c);
    if (!c || !(c->bytes = malloc(len)))
        abort();
    memcpy(c->bytes, command, len);
    c->len = len;
    c->wire = w;
    c->fn = fn;
    c->arg = arg;
    world_event_init(&c->arrival, NULL, on_arrival, c);
    world_event_init(&c->delivery, r->loop, on_delivery, c);
    world_event_init(&c->deadline, r->loop, on_deadline, c);
    int64_t at_us = world_now_us() + way_us();
    w->arrives_after_us = at_us > w->arrives_after_us ? at_us : w->arrives_after_us + 1;
    world_event_at(&c->arrival, w->arrives_after_us);
    world_event_at(&c->deadline, world_now_us() + deadline_us - clock_mono_us());
    TAILQ_INSERT_TAIL(&w->commands, c, next);
    return 0;
}

/* ---- worlds ---- */

void wire_redis_begin(struct wire_redis_world *world)
{
    shared = world;
}

void wire_redis_end(void)
{
    struct command *c;
    while ((c = TAILQ_FIRST(&cut_commands))) {
        TAILQ_REMOVE(&cut_commands, c, next);
        command_free(c);
    }
}
