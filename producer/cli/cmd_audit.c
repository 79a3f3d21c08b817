/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon audit`: walks through every piece of a cell that audit.lua can check, and adds up what no single piece
 * sees: a batch's counters against its calls, recounted while they stand still.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"

#define PIECE 50 /* members in one look: it takes Redis about a millisecond */
#define BUCKETS 4 /* buckets in one look */
#define RECOUNTS_MOST 20 /* of a batch whose calls keep moving */
#define BATCHES_AT_ONCE 500
#define COUNTERS 12
#define NAME_LEN 16
#define FAULTS_LISTED 10000 /* with --json; the rest is counted */

struct audit {
    struct session *session;
    cJSON *list; /* of the faults, with --json; owned */
    unsigned long faults;
    unsigned long batches;
    unsigned long moving; /* batches whose sums could not be taken while they stood still */
    bool is_second_look; /* at something that was told already */
};

/* Named counts, as audit.lua writes them: "due=3 live=1". */
struct counts {
    size_t n;
    struct {
        char name[NAME_LEN];
        int64_t value;
    } items[2 * COUNTERS];
};

static int64_t *count_of(struct counts *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->n; i++)
        if (strlen(c->items[i].name) == len && memcmp(c->items[i].name, name, len) == 0)
            return &c->items[i].value;
    if (c->n == sizeof c->items / sizeof c->items[0] || len >= NAME_LEN)
        return NULL;
    memcpy(c->items[c->n].name, name, len);
    c->items[c->n].name[len] = '\0';
    c->items[c->n].value = 0;
    return &c->items[c->n++].value;
}

static int64_t count_named(struct counts *c, const char *name)
{
    int64_t *value = count_of(c, name, strlen(name));
    return value ? *value : 0;
}

static int add_counts(struct counts *c, const char *text)
{
    while (*text) {
        const char *equals = strchr(text, '=');
        if (!equals)
            return ERR_PROTOCOL;
        size_t len = strcspn(equals + 1, " ");
        int64_t value, *sum = count_of(c, text, (size_t)(equals - text));
        if (!sum || parse_i64(equals + 1, len, INT64_MIN, INT64_MAX, &value) != 0)
            return ERR_PROTOCOL;
        *sum += value;
        text = equals + 1 + len;
        text += strspn(text, " ");
    }
    return 0;
}

static void report(struct audit *a, const char *fault)
{
    if (a->is_second_look)
        return;
    a->faults++;
    if (!a->list)
        out_line("audit: %s", fault);
    else if (a->faults <= FAULTS_LISTED)
        cJSON_AddItemToArray(a->list, cJSON_CreateString(fault));
}

/* What one look leads to. */
struct look {
    struct audit *audit;
    struct counts *counts; /* NULL: not wanted */
    bool has_more;
};

static int take_look(const struct redisReply *reply, void *arg)
{
    struct look *look = arg;
    int64_t more;
    const char *text;
    size_t len;
    int rc = reply_i64(reply_at(reply, 0), &more);
    if (rc == 0)
        rc = reply_str(reply_at(reply, 1), &text, &len);
    if (rc == 0 && look->counts)
        rc = add_counts(look->counts, text);
    look->has_more = rc == 0 && more == 1;
    for (size_t i = 2; rc == 0 && i < reply_len(reply); i++) {
        rc = reply_str(reply_at(reply, i), &text, &len);
        if (rc == 0)
            report(look->audit, text);
    }
    return rc;
}

static int look_at(struct audit *a, const char *const *words, size_t n, struct counts *counts, bool *ret_more)
{
    struct redis_arg args[8];
    struct look look = {.audit = a, .counts = counts};
    for (size_t i = 0; i < n; i++)
        args[i] = redis_arg_str(words[i]);
    int rc = session_script(a->session, LUA_AUDIT, args, n, take_look, &look);
    *ret_more = look.has_more;
    return rc;
}

/* Looks at `words` and an offset, piece after piece. */
static int walk(struct audit *a, const char *first, const char *second, const char *third)
{
    char offset[REDIS_I64_LEN], most[REDIS_I64_LEN];
    (void)redis_arg_i64(PIECE, most);
    bool has_more = true;
    int rc = 0;
    for (int64_t at = 0; rc == 0 && has_more; at += PIECE) {
        const char *words[5];
        size_t n = 0;
        words[n++] = first;
        if (second)
            words[n++] = second;
        if (third)
            words[n++] = third;
        (void)redis_arg_i64(at, offset);
        words[n++] = offset;
        words[n++] = most;
        rc = look_at(a, words, n, NULL, &has_more);
    }
    return rc;
}

/* ---- a batch ---- */

static int recount(struct audit *a, const char *batch, struct counts *counts)
{
    char first[REDIS_I64_LEN], buckets[REDIS_I64_LEN];
    (void)redis_arg_i64(BUCKETS, buckets);
    bool has_more = true;
    int rc = 0;
    for (int64_t at = 0; rc == 0 && has_more; at += BUCKETS) {
        (void)redis_arg_i64(at, first);
        const char *const words[] = {"calls", batch, first, buckets};
        rc = look_at(a, words, 4, counts, &has_more);
    }
    return rc;
}

static void compare(struct audit *a, const char *batch, struct counts *told, struct counts *counted)
{
    static const char *const names[] = {"due", "claimed", "live", "ended", "succeeded", "attempts"};
    char text[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (count_named(told, names[i]) == count_named(counted, names[i]))
            continue;
        snprintf(text, sizeof text, "counters_match_calls %s says %s %" PRId64 ", its calls say %" PRId64, batch,
                 names[i], count_named(told, names[i]), count_named(counted, names[i]));
        report(a, text);
    }
    /* What a cancel or an expiry ended by arithmetic was never written to a call. */
    int64_t failed = count_named(counted, "failed") + count_named(counted, "cut");
    int64_t cut = count_named(told, "cancelled") + count_named(told, "expired");
    if (failed != count_named(told, "failed") || count_named(counted, "cut") != cut) {
        snprintf(text, sizeof text,
                 "counters_match_calls %s says failed %" PRId64 " (never begun %" PRId64 "), its calls say %" PRId64
                 " (%" PRId64 ")",
                 batch, count_named(told, "failed"), cut, failed, count_named(counted, "cut"));
        report(a, text);
    }
}

static int audit_batch(struct audit *a, const char *batch)
{
    a->batches++;
    unsigned long before_faults = a->faults;
    for (unsigned i = 0; i < RECOUNTS_MOST; i++) {
        struct counts before = {0}, counted = {0}, after = {0};
        const char *const words[] = {"batch", batch};
        bool has_more;
        int rc = look_at(a, words, 2, &before, &has_more);
        if (rc == 0)
            rc = recount(a, batch, &counted);
        a->is_second_look = true;
        if (rc == 0)
            rc = look_at(a, words, 2, &after, &has_more);
        a->is_second_look = false;
        if (rc != 0)
            return rc;
        if (memcmp(&before, &after, sizeof before) == 0) {
            compare(a, batch, &before, &counted);
            return walk(a, "flying", "b", batch);
        }
        if (a->faults > before_faults)
            break;
    }
    a->moving++;
    return walk(a, "flying", "b", batch);
}

/* ---- a cell ---- */

/* Those that an index holds. */
static int audit_batches(struct audit *a, struct key key)
{
    bool has_more = true;
    int rc = 0;
    for (int64_t at = 0; rc == 0 && has_more; at += BATCHES_AT_ONCE) {
        char first[REDIS_I64_LEN], last[REDIS_I64_LEN];
        struct resource_ids batches = {.n = 0};
        const struct redis_arg args[] = {redis_arg_str("ZRANGE"), key_arg(&key), redis_arg_i64(at, first),
                                         redis_arg_i64(at + BATCHES_AT_ONCE - 1, last)};
        rc = resource_ids_read(a->session, args, 4, &batches);
        for (size_t i = 0; rc == 0 && i < batches.n; i++)
            rc = audit_batch(a, batches.items[i]);
        has_more = batches.n == BATCHES_AT_ONCE;
        resource_ids_clear(&batches);
    }
    return rc;
}

static int audit_tenant(struct audit *a, const char *tenant)
{
    int rc = walk(a, "tenant", tenant, NULL);
    if (rc == 0)
        rc = walk(a, "flying", "t", tenant);
    if (rc == 0)
        rc = audit_batches(a, key_tenant_batches(session_cell(a->session), tenant));
    return rc == 0 ? audit_batches(a, key_tenant_dials(session_cell(a->session), tenant)) : rc;
}

static int audit_trunk(struct audit *a, const char *trunk)
{
    int rc = walk(a, "trunk", trunk, NULL);
    return rc == 0 ? walk(a, "flying", "k", trunk) : rc;
}

static int each_of(struct audit *a, const struct resource_kind *kind, int (*fn)(struct audit *a, const char *id))
{
    struct resource_ids ids;
    int rc = resource_ids_of(a->session, kind, &ids);
    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < ids.n; i++)
        rc = fn(a, ids.items[i]);
    resource_ids_clear(&ids);
    return rc;
}

static int audit_cell(struct audit *a)
{
    int rc = walk(a, "claimed", NULL, NULL);
    if (rc == 0)
        rc = walk(a, "live", NULL, NULL);
    if (rc == 0)
        rc = walk(a, "ended", NULL, NULL);
    if (rc == 0)
        rc = walk(a, "appending", NULL, NULL);
    if (rc == 0)
        rc = each_of(a, &resource_trunk, audit_trunk);
    return rc == 0 ? each_of(a, &resource_tenant, audit_tenant) : rc;
}

/* ---- the verdict ---- */

static enum cli_exit print_json(struct audit *a)
{
    cJSON *object = cJSON_CreateObject();
    json_add_str(object, "cell", session_cell(a->session));
    cJSON_AddBoolToObject(object, "ok", a->faults == 0);
    json_add_i64(object, "batches", (int64_t)a->batches);
    json_add_i64(object, "faultCount", (int64_t)a->faults);
    if (cJSON_AddItemToObject(object, "faults", a->list))
        a->list = NULL;
    json_add_i64(object, "notRecounted", (int64_t)a->moving);
    return out_json_take(object);
}

static enum cli_exit tell(struct audit *a)
{
    enum cli_exit status = CLI_DONE;
    if (session_is_json(a->session)) {
        status = print_json(a);
    } else {
        char busy[64] = "";
        if (a->moving > 0)
            snprintf(busy, sizeof busy, ", %lu too busy to be recounted", a->moving);
        out_line("audit: %s, %lu batches, %lu faults%s", a->faults == 0 ? "ok" : "broken", a->batches, a->faults, busy);
    }
    return a->faults == 0 ? status : CLI_FAILED;
}

static enum cli_exit run_audit(struct session *s)
{
    struct audit a = {.session = s};
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    if (session_is_json(s) && !(a.list = cJSON_CreateArray())) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    int rc = audit_cell(&a);
    if (rc != 0)
        out_complain("the audit did not come to its end: %s", err_name(rc));
    else if (a.batches == 0 && a.faults == 0) /* of nothing that is there nothing was checked */
        rc = session_need_cell(s) == CLI_DONE ? 0 : ERR_NOT_FOUND;
    status = rc == 0 ? tell(&a) : CLI_FAILED;
    cJSON_Delete(a.list);
    return status;
}

const struct cli_verb *cli_audit_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "audit",
            .subjects = "",
            .help = "check every invariant of a cell",
            .about = "Reads only, in bounded pieces, while everything runs. Exit status 1 where one is broken.",
            .run = run_audit,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
