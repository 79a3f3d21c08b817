/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon inspect`: what lies in Redis about a call, a batch, a worker or under a key, decoded. For operators: it
 * talks to Redis, and reads only.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/key_content.h"
#include "producer/cli/out.h"
#include "producer/cli/record_shown.h"
#include "producer/cli/shown.h"
#include "producer/cli/verbs.h"

#define CLAIMS_LOOKED_AT "1000"
#define CLAIM_MEMBER "<batch>/<ordinal>/<dial>/<worker>"

static const struct conf_option inspect_options[] = {
    {.name = "numbers",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "show telephone numbers whole, not their last four digits"},
};
#define OPTION_COUNT (sizeof inspect_options / sizeof inspect_options[0])

static bool with_numbers(const struct session *s)
{
    return conf_bool(session_conf(s), "numbers");
}

/* Prints the object and deletes it, or tells why there is none. */
static enum cli_exit show_take(struct session *s, int rc, cJSON *object, const char *what, const char *id)
{
    enum cli_exit status = CLI_FAILED;
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no %s %s", what, id);
    else if (rc == 0)
        status = session_is_json(s) ? out_json(object) : out_json_lines(object);
    cJSON_Delete(object);
    return status;
}

/* ---- a field of one of a call's buckets ---- */

struct field {
    const struct session *session;
    cJSON *object; /* borrowed */
    const char *name; /* that it is shown by */
    cJSON *(*show)(const char *text, size_t len, bool with_numbers);
    const struct buf *columns; /* in place of `show`: it is a contact, and these are its batch's */
    bool is_found;
};

static cJSON *show_guess(const char *text, size_t len, bool is_whole)
{
    return shown_value(SHOWN_GUESS, text, len, is_whole);
}

static cJSON *show_text(const char *text, size_t len, bool is_whole)
{
    return shown_value(SHOWN_TEXT, text, len, is_whole);
}

static int take_field(const struct redisReply *reply, void *arg)
{
    struct field *f = arg;
    const char *text;
    size_t len;
    f->is_found = !reply_is_nil(reply);
    if (!f->is_found)
        return 0;
    int rc = reply_str(reply, &text, &len);
    if (rc != 0)
        return rc;
    bool is_whole = with_numbers(f->session);
    cJSON *value = f->columns ? record_shown_contact(text, len, f->columns, is_whole) : f->show(text, len, is_whole);
    return shown_add_take(f->object, f->name, value) ? 0 : ERR_NOMEM;
}

static int read_field(struct session *s, const struct key *key, const char *field, struct field *f)
{
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(key), redis_arg_str(field)};
    f->session = s;
    return session_command(s, args, 3, take_field, f);
}

/* ---- call ---- */

static int read_texts(struct session *s, const struct key *key, uint64_t ordinal, cJSON *object)
{
    static const char *const names[] = {"summary", "reason", "recording", "success"};
    cJSON *texts = cJSON_AddObjectToObject(object, "texts");
    int rc = texts ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof names[0]; i++) {
        char field[REDIS_I64_LEN + 16], digits[REDIS_I64_LEN];
        (void)redis_arg_i64((int64_t)ordinal, digits);
        snprintf(field, sizeof field, "%s:%s", digits, names[i]);
        struct field f = {.object = texts, .name = names[i], .show = show_text};
        rc = read_field(s, key, field, &f);
    }
    return rc;
}

static int read_contact(struct session *s, const char *cell, const char *batch, uint64_t ordinal, cJSON *object)
{
    char text[REDIS_I64_LEN];
    (void)redis_arg_i64((int64_t)ordinal, text);
    struct key contacts = key_batch_contacts(cell, batch, ordinal / LIMIT_BUCKET);
    struct buf columns;
    struct field contact = {.object = object, .name = "contact", .columns = &columns};
    buf_init(&columns, LIMIT_COLUMNS_BYTES);
    int rc = key_content_columns(s, cell, batch, &columns);
    if (rc == 0)
        rc = read_field(s, &contacts, text, &contact);
    buf_free(&columns);
    return rc == 0 && !contact.is_found ? ERR_NOT_FOUND : rc;
}

static int read_call(struct session *s, const char *cell, const char *batch, uint64_t ordinal, cJSON *object)
{
    char field[REDIS_I64_LEN];
    uint64_t bucket = ordinal / LIMIT_BUCKET;
    (void)redis_arg_i64((int64_t)ordinal, field);
    struct key extra = key_batch_extra(cell, batch, bucket);
    struct key state = key_batch_state(cell, batch, bucket), attempts = key_batch_attempts(cell, batch, bucket);
    struct key texts = key_batch_texts(cell, batch, bucket);
    struct field metadata = {.object = object, .name = "extra", .show = show_guess};
    struct field phase = {.object = object, .name = "state", .show = record_shown_state};
    struct field log = {.object = object, .name = "attempts", .show = record_shown_attempts};
    int rc = read_contact(s, cell, batch, ordinal, object);
    if (rc == 0)
        rc = read_field(s, &extra, field, &metadata);
    if (rc == 0)
        rc = read_field(s, &state, field, &phase);
    if (rc == 0 && !phase.is_found && !cJSON_AddNullToObject(object, "state"))
        rc = ERR_NOMEM; /* never claimed */
    if (rc == 0)
        rc = read_field(s, &attempts, field, &log);
    return rc == 0 ? read_texts(s, &texts, ordinal, object) : rc;
}

static enum cli_exit run_call(struct session *s)
{
    const char *id = conf_rest(session_conf(s), 0);
    char batch[LIMIT_BATCH_ID_LEN + 1], cell[LIMIT_CELL_ID_LEN + 1];
    uint64_t ordinal;
    if (ident_split_call(id, strlen(id), batch, &ordinal) != 0 || ident_batch_cell(batch, strlen(batch), cell) != 0) {
        out_complain("'%s' is not a call's id", id);
        return CLI_USAGE;
    }
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    cJSON *object = cJSON_CreateObject();
    int rc = json_add_str(object, "callId", id) && json_add_str(object, "batchId", batch) &&
                     json_add_i64(object, "ordinal", (int64_t)ordinal)
                 ? read_call(s, cell, batch, ordinal, object)
                 : ERR_NOMEM;
    return show_take(s, rc, object, "call", id);
}

/* ---- batch ---- */

static enum cli_exit run_batch(struct session *s)
{
    const char *id = conf_rest(session_conf(s), 0);
    char cell[LIMIT_CELL_ID_LEN + 1];
    struct key_place place;
    cJSON *object = NULL;
    if (ident_batch_cell(id, strlen(id), cell) != 0) {
        out_complain("'%s' is not a batch's id", id);
        return CLI_USAGE;
    }
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    struct key key = key_batch(cell, id);
    const struct key_family *family = key_place_of(key.text, &place) ? key_family_of(&place) : NULL;
    int rc = key_content_read(s, key.text, family, with_numbers(s), &object);
    return show_take(s, rc, object, "batch", id);
}

/* ---- worker ---- */

struct worker {
    const struct session *session;
    const char *id;
    cJSON *object; /* borrowed */
    bool is_known;
};

static int take_presence(const struct redisReply *reply, void *arg)
{
    struct worker *w = arg;
    const char *text = "";
    size_t len = 0;
    int rc = reply_is_nil(reply) ? 0 : reply_str(reply, &text, &len);
    if (rc != 0)
        return rc;
    w->is_known = len > 0;
    cJSON *at = len > 0 ? shown_value(SHOWN_MS, text, len, true) : cJSON_CreateNull();
    return shown_add_take(w->object, "lastSeenAt", at) ? 0 : ERR_NOMEM;
}

static bool is_owned(const char *member, size_t len, const char *worker)
{
    size_t n = strlen(worker);
    return len > n && member[len - n - 1] == '/' && memcmp(member + len - n, worker, n) == 0;
}

static int take_claims(const struct redisReply *reply, void *arg)
{
    struct worker *w = arg;
    cJSON *claims = cJSON_AddArrayToObject(w->object, "claimed");
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        const char *member, *lease;
        size_t member_len, lease_len;
        int rc = reply_str(reply_at(reply, i), &member, &member_len);
        if (rc == 0)
            rc = reply_str(reply_at(reply, i + 1), &lease, &lease_len);
        if (rc != 0)
            return rc;
        if (!is_owned(member, member_len, w->id))
            continue;
        cJSON *claim = shown_parts(CLAIM_MEMBER, member, member_len, with_numbers(w->session));
        w->is_known = true;
        if (!shown_add_take(claims, NULL, claim) ||
            !shown_add_take(claim, "leaseUntil", shown_value(SHOWN_MS, lease, lease_len, true)))
            return ERR_NOMEM;
    }
    return 0;
}

static int read_worker(struct worker *w, struct session *s)
{
    struct key workers = key_workers(session_cell(s)), claimed = key_claimed(session_cell(s));
    const struct redis_arg presence[] = {redis_arg_str("ZSCORE"), key_arg(&workers), redis_arg_str(w->id)};
    const struct redis_arg claims[] = {redis_arg_str("ZRANGE"), key_arg(&claimed), redis_arg_str("0"),
                                       redis_arg_str(CLAIMS_LOOKED_AT), redis_arg_str("WITHSCORES")};
    int rc = json_add_str(w->object, "workerId", w->id) && json_add_str(w->object, "cell", session_cell(s))
                 ? session_command(s, presence, 3, take_presence, w)
                 : ERR_NOMEM;
    if (rc == 0)
        rc = session_command(s, claims, 5, take_claims, w);
    return rc == 0 && !w->is_known ? ERR_NOT_FOUND : rc;
}

static enum cli_exit run_worker(struct session *s)
{
    struct worker w = {.session = s, .id = conf_rest(session_conf(s), 0)};
    if (!ident_is_valid(w.id, strlen(w.id), LIMIT_ID_LEN)) {
        out_complain("'%s' is not a worker's id", w.id);
        return CLI_USAGE;
    }
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    w.object = cJSON_CreateObject();
    int rc = read_worker(&w, s);
    return show_take(s, rc, w.object, "worker", w.id);
}

/* ---- key ---- */

static enum cli_exit run_key(struct session *s)
{
    const char *key = conf_rest(session_conf(s), 0);
    struct key_place place;
    cJSON *object = NULL;
    if (!key_place_of(key, &place)) {
        out_complain("'%s' is not a key of Carillon's: those begin with carillon:{CELL}: or carillon:{dir}:", key);
        return CLI_USAGE;
    }
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    int rc = key_content_read(s, key, key_family_of(&place), with_numbers(s), &object);
    return show_take(s, rc, object, "key", key);
}

#define VERB(words_, subjects_, help_, about_, run_)                                                                   \
    {                                                                                                                  \
        .words = (words_), .subjects = (subjects_), .n_subjects = 1, .options = inspect_options,                       \
        .n_options = OPTION_COUNT, .help = (help_), .about = (about_), .run = (run_)                                   \
    }

const struct cli_verb *cli_inspect_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        VERB("inspect call", "ID", "show a call's records in Redis, decoded",
             "The contact, the state, every attempt, and the texts that came with the outcome.", run_call),
        VERB("inspect batch", "ID", "show a batch's record in Redis, decoded", NULL, run_batch),
        VERB("inspect worker", "ID", "show when a worker was seen last, and what it has claimed",
             "Of the cell of --cell. Workers that were not seen for a minute are forgotten.", run_worker),
        VERB("inspect key", "ID", "show any key of Carillon's in Redis, decoded",
             "ID is a key's whole name; docs/redis-keys.md lists what there is. The first hundred items\n"
             "are shown and the others counted; of a stream the newest.",
             run_key),
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
