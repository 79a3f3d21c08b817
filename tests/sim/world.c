/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 4000000u
#define SEQUENCE_BITS 20 /* of a key: the order within an instant; the rest counts microseconds from the start */
#define LATEST_US (INT64_C(90) * 86400 * 1000000) /* from the start: later than any world lasts */
#define SEQUENCE_MASK ((INT64_C(1) << SEQUENCE_BITS) - 1)
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct world {
    uint64_t seed;
    int64_t start_us;
    int64_t now_us;
    struct heap *events; /* that somebody waits for */
    struct heap *background; /* that only keep themselves going */
    int64_t sequence;
    struct loop *current;
    struct dice dice;
    uint64_t digest;
    bool is_verbose;
};

static struct world world;

void world_begin(uint64_t seed, int64_t start_us)
{
    bool is_verbose = world.is_verbose;
    world = (struct world){.seed = seed,
                           .start_us = start_us,
                           .now_us = start_us,
                           .events = heap_create(EVENTS_MAX),
                           .background = heap_create(EVENTS_MAX),
                           .dice = dice_of(seed, "world"),
                           .digest = FNV_BASIS,
                           .is_verbose = is_verbose};
    if (!world.events || !world.background)
        abort();
}

void world_end(void)
{
    heap_free(world.events);
    heap_free(world.background);
    world.events = world.background = NULL;
}

int64_t world_now_us(void)
{
    return world.now_us;
}

uint64_t world_seed(void)
{
    return world.seed;
}

struct dice *world_dice(void)
{
    return &world.dice;
}

struct loop *world_current(void)
{
    return world.current;
}

/* ---- events ---- */

static int64_t key_at(int64_t at_us, int64_t sequence)
{
    int64_t from_start_us = at_us - world.start_us;
    return (from_start_us < LATEST_US ? from_start_us : LATEST_US) << SEQUENCE_BITS | sequence;
}

static int64_t key_us(int64_t key)
{
    return world.start_us + (key >> SEQUENCE_BITS);
}

void world_event_init(struct world_event *e, struct loop *loop, world_fn fn, void *arg)
{
    *e = (struct world_event){.loop = loop, .fn = fn, .arg = arg, .place = HEAP_NOWHERE};
}

static struct heap *heap_of(const struct world_event *e)
{
    return e->is_background || (e->loop && loop_is_background(e->loop)) ? world.background : world.events;
}

static void push(struct world_event *e, int64_t key)
{
    e->key = key;
    if (heap_push(heap_of(e), key, e, &e->place) != 0)
        abort(); /* a world without an end */
}

void world_event_at(struct world_event *e, int64_t at_us)
{
    world_event_disarm(e);
    world.sequence = (world.sequence + 1) & SEQUENCE_MASK;
    push(e, key_at(at_us > world.now_us ? at_us : world.now_us, world.sequence));
}

void world_event_disarm(struct world_event *e)
{
    if (e->place != HEAP_NOWHERE)
        heap_remove(heap_of(e), &e->place);
}

void world_event_hold(struct world_event *e, int64_t until_us)
{
    if (e->place != HEAP_NOWHERE && key_us(e->key) < until_us)
        world_event_at(e, until_us);
}

bool world_event_is_armed(const struct world_event *e)
{
    return e->place != HEAP_NOWHERE;
}

/* The heap that holds what happens next. */
static struct heap *next_heap(void)
{
    int64_t waited, background;
    if (!heap_peek(world.background, &background))
        return world.events;
    return heap_peek(world.events, &waited) && waited < background ? world.events : world.background;
}

static bool belongs_to_turn(const struct world_event *e, const struct loop *loop, int64_t last_key)
{
    return e && e->loop == loop && key_us(e->key) == world.now_us && e->key <= last_key;
}

/* One turn of a loop: all of its callbacks that are ready now, then what they deferred. */
static void run_turn(struct world_event *e)
{
    struct loop *loop = e->loop;
    int64_t last_key = key_at(world.now_us, world.sequence);
    world.current = loop;
    e->fn(e->arg);
    if (loop) {
        while ((e = heap_peek(next_heap(), NULL)) && belongs_to_turn(e, loop, last_key)) {
            (void)heap_pop(next_heap());
            e->fn(e->arg);
        }
        loop_end_turn(loop);
    }
    world.current = NULL;
}

bool world_step(void)
{
    struct world_event *e = heap_pop(next_heap());
    if (!e)
        return false;
    int64_t at_us = key_us(e->key);
    if (at_us > world.now_us)
        world.now_us = at_us;
    int64_t stalled_us = e->loop ? loop_stalled_until_us(e->loop) : 0;
    if (stalled_us > world.now_us)
        push(e, key_at(stalled_us, e->key & SEQUENCE_MASK));
    else
        run_turn(e);
    return true;
}

int64_t world_next_us(void)
{
    int64_t key;
    return heap_peek(world.events, &key) ? key_us(key) : INT64_MAX;
}

void world_run_in(struct loop *loop, world_fn fn, void *arg)
{
    struct loop *before = world.current;
    world.current = loop;
    fn(arg);
    loop_end_turn(loop);
    world.current = before;
}

void world_run_last(struct loop *loop, world_fn fn, void *arg)
{
    struct loop *before = world.current;
    world.current = loop;
    fn(arg);
    world.current = before;
}

/* ---- the trace ---- */

static void digest_add(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        world.digest = (world.digest ^ bytes[i]) * FNV_PRIME;
}

void world_trace(const char *what, const void *data, size_t len)
{
    digest_add(&world.now_us, sizeof world.now_us);
    digest_add(what, strlen(what));
    digest_add(data, len);
}

void world_trace_text(const char *what, const char *text)
{
    world_trace(what, text, strlen(text));
    if (world.is_verbose)
        fprintf(stderr, "%12.6f %s %s\n", (double)(world.now_us - world.start_us) / 1e6, what, text);
}

void world_trace_i64(const char *what, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    world_trace_text(what, text);
}

uint64_t world_digest(void)
{
    return world.digest;
}

void world_set_verbose(bool is_verbose)
{
    world.is_verbose = is_verbose;
}
