/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cell_audit.h"
#include "tests/sim/judge.h"
#include "tests/sim/process.h"
#include "tests/sim/wire_redis.h"

#define WORKERS_MAX 4
#define SECOND_US INT64_C(1000000)
#define NAP_LEAST_US (2 * SECOND_US)
#define NAP_MOST_US (3600 * SECOND_US)
#define SIGN_OF_LIFE_US (2 * SECOND_US) /* every worker has given one by then */
#define AUDIT_PERCENT 0.5
#define SURPRISE_PERCENT 5.0
#define CLAIM_ROWS_AT 5 /* of the answer of call_claim: what was claimed */

struct fleet {
    struct campaign *campaign;
    struct server *server;
    const struct seal_keys *keys;
    struct dice dice;
    struct process *workers[WORKERS_MAX];
    size_t n_workers;
    struct wire_redis_world redis;
    struct world_event tick; /* every second that the fleet is awake */
    struct world_event loss; /* Redis loses what was written since it was saved */
    int64_t awake_since_us;
    bool is_done;
    int64_t due_us; /* when Redis has work next, as of the last look */
};

/* ---- looking into Redis, as nobody else may ---- */

/* The earliest of what is due, ms or ""; how many batches have not ended; which trunks are stopped; which tenants'
 * batches wait for credit. ARGV: how many trunks, they, the tenants. */
static const char LOOK[] =
    "local p, least, open, stopped, poor = 'carillon:{c0}:', nil, 0, {}, {}\n"
    "for _, set in ipairs({'trunks','claimed','live','ended','ending','stopping','appending','funded','expiries',"
    "'hours'}) do\n"
    "  local at = tonumber(redis.call('ZRANGE', p .. set, 0, 0, 'WITHSCORES')[2])\n"
    "  if at and (not least or at < least) then least = at end\n"
    "end\n"
    "for _, batch in ipairs(KEYS) do\n"
    "  local state = redis.call('HGET', p .. 'batch:' .. batch, 'state')\n"
    "  if not state or not ({completed=1,cancelled=1,failed=1})[state] then open = open + 1 end\n"
    "end\n"
    "local trunks = tonumber(ARGV[1])\n"
    "for i = 1, trunks do\n"
    "  if redis.call('HGET', p .. 'trunk:' .. ARGV[1 + i], 'state') == 'stopped' then stopped[#stopped + 1] = i end\n"
    "end\n"
    "for i = 1, #ARGV - 1 - trunks do\n"
    "  if redis.call('EXISTS', p .. 'unfunded:t/' .. ARGV[1 + trunks + i]) == 1 then poor[#poor + 1] = i end\n"
    "end\n"
    "return {least and string.format('%.0f', least) or '', open, stopped, poor}\n";

static void look(struct fleet *f)
{
    struct campaign *c = f->campaign;
    const char *args[4 + CAMPAIGN_BATCHES + CAMPAIGN_TRUNKS + CAMPAIGN_TENANTS] = {"EVAL", LOOK};
    char n[24], trunks[24];
    size_t at = 3;
    (void)snprintf(n, sizeof n, "%zu", c->n_batches);
    args[2] = n;
    for (size_t i = 0; i < c->n_batches; i++)
        args[at++] = c->batches[i].id;
    (void)snprintf(trunks, sizeof trunks, "%zu", c->n_trunks);
    args[at++] = trunks;
    for (size_t i = 0; i < c->n_trunks; i++)
        args[at++] = c->trunks[i].id;
    for (size_t i = 0; i < c->n_tenants; i++)
        args[at++] = c->tenants[i].id;
    redisReply *reply = server_command(f->server, args, at);
    if (reply->type != REDIS_REPLY_ARRAY)
        abort();
    const char *least = reply->element[0]->str;
    f->due_us = least[0] ? strtoll(least, NULL, 10) * 1000 : INT64_MAX;
    f->is_done = reply->element[1]->integer == 0 && campaign_is_told(c);
    for (size_t i = 0; i < reply->element[2]->elements; i++)
        if (dice_chance(&f->dice, 20))
            campaign_start_trunk(c, (size_t)reply->element[2]->element[i]->integer - 1);
    for (size_t i = 0; i < reply->element[3]->elements; i++)
        if (dice_chance(&f->dice, 20))
            campaign_add_credit(c, (size_t)reply->element[3]->element[i]->integer - 1);
    freeReplyObject(reply);
}

bool fleet_is_done(const struct fleet *f)
{
    return f->is_done;
}

/* ---- lives ---- */

static void bear(struct fleet *f)
{
    int64_t ahead_us = dice_chance(&f->dice, 80) ? dice_range(&f->dice, -200000, 200000)
                                                 : dice_range(&f->dice, -3600 * SECOND_US, 3600 * SECOND_US);
    f->workers[f->n_workers++] = process_start(f->keys, ahead_us);
}

static void bury(struct fleet *f, size_t i)
{
    process_kill(f->workers[i]);
    f->workers[i] = f->workers[--f->n_workers];
}

static void on_wakes(void *arg)
{
    struct fleet *f = arg;
    for (size_t i = 0; i < f->n_workers; i++)
        if (!dice_chance(world_dice(), 2)) /* hints may be lost */
            process_wake(f->workers[i]);
}

static void on_script(enum lua_script script, const char *const *args, const size_t *lens, size_t n,
                      const redisReply *reply, void *arg)
{
    struct fleet *f = arg;
    judge_note_script(script, args, lens, n, reply);
    if (script == LUA_CALL_CLAIM && reply->elements > CLAIM_ROWS_AT && !world_event_is_armed(&f->loss) &&
        dice_chance(&f->dice, SURPRISE_PERCENT))
        campaign_surprise(f->campaign, reply->element[CLAIM_ROWS_AT]->element[0]->str);
}

static void on_once(const char *body, size_t len, void *arg)
{
    (void)arg;
    judge_note_sent(body, len);
}

/* ---- what strikes it ---- */

static void cut_all(struct fleet *f)
{
    for (size_t i = 0; i < f->n_workers; i++)
        wire_redis_cut(process_redis(f->workers[i]));
}

static void draw_run_id(struct fleet *f)
{
    for (size_t i = 0; i < 40; i++)
        f->redis.run_id[i] = "0123456789abcdef"[dice_range(&f->dice, 0, 15)];
    f->redis.run_id[40] = '\0';
}

/* It is away for a while, and somebody else when it is back. */
static void restart_redis(struct fleet *f)
{
    world_trace_text("redis", "restarts");
    cut_all(f);
    draw_run_id(f);
    server_flush_scripts(f->server);
    f->redis.away_until_us = world_now_us() + dice_range(&f->dice, 100000, 3 * SECOND_US);
}

/* Who began a call in the tail may be gone with it, and nobody knows of that call any more. */
static void die_with_tail(struct fleet *f)
{
    double percent = f->campaign->faults.die_with_tail;
    for (size_t i = percent > 0 ? f->n_workers : 0; i-- > 0;)
        if (dice_chance(&f->dice, percent))
            bury(f, i);
}

static void on_loss(void *arg)
{
    struct fleet *f = arg;
    world_trace_text("redis", "loses its tail");
    die_with_tail(f);
    server_lose_tail(f->server);
    restart_redis(f);
}

static void lose_tail(struct fleet *f)
{
    struct campaign *c = f->campaign;
    if (world_event_is_armed(&f->loss) || c->n_tails == CAMPAIGN_TAILS)
        return;
    if (c->faults.die_with_tail > 0 && world_now_us() < f->awake_since_us + SIGN_OF_LIFE_US)
        return;
    int64_t at_us = world_now_us() + dice_range(&f->dice, 50000, SECOND_US);
    c->tails[c->n_tails++] = (struct sim_tail){world_now_us(), at_us};
    server_save(f->server);
    world_trace_text("redis", "is saved");
    campaign_hold_acts(c, at_us + SECOND_US);
    world_event_at(&f->loss, at_us);
}

static void strike_worker(struct fleet *f, size_t i)
{
    const struct sim_faults *faults = &f->campaign->faults;
    struct process *worker = f->workers[i];
    if (process_has_ended(worker) || dice_chance(&f->dice, faults->kill)) {
        bury(f, i);
        return;
    }
    if (dice_chance(&f->dice, faults->stall)) {
        world_trace_text("worker", "stands still");
        loop_stall_until(process_loop(worker), world_now_us() + dice_range(&f->dice, 100000, 30 * SECOND_US));
    }
    if (dice_chance(&f->dice, faults->cut))
        wire_redis_cut(process_redis(worker));
    if (dice_chance(&f->dice, faults->step_clock))
        loop_set_wall_ahead(process_loop(worker), dice_range(&f->dice, -3600 * SECOND_US, 3600 * SECOND_US));
    if (!process_is_draining(worker) && dice_chance(&f->dice, faults->drain))
        process_drain(worker);
}

static void strike_redis(struct fleet *f)
{
    const struct sim_faults *faults = &f->campaign->faults;
    if (dice_chance(&f->dice, faults->slow))
        f->redis.slow_until_us = world_now_us() + dice_range(&f->dice, 100000, 5 * SECOND_US);
    if (dice_chance(&f->dice, faults->flush))
        server_flush_scripts(f->server);
    if (dice_chance(&f->dice, faults->away)) {
        cut_all(f);
        f->redis.away_until_us = world_now_us() + dice_range(&f->dice, 100000, 20 * SECOND_US);
    }
    if (dice_chance(&f->dice, faults->restart))
        restart_redis(f);
    if (dice_chance(&f->dice, faults->lose_tail))
        lose_tail(f);
}

static void strike(struct fleet *f)
{
    for (size_t i = f->n_workers; i-- > 0;)
        strike_worker(f, i);
    strike_redis(f);
    if (f->n_workers < f->campaign->n_workers && dice_chance(&f->dice, 30))
        bear(f);
    if (dice_chance(&f->dice, AUDIT_PERCENT))
        cell_audit(f->campaign, f->server);
}

/* ---- naps ---- */

/* Until shortly before something is to come, or now and then until shortly after. In a calm nobody sleeps over the
 * answer that it waits for until that is out of time. */
static int64_t nap_until_us(struct fleet *f)
{
    int64_t now_us = world_now_us(), until_us = now_us + NAP_MOST_US;
    if (f->campaign->is_calm && wire_http_is_waited_for())
        return now_us;
    if (f->due_us < until_us)
        until_us = f->due_us;
    if (world_next_us() < until_us)
        until_us = world_next_us();
    if (until_us < now_us + NAP_LEAST_US || !dice_chance(&f->dice, f->campaign->nap_percent))
        return now_us;
    return until_us - dice_range(&f->dice, 0, SECOND_US);
}

static void on_tick(void *arg)
{
    struct fleet *f = arg;
    look(f);
    int64_t until_us = nap_until_us(f);
    if (until_us > world_now_us()) {
        f->awake_since_us = until_us;
        for (size_t i = 0; i < f->n_workers; i++)
            if (loop_stalled_until_us(process_loop(f->workers[i])) < until_us)
                loop_stall_until(process_loop(f->workers[i]), until_us);
    } else {
        strike(f);
    }
    world_event_at(&f->tick, until_us + SECOND_US);
}

/* ---- making ---- */

struct fleet *fleet_create(struct campaign *c, struct server *server, const struct seal_keys *keys)
{
    struct fleet *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    *f = (struct fleet){.campaign = c, .server = server, .keys = keys, .dice = dice_of(world_seed(), "fleet")};
    f->redis = (struct wire_redis_world){.server = server, .on_script = on_script, .on_wakes = on_wakes, .arg = f};
    draw_run_id(f);
    wire_redis_begin(&f->redis);
    c->weather.on_once = on_once;
    wire_http_begin(&c->weather);
    world_event_init(&f->tick, NULL, on_tick, f);
    f->tick.is_background = true;
    world_event_init(&f->loss, NULL, on_loss, f);
    world_event_at(&f->tick, world_now_us() + SECOND_US);
    while (f->n_workers < c->n_workers)
        bear(f);
    return f;
}

void fleet_free(struct fleet *f)
{
    while (f->n_workers > 0)
        bury(f, 0);
    world_event_disarm(&f->tick);
    world_event_disarm(&f->loss);
    free(f);
}
