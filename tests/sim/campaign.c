/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/campaign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/domain/contact_record.h"
#include "producer/batch_settings.h"
#include "tests/sim/judge.h"
#include "tests/sim/platform.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_MS INT64_C(3600000)
#define RECORD_CAP 32
#define TOKENLESS_EVERY 3 /* of so many seeds one has a platform that keeps no tokens */

/* ---- drawing ---- */

static int64_t pick(struct campaign *c, const int64_t *values, size_t n)
{
    return dice_pick(&c->dice, values, n);
}
#define PICK(c, ...) pick(c, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void draw_limits(struct campaign *c)
{
    c->n_tenants = (size_t)dice_range(&c->dice, 1, CAMPAIGN_TENANTS);
    c->n_trunks = (size_t)dice_range(&c->dice, 1, CAMPAIGN_TRUNKS);
    for (size_t i = 0; i < c->n_tenants; i++) {
        struct sim_limit *tenant = &c->tenants[i];
        (void)snprintf(tenant->id, sizeof tenant->id, "tenant%zu", i);
        tenant->cps = PICK(c, 1, 3, 10, 50);
        tenant->max_concurrent = PICK(c, 0, 0, 2, 10);
        tenant->credit_s = PICK(c, 0, 0, 0, 100, 600);
    }
    for (size_t i = 0; i < c->n_trunks; i++) {
        struct sim_limit *trunk = &c->trunks[i];
        (void)snprintf(trunk->id, sizeof trunk->id, "trunk%zu", i);
        trunk->cps = PICK(c, 1, 5, 20, 50);
        trunk->max_concurrent = PICK(c, 0, 1, 5, 20);
    }
    c->poll_after_ms = PICK(c, 0, 5000, 30000, 120000);
    c->lookup_absent_after_ms = PICK(c, 5000, 60000);
}

/* Distinct within a batch; batches of a tenant share many. Where calls are told apart by number, tenants share them
 * too. */
static void draw_phones(struct campaign *c, struct sim_batch *batch)
{
    uint64_t pool = batch->n_contacts + (uint64_t)dice_range(&c->dice, 0, 40);
    uint64_t first = (uint64_t)dice_range(&c->dice, 0, (int64_t)(pool - batch->n_contacts));
    for (size_t i = 0; i < batch->n_contacts; i++)
        batch->phones[i] = UINT64_C(15550100000) + (c->keeps_tokens ? batch->tenant * 1000 : 0) + first + i;
}

static int64_t draw_delay_ms(struct campaign *c)
{
    return PICK(c, 1000, 5000, 30000, 300000, HOUR_MS, 6 * HOUR_MS, 20 * HOUR_MS);
}

static void draw_window(struct campaign *c, struct batch_options *o)
{
    static const char *const zones[] = {"UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"};
    struct calling_window *w = &o->window;
    o->has_window = true;
    (void)snprintf(w->timezone, sizeof w->timezone, "%s", zones[dice_range(&c->dice, 0, 3)]);
    w->start_min = (int32_t)dice_range(&c->dice, 0, 1439);
    w->end_min = (int32_t)((w->start_min + PICK(c, 1, 10, 120, 480)) % 1440);
    w->days = (uint8_t)(dice_chance(&c->dice, 70) ? CALLING_WINDOW_EVERY_DAY : 0x1f);
}

static void draw_options(struct campaign *c, struct batch_options *o)
{
    o->priority = (int32_t)dice_range(&c->dice, 1, 10);
    o->max_calls_per_second = (int32_t)PICK(c, 1, 2, 10, 30);
    o->max_concurrent_calls = (int32_t)PICK(c, 0, 0, 1, 4);
    (void)snprintf(o->timezone, sizeof o->timezone, "UTC");
    o->retry = (struct retry_rules){
        .max_attempts = (int32_t)dice_range(&c->dice, 1, OPTIONS_MAX_ATTEMPTS),
        .no_answer_delay_ms = draw_delay_ms(c),
        .busy_delay_ms = draw_delay_ms(c),
        .failed_delay_ms = draw_delay_ms(c),
        .voicemail_delay_ms = dice_chance(&c->dice, 30) ? draw_delay_ms(c) : 0,
        .on_unknown = dice_chance(&c->dice, 70) ? ON_UNKNOWN_RETRY : ON_UNKNOWN_HOLD,
    };
    o->ring_timeout_s = (int32_t)PICK(c, 5, 15, 30);
    o->max_call_duration_s = (int32_t)PICK(c, 60, 120);
    o->summary_wait_s = (int32_t)PICK(c, 0, 2, 120);
    o->on_event = (char *)"http://receiver/events"; /* never freed */
    if (dice_chance(&c->dice, 20))
        draw_window(c, o);
}

static void draw_act(struct campaign *c, size_t batch, enum sim_verb verb, int64_t at_us);

/* How long after its creation something is done to a batch: while it runs, mostly. */
static int64_t draw_while_us(struct campaign *c)
{
    return dice_range(&c->dice, 10000, PICK(c, 1, 1, 1, 3, 3, 30, 300, 10000) * SECOND_US);
}

static void draw_batch(struct campaign *c, size_t i, int64_t most_contacts)
{
    struct sim_batch *batch = &c->batches[i];
    int64_t at_us = world_now_us() + 2 * SECOND_US;
    batch->tenant = (size_t)dice_range(&c->dice, 0, (int64_t)c->n_tenants - 1);
    batch->trunk = (size_t)dice_range(&c->dice, 0, (int64_t)c->n_trunks - 1);
    batch->n_contacts = (size_t)dice_range(&c->dice, 1, most_contacts);
    draw_phones(c, batch);
    draw_options(c, &batch->options);
    if (i > 0)
        at_us += dice_range(&c->dice, 0, PICK(c, 3, 60, 7200) * SECOND_US);
    if (dice_chance(&c->dice, 20)) {
        batch->options.has_start = true;
        batch->options.start_ms = at_us / 1000 + PICK(c, 3000, 60000, HOUR_MS, 20 * HOUR_MS);
    }
    int64_t start_ms = batch->options.has_start ? batch->options.start_ms : at_us / 1000;
    if (dice_chance(&c->dice, 15)) {
        batch->options.has_expiry = true;
        batch->options.expires_ms = start_ms + PICK(c, 5000, 60000, HOUR_MS, 48 * HOUR_MS);
    }
    if (ident_make_batch("c0", batch->id) != 0)
        abort();
    draw_act(c, i, SIM_CREATE, at_us);
    int64_t later_us = (batch->options.has_start ? batch->options.start_ms * 1000 : at_us) + draw_while_us(c);
    for (size_t pauses = 0; pauses < CAMPAIGN_PAUSES && dice_chance(&c->dice, 40); pauses++) {
        draw_act(c, i, SIM_PAUSE, later_us);
        later_us += draw_while_us(c);
        draw_act(c, i, SIM_RESUME, later_us);
        later_us += draw_while_us(c);
    }
    if (dice_chance(&c->dice, 15))
        draw_act(c, i, dice_chance(&c->dice, 50) ? SIM_CANCEL : SIM_CANCEL_IN_FLIGHT, later_us + draw_while_us(c));
}

/* Mostly small: what goes wrong needs few calls, and many seeds. */
static void draw_batches(struct campaign *c)
{
    int64_t most_batches = 2, most_contacts = 6, size = dice_range(&c->dice, 0, 99);
    if (size < 3) {
        most_batches = CAMPAIGN_BATCHES;
        most_contacts = CAMPAIGN_CONTACTS;
    } else if (size < 30) {
        most_batches = 4;
        most_contacts = 15;
    }
    c->n_batches = (size_t)dice_range(&c->dice, 1, most_batches);
    for (size_t i = 0; i < c->n_batches; i++)
        draw_batch(c, i, most_contacts);
}

static double draw_rate(struct campaign *c, double percent, double most)
{
    return dice_chance(&c->dice, percent) ? most * (double)dice_range(&c->dice, 1, 100) / 100 : 0;
}

static void draw_weather(struct campaign *c)
{
    bool is_calm = c->is_calm = dice_chance(&c->dice, 15);
    c->weather = (struct wire_http_weather){
        .refused = is_calm ? 0 : draw_rate(c, 50, 5),
        .lost = is_calm ? 0 : draw_rate(c, 50, 5),
        .unanswered = is_calm ? 0 : draw_rate(c, 50, 5),
        .slow = is_calm ? 0 : draw_rate(c, 50, 5),
    };
    if (!is_calm)
        c->faults = (struct sim_faults){
            .kill = draw_rate(c, 60, 6),
            .stall = draw_rate(c, 60, 6),
            .cut = draw_rate(c, 60, 8),
            .slow = draw_rate(c, 30, 3),
            .away = draw_rate(c, 30, 1),
            .flush = draw_rate(c, 30, 2),
            .restart = draw_rate(c, 25, 1),
            .lose_tail = draw_rate(c, 30, 3),
            .drain = draw_rate(c, 40, 3),
            .step_clock = draw_rate(c, 30, 3),
        };
    if (!is_calm && !c->keeps_tokens) {
        c->faults.lose_tail = draw_rate(c, 70, 5);
        c->faults.die_with_tail = 40;
    }
    c->n_workers = (size_t)PICK(c, 1, 2, 2, 3, 4);
    c->nap_percent = (double)PICK(c, 60, 90, 100);
}

void campaign_draw(struct campaign *c)
{
    memset(c, 0, sizeof *c);
    c->dice = dice_of(world_seed(), "campaign");
    c->keeps_tokens = world_seed() % TOKENLESS_EVERY != TOKENLESS_EVERY - 1;
    draw_limits(c);
    draw_batches(c);
    draw_weather(c);
}

/* ---- to Redis ---- */

static void must_be_done(const redisReply *reply, const char *what)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "sim: %s: %s\n", what, reply->str);
        exit(2);
    }
}

static redisReply *run_script(struct campaign *c, enum lua_script script, const char *const *args, size_t n)
{
    return server_script(c->server, script, args, NULL, n);
}

static const char *i64(int64_t value, char space[REDIS_I64_LEN])
{
    (void)snprintf(space, REDIS_I64_LEN, "%" PRId64, value);
    return space;
}

static void make_tenant(struct campaign *c, const struct sim_limit *tenant)
{
    char cps[REDIS_I64_LEN], most[REDIS_I64_LEN] = "", credit[REDIS_I64_LEN] = "";
    if (tenant->max_concurrent > 0)
        i64(tenant->max_concurrent, most);
    if (tenant->credit_s > 0)
        i64(tenant->credit_s, credit);
    const char *const args[] = {"t",  tenant->id,    "create", "cps", i64(tenant->cps, cps), "max_concurrent",
                                most, "available_s", credit};
    redisReply *reply = run_script(c, LUA_RESOURCE_SET, args, sizeof args / sizeof args[0]);
    must_be_done(reply, "tenant");
    freeReplyObject(reply);
}

#define TWILIO_WORDS 6 /* the last ones, which no other profile knows */

static void make_trunk(struct campaign *c, const struct sim_limit *trunk, const struct seal_keys *keys)
{
    char cps[REDIS_I64_LEN], most[REDIS_I64_LEN] = "", poll[REDIS_I64_LEN], absent[REDIS_I64_LEN];
    char context[32], *credential;
    (void)snprintf(context, sizeof context, "trunk/%s", trunk->id);
    if (seal_secret(keys, context, PLATFORM_KEY, sizeof PLATFORM_KEY - 1, &credential) != 0)
        abort();
    if (trunk->max_concurrent > 0)
        i64(trunk->max_concurrent, most);
    const char *const args[] = {"k",
                                trunk->id,
                                "create",
                                "cps",
                                i64(trunk->cps, cps),
                                "max_concurrent",
                                most,
                                "profile",
                                c->keeps_tokens ? "retell" : "twilio",
                                "base_url",
                                "http://carrier",
                                "credential",
                                credential,
                                "caller_ids",
                                "[\"+15550190001\",\"+15550190002\"]",
                                "poll_after_ms",
                                i64(c->poll_after_ms, poll),
                                "lookup_absent_after_ms",
                                i64(c->lookup_absent_after_ms, absent),
                                "var:account_sid",
                                PLATFORM_ACCOUNT,
                                "var:answer_url",
                                "http://voice/answer",
                                "var:machine_detection",
                                "Enable"};
    size_t n = sizeof args / sizeof args[0];
    redisReply *reply = run_script(c, LUA_RESOURCE_SET, args, c->keeps_tokens ? n - TWILIO_WORDS : n);
    must_be_done(reply, "trunk");
    freeReplyObject(reply);
    free(credential);
}

static void create_head(struct campaign *c, const struct sim_batch *batch)
{
    struct batch_settings settings;
    if (batch_settings_make(&batch->options, "agent_1", c->tenants[batch->tenant].id, batch->n_contacts,
                            world_now_us() / 1000, &settings) != 0)
        abort();
    struct redis_arg fields[2 * BATCH_SETTINGS_MAX];
    const char *args[4 + 2 * BATCH_SETTINGS_MAX] = {batch->id, c->tenants[batch->tenant].id, c->trunks[batch->trunk].id,
                                                    "60000"};
    size_t lens[4 + 2 * BATCH_SETTINGS_MAX];
    batch_settings_args(&settings, fields);
    for (size_t i = 0; i < 4; i++)
        lens[i] = strlen(args[i]);
    for (size_t i = 0; i < 2 * settings.n; i++) {
        args[4 + i] = fields[i].data;
        lens[4 + i] = fields[i].len;
    }
    redisReply *reply = server_script(c->server, LUA_BATCH_CREATE, args, lens, 4 + 2 * settings.n);
    must_be_done(reply, "batch_create");
    freeReplyObject(reply);
    batch_settings_free(&settings);
}

/* A carillon.v1.Contact that holds a number alone (proto/carillon/v1/contact.proto). */
static size_t pack_contact(uint64_t phone, char record[RECORD_CAP])
{
    size_t len = 0;
    record[len++] = 0x08;
    for (; phone >= 0x80; phone >>= 7)
        record[len++] = (char)(phone | 0x80);
    record[len++] = (char)phone;
    return len;
}

static void create_contacts(struct campaign *c, const struct sim_batch *batch)
{
    static char records[CAMPAIGN_CONTACTS][RECORD_CAP];
    char n[REDIS_I64_LEN], runs[REDIS_I64_LEN + 2];
    (void)snprintf(runs, sizeof runs, "1:%zu", batch->n_contacts);
    const char *args[8 + CAMPAIGN_CONTACTS] = {batch->id, "0.0", "digest", i64((int64_t)batch->n_contacts, n),
                                               "1",       runs,  "0",      ""};
    size_t lens[8 + CAMPAIGN_CONTACTS];
    for (size_t i = 0; i < 8; i++)
        lens[i] = strlen(args[i]);
    for (size_t i = 0; i < batch->n_contacts; i++) {
        lens[8 + i] = pack_contact(batch->phones[i], records[i]);
        args[8 + i] = records[i];
    }
    redisReply *reply = server_script(c->server, LUA_BATCH_INGEST, args, lens, 8 + batch->n_contacts);
    must_be_done(reply, "batch_ingest");
    freeReplyObject(reply);
}

static void create(struct campaign *c, struct sim_batch *batch)
{
    char n[REDIS_I64_LEN];
    int64_t now_ms = world_now_us() / 1000;
    create_head(c, batch);
    create_contacts(c, batch);
    const char *const args[] = {batch->id, i64((int64_t)batch->n_contacts, n)};
    redisReply *reply = run_script(c, LUA_BATCH_SEAL, args, 2);
    must_be_done(reply, "batch_seal");
    freeReplyObject(reply);
    batch->is_created = true;
    int64_t start_ms = batch->options.has_start ? batch->options.start_ms : now_ms;
    batch->expires_ms = batch->options.has_expiry ? batch->options.expires_ms : start_ms + LIMIT_BATCH_LIFE_MS;
}

/* ---- what is done to batches ---- */

static void control(struct campaign *c, struct sim_batch *batch, enum sim_verb verb)
{
    static const char *const names[] = {
        [SIM_PAUSE] = "pause", [SIM_RESUME] = "resume", [SIM_CANCEL] = "cancel", [SIM_CANCEL_IN_FLIGHT] = "cancel"};
    const char *const args[] = {batch->id, c->tenants[batch->tenant].id, names[verb],
                                verb == SIM_CANCEL_IN_FLIGHT ? "in-flight" : "user"};
    redisReply *reply = run_script(c, LUA_BATCH_CONTROL, args, 4);
    if (reply->type != REDIS_REPLY_ERROR) { /* it may have ended meanwhile */
        batch->is_paused = verb == SIM_PAUSE;
        batch->is_cut = batch->is_cut || verb == SIM_CANCEL || verb == SIM_CANCEL_IN_FLIGHT;
        if (verb == SIM_CANCEL_IN_FLIGHT && batch->hung_up_us == 0)
            batch->hung_up_us = world_now_us();
    }
    world_trace_text(names[verb], batch->id);
    freeReplyObject(reply);
}

static void on_act(void *arg)
{
    struct sim_act *act = arg;
    struct campaign *c = act->campaign;
    struct sim_batch *batch = &c->batches[act->batch];
    if (act->verb == SIM_CREATE)
        create(c, batch);
    else if (batch->is_created)
        control(c, batch, act->verb);
    act->is_done = true;
}

static void draw_act(struct campaign *c, size_t batch, enum sim_verb verb, int64_t at_us)
{
    struct sim_act *act = &c->acts[c->n_acts++];
    *act = (struct sim_act){.campaign = c, .verb = verb, .batch = batch};
    world_event_init(&act->event, NULL, on_act, act);
    act->event.key = at_us; /* until it is armed */
}

void campaign_surprise(struct campaign *c, const char *batch_id)
{
    struct sim_batch *batch = campaign_find_batch(c, batch_id);
    if (!batch || batch->was_surprised)
        return;
    batch->was_surprised = true;
    size_t first = c->n_acts;
    int64_t at_us = world_now_us() + dice_range(&c->dice, 0, 150000);
    draw_act(c, (size_t)(batch - c->batches), SIM_PAUSE, at_us);
    draw_act(c, (size_t)(batch - c->batches), SIM_RESUME, at_us + dice_range(&c->dice, SECOND_US, 30 * SECOND_US));
    for (size_t i = first; i < c->n_acts; i++)
        world_event_at(&c->acts[i].event, c->acts[i].event.key);
}

void campaign_begin(struct campaign *c, struct server *server, const struct seal_keys *keys)
{
    c->server = server;
    for (size_t i = 0; i < c->n_tenants; i++)
        make_tenant(c, &c->tenants[i]);
    for (size_t i = 0; i < c->n_trunks; i++)
        make_trunk(c, &c->trunks[i], keys);
    for (size_t i = 0; i < c->n_acts; i++)
        world_event_at(&c->acts[i].event, c->acts[i].event.key);
}

void campaign_end(struct campaign *c)
{
    for (size_t i = 0; i < c->n_acts; i++)
        world_event_disarm(&c->acts[i].event);
}

bool campaign_is_told(const struct campaign *c)
{
    for (size_t i = 0; i < c->n_acts; i++)
        if (!c->acts[i].is_done)
            return false;
    return true;
}

void campaign_hold_acts(struct campaign *c, int64_t until_us)
{
    for (size_t i = 0; i < c->n_acts; i++)
        world_event_hold(&c->acts[i].event, until_us);
}

void campaign_start_trunk(struct campaign *c, size_t trunk)
{
    const char *const args[] = {"k", c->trunks[trunk].id, "set", "state", "active", "reason", "", "stopped_ms", ""};
    redisReply *reply = run_script(c, LUA_RESOURCE_SET, args, sizeof args / sizeof args[0]);
    must_be_done(reply, "start trunk");
    freeReplyObject(reply);
}

void campaign_add_credit(struct campaign *c, size_t tenant)
{
    char more[REDIS_I64_LEN + 1];
    (void)snprintf(more, sizeof more, "+%d", (int)dice_range(&c->dice, 30, 900));
    const char *const args[] = {"t", c->tenants[tenant].id, "set", "available_s", more};
    redisReply *reply = run_script(c, LUA_RESOURCE_SET, args, sizeof args / sizeof args[0]);
    must_be_done(reply, "credit");
    freeReplyObject(reply);
}

bool campaign_was_lost(const struct campaign *c, int64_t at_us)
{
    for (size_t i = 0; i < c->n_tails; i++)
        if (at_us >= c->tails[i].from_us && at_us <= c->tails[i].until_us)
            return true;
    return false;
}

bool campaign_lost_a_tail(const struct campaign *c, int64_t from_us, int64_t until_us)
{
    for (size_t i = 0; i < c->n_tails; i++)
        if (c->tails[i].from_us > from_us && c->tails[i].until_us < until_us)
            return true;
    return false;
}

struct sim_batch *campaign_find_batch(struct campaign *c, const char *id)
{
    for (size_t i = 0; i < c->n_batches; i++)
        if (strcmp(c->batches[i].id, id) == 0)
            return &c->batches[i];
    return NULL;
}
