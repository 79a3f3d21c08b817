/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/reassert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/script.h"
#include "worker/notes.h"
#include "worker/reap.h"

#define FIELDS 10
#define CHECK_MS 1000 /* an accepted dial is looked up this soon: its callback may have come, and been forgotten */
#define PHONE_LEN 21

struct reassert {
    struct worker_cell *cell;
    struct begun_dial *recent; /* a ring of LIMIT_RECENT_DIALS; a number of 0 marks one that was forgotten */
    size_t first, n;
    struct redis_arg prologue[1];
    struct outbox_spec spec;
    struct outbox *outbox;
    size_t n_awaited; /* answers of the last time that all was told, */
    int64_t restored, known, refused; /* and those that came */
};

/* ---- the memory ---- */

static struct begun_dial *at(const struct reassert *r, size_t i)
{
    return &r->recent[(r->first + i) % LIMIT_RECENT_DIALS];
}

/* From the newest on: answers come soon after begins. */
static struct begun_dial *find(const struct reassert *r, const struct settle_dial *dial)
{
    for (size_t i = r->n; i-- > 0;) {
        struct begun_dial *entry = at(r, i);
        if (entry->ordinal == dial->ordinal && entry->number == dial->number &&
            strcmp(entry->batch_id, dial->batch_id) == 0)
            return entry;
    }
    return NULL;
}

void reassert_note_begun(struct reassert *r, const struct begun_dial *dial)
{
    if (r->n == LIMIT_RECENT_DIALS) {
        r->first = (r->first + 1) % LIMIT_RECENT_DIALS;
        r->n--;
    }
    *at(r, r->n++) = *dial;
}

void reassert_note_accepted(struct reassert *r, const struct settle_dial *dial, const char *provider_id,
                            int64_t queue_ms)
{
    struct begun_dial *entry = find(r, dial);
    if (!entry)
        return;
    (void)snprintf(entry->provider_id, sizeof entry->provider_id, "%s", provider_id);
    entry->life_ms += queue_ms;
}

void reassert_forget(struct reassert *r, const struct settle_dial *dial)
{
    struct begun_dial *entry = find(r, dial);
    if (entry)
        entry->number = 0;
}

/* ---- telling ---- */

int reassert_tell(struct reassert *r, const struct begun_dial *dial, outbox_fn fn, void *arg)
{
    int64_t now_ms = worker_redis_now_ms(r->cell->worker), now_us = clock_mono_us();
    int64_t begin_ms = now_ms - (now_us - dial->begin_us) / 1000;
    int64_t check_ms = dial->provider_id[0] ? now_ms + CHECK_MS : now_ms + (dial->answer_by_us - now_us) / 1000;
    char space[6][REDIS_I64_LEN], phone[PHONE_LEN], caller[PHONE_LEN] = "";
    (void)snprintf(phone, sizeof phone, "%" PRIu64, dial->phone);
    if (dial->caller != 0)
        (void)snprintf(caller, sizeof caller, "%" PRIu64, dial->caller);
    const struct redis_arg args[FIELDS] = {
        redis_arg_str(dial->batch_id),         redis_arg_i64((int64_t)dial->ordinal, space[0]),
        redis_arg_i64(dial->number, space[1]), redis_arg_i64(dial->attempt, space[2]),
        redis_arg_i64(begin_ms, space[3]),     redis_arg_i64(begin_ms + dial->life_ms, space[4]),
        redis_arg_i64(check_ms, space[5]),     redis_arg_str(phone),
        redis_arg_str(dial->provider_id),      redis_arg_str(caller),
    };
    int rc = outbox_add(r->outbox, args, fn, arg);
    if (rc == 0)
        reap_expect(r->cell->reap, check_ms);
    return rc;
}

static void on_recent(const struct redisReply *reply, const struct redisReply *whole, int err, void *arg)
{
    (void)whole;
    struct reassert *r = arg;
    const char *word = "";
    size_t len;
    if (err != 0 || reply_str(reply, &word, &len) != 0)
        word = "";
    if (strcmp(word, "restored") == 0) {
        r->restored++;
        metric_add(r->cell->worker->metrics.reasserted, 1);
    } else if (strcmp(word, "known") == 0 || strcmp(word, "newer") == 0) {
        r->known++;
    } else {
        r->refused++;
    }
    if (--r->n_awaited == 0)
        log_warn("cell.reasserted", log_str("cell", r->cell->id), log_i64("restored", r->restored),
                 log_i64("known", r->known), log_i64("refused", r->refused));
    worker_check_drained(r->cell->worker);
}

void reassert_all(struct reassert *r)
{
    int64_t now_us = clock_mono_us();
    if (r->n_awaited == 0)
        r->restored = r->known = r->refused = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct begun_dial *dial = at(r, i);
        if (dial->number == 0 || dial->begin_us + dial->life_ms * 1000 < now_us)
            continue;
        if (reassert_tell(r, dial, on_recent, r) == 0)
            r->n_awaited++;
        else
            log_error("dial.untold", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                      log_err(ERR_NOMEM));
    }
}

void reassert_flush(struct reassert *r)
{
    outbox_flush(r->outbox);
}

bool reassert_is_idle(const struct reassert *r)
{
    return outbox_pending(r->outbox) == 0;
}

int reassert_create(struct worker_cell *cell, struct reassert **ret_reassert)
{
    int rc = ERR_NOMEM;
    struct reassert *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->cell = cell;
    r->prologue[0] = redis_arg_str(cell->worker->id);
    r->spec = (struct outbox_spec){.script = LUA_CELL_REASSERT,
                                   .fields = FIELDS,
                                   .most_work = LIMIT_SCRIPT_WORK,
                                   .prologue = r->prologue,
                                   .n_prologue = 1,
                                   .note_fn = notes_take,
                                   .note_arg = cell};
    r->recent = calloc(LIMIT_RECENT_DIALS, sizeof *r->recent);
    if (r->recent)
        rc = outbox_create(cell->worker->loop, cell->worker->redis, cell->prefix, &r->spec, &r->outbox);
    if (rc != 0) {
        reassert_free(r);
        return rc;
    }
    *ret_reassert = r;
    return 0;
}

void reassert_free(struct reassert *r)
{
    if (!r)
        return;
    outbox_free(r->outbox);
    free(r->recent);
    free(r);
}
