/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dry_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/domain/batch_forecast.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/ingest_pack.h"
#include "producer/instant.h"
#include "producer/number_set.h"

#define PIECE LIMIT_SUPPRESSIONS_PART /* numbers asked for at a time */

struct dry_run {
    struct number_set *numbers; /* that were met */
    struct number_set *ids; /* their hashes, and 1 */
    uint64_t *taken; /* the numbers that would be dialed */
    size_t n_taken;
    uint64_t rejected;
    uint64_t duplicates;
    struct faults faults; /* of contacts */

    const struct batch_options *options;
    const struct faults *warnings;
    size_t asked; /* numbers before the piece that is asked for */
    bool hits[PIECE]; /* of the piece, on the tenant's list */
    uint64_t suppressed;
};

int dry_run_create(struct dry_run **ret_dry_run)
{
    struct dry_run *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    faults_init(&d->faults, LIMIT_FAULTS);
    d->taken = calloc(LIMIT_INLINE_CONTACTS, sizeof *d->taken);
    int err = d->taken ? number_set_create(&d->numbers) : ERR_NOMEM;
    if (!err)
        err = number_set_create(&d->ids);
    if (err) {
        dry_run_free(d);
        return err;
    }
    *ret_dry_run = d;
    return 0;
}

void dry_run_free(struct dry_run *d)
{
    if (!d)
        return;
    number_set_free(d->numbers);
    number_set_free(d->ids);
    free(d->taken);
    faults_free(&d->faults);
    free(d);
}

/* ---- contacts ---- */

static void note_duplicate(struct dry_run *d, size_t index, const char *field, struct faults *warnings)
{
    d->duplicates++;
    faults_add_path(warnings, FAULT_DUPLICATE, "an earlier contact has the same: this one is left out",
                    "contacts[%zu].%s", index, field);
}

int dry_run_take(struct dry_run *d, const struct contact *c, size_t index, struct faults *warnings)
{
    uint64_t hash = 0;
    int err = c->id[0] ? ingest_id_hash(c->id, strlen(c->id), &hash) : 0;
    if (err)
        return err;
    bool is_new = false;
    if (c->id[0] && number_set_has(d->ids, hash + 1)) {
        note_duplicate(d, index, "id", warnings);
        return 0;
    }
    err = number_set_add(d->numbers, c->phone, &is_new);
    if (err)
        return err;
    if (!is_new) {
        note_duplicate(d, index, "phoneNumber", warnings);
        return 0;
    }
    d->taken[d->n_taken++] = c->phone;
    return c->id[0] ? number_set_add(d->ids, hash + 1, &is_new) : 0;
}

struct faults *dry_run_faults(struct dry_run *d)
{
    return &d->faults;
}

void dry_run_reject(struct dry_run *d)
{
    d->rejected++;
}

/* ---- the answer ---- */

static bool add_times(const struct dry_run *d, cJSON *body)
{
    int64_t first_ms, last_ms;
    int err = batch_forecast(d->options, d->n_taken - d->suppressed, clock_wall_ms(), &first_ms, &last_ms);
    if (err && err != ERR_NOT_FOUND)
        return false;
    return instant_add(body, "earliestStart", first_ms) && instant_add(body, "earliestEnd", last_ms) &&
           cJSON_AddBoolToObject(body, "expiresBefore", err == ERR_NOT_FOUND);
}

static void answer(struct exchange *x, const struct dry_run *d)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && cJSON_AddTrueToObject(body, "dryRun") &&
                    cJSON_AddBoolToObject(body, "wouldBeTaken", d->rejected == 0) &&
                    json_add_i64(body, "accepted", (int64_t)d->n_taken) &&
                    json_add_i64(body, "rejected", (int64_t)d->rejected) &&
                    json_add_i64(body, "duplicates", (int64_t)d->duplicates) &&
                    json_add_i64(body, "suppressed", (int64_t)d->suppressed) && add_times(d, body);
    cJSON *errors = cJSON_AddArrayToObject(body, "errors");
    cJSON *warnings = cJSON_AddArrayToObject(body, "warnings");
    if (!is_whole || !errors || !warnings || faults_append_list(&d->faults, errors) != 0 ||
        faults_append_list(d->warnings, warnings) != 0) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

/* ---- numbers that must not be called ---- */

static void ask_piece(struct exchange *x, struct dry_run *d);

static size_t piece_len(const struct dry_run *d)
{
    size_t left = d->n_taken - d->asked;
    return left < PIECE ? left : PIECE;
}

static int read_hits(struct dry_run *d, const struct redisReply *reply, bool is_last)
{
    for (size_t i = 0; i < piece_len(d); i++) {
        int64_t is_member;
        int err = reply_i64(reply_at(reply, i), &is_member);
        if (err)
            return err;
        d->hits[i] = (is_last && d->hits[i]) || is_member == 1;
        d->suppressed += is_last && d->hits[i];
    }
    return 0;
}

static void on_own(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    if (!err)
        err = read_hits(arg, reply, false);
    if (err)
        exchange_fail(x, err);
}

static void on_everybodys(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct dry_run *d = arg;
    if (!err)
        err = read_hits(d, reply, true);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    d->asked += piece_len(d);
    ask_piece(x, d);
}

static int ask_list(struct exchange *x, struct dry_run *d, const char *tenant, exchange_reply_fn fn)
{
    struct key key = key_suppressed(exchange_identity(x)->cell, tenant);
    struct redis_arg args[2 + PIECE];
    char digits[PIECE][REDIS_I64_LEN];
    args[0] = redis_arg_str("SMISMEMBER");
    args[1] = key_arg(&key);
    for (size_t i = 0; i < piece_len(d); i++)
        args[2 + i] = redis_arg_i64((int64_t)d->taken[d->asked + i], digits[i]);
    return exchange_command(x, args, 2 + piece_len(d), fn, d);
}

/* Replies come in order: the tenant's own list is known when everybody's is read. */
static void ask_piece(struct exchange *x, struct dry_run *d)
{
    if (d->asked == d->n_taken) {
        answer(x, d);
        return;
    }
    int err = ask_list(x, d, exchange_identity(x)->tenant, on_own);
    if (!err)
        err = ask_list(x, d, "", on_everybodys);
    if (err)
        exchange_fail(x, err);
}

void dry_run_answer(struct dry_run *d, struct exchange *x, const struct batch_options *options,
                    const struct faults *warnings)
{
    d->options = options;
    d->warnings = warnings;
    ask_piece(x, d);
}
