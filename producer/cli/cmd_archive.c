/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon archive`: batches that have ended, each as a file of JSON lines in a folder or in storage that speaks S3,
 * before they are removed. What is there already is passed over, so that it can run again and again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/domain/batch_state.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/archive_file.h"
#include "producer/cli/archive_s3.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

#define TIMEOUT_MS 60000
#define EXPORT_TIMEOUT_MS (INT64_C(24) * 3600 * 1000)
#define CREDENTIALS_MOST 512
#define NAME_MOST (LIMIT_BATCH_ID_LEN + 16)

static int check_instant(const char *text, const char **ret_why)
{
    struct timestamp_parts parts;
    *ret_why = "is no instant such as 2027-11-16T09:00:00Z";
    int err = timestamp_parse(text, strlen(text), &parts);
    return err ? err : parts.has_offset ? 0 : ERR_INVALID;
}

static int check_batch(const char *text, const char **ret_why)
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    *ret_why = "is not a batch's id";
    return ident_batch_cell(text, strlen(text), cell);
}

static int check_region(const char *text, const char **ret_why)
{
    *ret_why = "is no region such as eu-central-1";
    return ident_is_valid(text, strlen(text), LIMIT_ID_LEN) ? 0 : ERR_INVALID;
}

static const struct conf_option OPTIONS[] = {
    {.name = "batch",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "only this one (default: all that have ended)",
     .check = check_batch},
    {.name = "ended-before",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "only those that ended before this instant",
     .check = check_instant},
    {.name = "remove",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .help = "remove each from Carillon once it is archived"},
    {.name = "s3-endpoint",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .default_text = "https://s3.amazonaws.com",
     .help = "where the storage answers",
     .check = api_client_check_url},
    {.name = "s3-region",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .default_text = "us-east-1",
     .help = "what its requests are signed for",
     .check = check_region},
    {.name = "s3-credentials-file",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "file with ID:SECRET of an access key"},
};

struct archive {
    struct session *session;
    struct api_client *api;
    const char *folder; /* NULL: it goes to s3 */
    struct archive_s3 *s3;
    char *credentials;
    int64_t before_ms; /* those that ended earlier */
    uint64_t written;
    uint64_t there_already;
    uint64_t failed;
};

/* ---- the target ---- */

static bool folder_is_there(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    out_complain("%s is no folder that is there, and nothing like s3://bucket/prefix", path);
    return false;
}

static enum cli_exit open_s3(struct archive *a, const char *bucket)
{
    const struct conf *conf = session_conf(a->session);
    const char *path = conf_str(conf, "s3-credentials-file");
    if (!archive_s3_check(bucket)) {
        out_complain("s3://%s: a bucket's name and perhaps a prefix, of letters, digits, '.', '_', '-' and '/'",
                     bucket);
        return CLI_USAGE;
    }
    if (!path) {
        out_complain("--s3-credentials-file is missing: a file with ID:SECRET of an access key");
        return CLI_USAGE;
    }
    int err = file_read_secret(path, CREDENTIALS_MOST, &a->credentials);
    if (err == ERR_IO) {
        out_complain("--s3-credentials-file: %s: %s", path, strerror(errno));
        return CLI_CONFIGURATION;
    }
    if (err || !strchr(a->credentials, ':')) {
        out_complain("--s3-credentials-file: %s does not hold ID:SECRET and nothing else", path);
        return CLI_CONFIGURATION;
    }
    const struct archive_s3_config config = {
        .session = a->session,
        .endpoint = conf_str(conf, "s3-endpoint"),
        .region = conf_str(conf, "s3-region"),
        .bucket_and_prefix = bucket,
        .credentials = a->credentials,
    };
    if (archive_s3_create(&config, &a->s3) == 0)
        return CLI_DONE;
    out_complain("out of memory");
    return CLI_FAILED;
}

static enum cli_exit open_target(struct archive *a)
{
    const char *target = conf_rest(session_conf(a->session), 0), *bucket = archive_s3_target(target);
    if (bucket)
        return open_s3(a, bucket);
    a->folder = target;
    return folder_is_there(target) ? CLI_DONE : CLI_USAGE;
}

static int name_of(const char *batch_id, char ret[NAME_MOST])
{
    int len = snprintf(ret, NAME_MOST, "%s.ndjson", batch_id);
    return len > 0 && len < NAME_MOST ? 0 : ERR_INVALID;
}

/* One that is there and is not whole is told: with --remove it would be all that is left. */
static int folder_has(const char *path, const char *batch_id, int64_t calls, bool *ret_has)
{
    int err = archive_file_check(path, (uint64_t)calls);
    *ret_has = err == 0;
    if (err == ERR_IO && errno == ENOENT)
        return 0;
    if (err)
        out_complain("%s: %s is there and is not whole: move it away, and it is written anew", batch_id, path);
    return err;
}

static int target_has(struct archive *a, const char *batch_id, int64_t calls, bool *ret_has)
{
    char name[NAME_MOST];
    int err = name_of(batch_id, name);
    if (err)
        return err;
    if (a->s3) {
        err = archive_s3_has(a->s3, name, ret_has);
        if (err)
            out_complain("%s: the storage cannot be asked for it: %s", batch_id, archive_s3_problem(a->s3));
        return err;
    }
    char path[LIMIT_URL_LEN];
    int len = snprintf(path, sizeof path, "%s/%s", a->folder, name);
    if (len < 0 || (size_t)len >= sizeof path)
        return ERR_INVALID;
    return folder_has(path, batch_id, calls, ret_has);
}

/* ---- one batch ---- */

static int64_t number_in(const cJSON *object, const char *group, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, group), name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1;
}

static bool ended_in_time(const struct archive *a, const cJSON *batch)
{
    const cJSON *times = cJSON_GetObjectItemCaseSensitive(batch, "timestamps");
    const cJSON *ended = cJSON_GetObjectItemCaseSensitive(times, "completedAt");
    struct timestamp_parts parts;
    return cJSON_IsString(ended) && timestamp_parse(ended->valuestring, strlen(ended->valuestring), &parts) == 0 &&
           parts.wall_ms < a->before_ms;
}

static bool has_ended(const char *status)
{
    enum batch_state state;
    return batch_state_from_name(status, strlen(status), &state) == 0 && batch_state_is_end(state);
}

struct feed {
    struct archive_file *file;
    int err;
};

static bool on_data(const char *data, size_t len, void *arg)
{
    struct feed *feed = arg;
    feed->err = archive_file_put_export(feed->file, data, len);
    return feed->err == 0;
}

/* Everything of the batch into `file`, whole. */
static int fill(struct archive *a, const char *id, const cJSON *batch, struct archive_file *file)
{
    struct feed feed = {.file = file};
    struct api_answer answer;
    char path[LIMIT_BATCH_ID_LEN + 64];
    snprintf(path, sizeof path, "/api/v1/batch/%s/calls/export?format=ndjson", id);
    int err = archive_file_put_batch(file, batch);
    if (!err)
        err = api_client_fetch(a->api, path, EXPORT_TIMEOUT_MS, on_data, &feed, &answer);
    if (feed.err)
        return feed.err;
    if (err) {
        out_complain("%s: its export is not whole: %s", id, api_client_problem(a->api));
        return err;
    }
    int status = answer.status;
    if (status != 200)
        api_answer_refusal(&answer, false, NULL, NULL);
    api_answer_clear(&answer);
    if (status != 200)
        return ERR_UNAVAILABLE;
    int64_t total = number_in(batch, "statistics", "total");
    if (total < 0 || archive_file_calls(file) != (uint64_t)total) {
        out_complain("%s: its export has %" PRIu64 " calls of %" PRId64, id, archive_file_calls(file), total);
        return ERR_PROTOCOL;
    }
    return archive_file_finish(file);
}

static int store(struct archive *a, const char *id, struct archive_file *file)
{
    char name[NAME_MOST];
    int64_t size = 0;
    if (!a->s3)
        return 0;
    int err = name_of(id, name);
    FILE *whole = archive_file_rewind(file, &size);
    if (!err)
        err = archive_s3_put(a->s3, name, whole, size);
    if (err)
        out_complain("%s: the storage does not take it: %s", id, archive_s3_problem(a->s3));
    return err;
}

static int write_batch(struct archive *a, const char *id, const cJSON *batch, uint64_t *ret_calls)
{
    struct archive_file *file = NULL;
    int err = archive_file_create(a->folder, id, &file);
    if (!err) {
        err = fill(a, id, batch, file);
        if (!err)
            err = store(a, id, file);
        *ret_calls = archive_file_calls(file);
    }
    if (err == ERR_EXISTS)
        out_complain("%s: another carillon archive is writing it", id);
    if (err == ERR_IO)
        out_complain("%s: %s cannot be written: %s", id,
                     a->folder ? a->folder : "a file on the way (in TMPDIR or /tmp)", strerror(errno));
    archive_file_free(file);
    return err;
}

static bool remove_batch(struct archive *a, const char *id)
{
    struct api_answer answer;
    char path[LIMIT_BATCH_ID_LEN + 32];
    snprintf(path, sizeof path, "/api/v1/batch/%s", id);
    if (api_client_ask(a->api, "DELETE", path, NULL, 0, TIMEOUT_MS, &answer) != 0) {
        api_client_complain(a->api);
        return false;
    }
    bool is_gone = answer.status == 200 || answer.status == 404;
    if (!is_gone)
        api_answer_refusal(&answer, false, NULL, NULL);
    api_answer_clear(&answer);
    return is_gone;
}

static void say_written(const struct archive *a, const char *id, uint64_t calls)
{
    if (!session_is_json(a->session)) {
        out_line("%s: %" PRIu64 " calls", id, calls);
        return;
    }
    cJSON *line = cJSON_CreateObject();
    (void)json_add_str(line, "batchId", id);
    (void)json_add_i64(line, "calls", (int64_t)calls);
    (void)!out_json_take(line);
}

/* A batch that has ended and is wanted. */
static void archive_ended(struct archive *a, const char *id, const cJSON *batch)
{
    bool is_there = false;
    uint64_t calls = 0;
    int err = target_has(a, id, number_in(batch, "statistics", "total"), &is_there);
    if (!err && !is_there)
        err = write_batch(a, id, batch, &calls);
    if (err || (conf_bool(session_conf(a->session), "remove") && !remove_batch(a, id))) {
        a->failed++;
    } else if (is_there) {
        a->there_already++;
    } else {
        a->written++;
        say_written(a, id, calls);
    }
}

/* `is_named`: by the user, who is told why it is not archived. */
static void archive_one(struct archive *a, const char *id, bool is_named)
{
    struct api_answer answer;
    char path[LIMIT_BATCH_ID_LEN + 32];
    snprintf(path, sizeof path, "/api/v1/batch/%s", id);
    if (api_client_ask(a->api, "GET", path, NULL, 0, TIMEOUT_MS, &answer) != 0) {
        api_client_complain(a->api);
        a->failed++;
        return;
    }
    const cJSON *ongoing = cJSON_GetObjectItemCaseSensitive(answer.body, "ongoing");
    bool is_over = has_ended(api_answer_text(&answer, "status")) && (!ongoing || ongoing->valuedouble <= 0);
    if (answer.status != 200 && (is_named || answer.status != 404)) {
        api_answer_refusal(&answer, false, NULL, NULL);
        a->failed++;
    } else if (answer.status == 200 && is_over && ended_in_time(a, answer.body)) {
        archive_ended(a, id, answer.body);
    } else if (is_named) {
        out_complain("%s has not ended, or not in time", id);
        a->failed++;
    }
    api_answer_clear(&answer);
}

/* ---- all of them, newest first ---- */

/* The rows of a page that have ended; `ret_oldest_ms` is when the last row was created. */
static int archive_page(struct archive *a, const cJSON *rows, int64_t *ret_oldest_ms)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(row, "batchId");
        const cJSON *status = cJSON_GetObjectItemCaseSensitive(row, "status");
        const cJSON *created = cJSON_GetObjectItemCaseSensitive(row, "createdAt");
        struct timestamp_parts parts;
        const char *why;
        if (!cJSON_IsString(id) || check_batch(id->valuestring, &why) != 0 || !cJSON_IsString(status) ||
            !cJSON_IsString(created) ||
            timestamp_parse(created->valuestring, strlen(created->valuestring), &parts) != 0)
            return ERR_PROTOCOL;
        *ret_oldest_ms = parts.wall_ms;
        if (has_ended(status->valuestring))
            archive_one(a, id->valuestring, false);
        if (session_signal(a->session) != 0)
            return ERR_TIMEOUT;
    }
    return 0;
}

/* A page of those created before `to_ms`. `ret_to_ms` is where the next one begins: it has the last instant of this
 * page again, since others may share it; 0 behind the last. */
static int ask_page(struct archive *a, int64_t to_ms, int64_t *ret_to_ms)
{
    char to[TIMESTAMP_LEN + 1], path[128];
    struct api_answer answer;
    timestamp_format(to_ms, to);
    snprintf(path, sizeof path, "/api/v1/batch/list?limit=%d&to=%s", LIMIT_LIST, to);
    if (api_client_ask(a->api, "GET", path, NULL, 0, TIMEOUT_MS, &answer) != 0) {
        api_client_complain(a->api);
        return ERR_UNAVAILABLE;
    }
    int64_t oldest_ms = 0;
    int err =
        answer.status == 200 && cJSON_IsArray(answer.body) ? archive_page(a, answer.body, &oldest_ms) : ERR_PROTOCOL;
    if (err == ERR_PROTOCOL)
        api_answer_refusal(&answer, false, NULL, NULL);
    bool is_last = cJSON_GetArraySize(answer.body) < LIMIT_LIST;
    *ret_to_ms = is_last ? 0 : oldest_ms + 1 < to_ms ? oldest_ms + 1 : oldest_ms;
    api_answer_clear(&answer);
    return err;
}

static int archive_all(struct archive *a)
{
    int64_t to_ms = LIMIT_INSTANT_MS;
    int err = 0;
    while (!err && to_ms > 0)
        err = ask_page(a, to_ms, &to_ms);
    return err;
}

static int archive_named(struct archive *a)
{
    const struct conf *conf = session_conf(a->session);
    for (size_t i = 0; i < conf_count(conf, "batch") && session_signal(a->session) == 0; i++)
        archive_one(a, conf_str_at(conf, "batch", i), true);
    return 0;
}

/* ---- the verb ---- */

static void read_before(struct archive *a)
{
    const char *text = conf_str(session_conf(a->session), "ended-before");
    struct timestamp_parts parts;
    a->before_ms = LIMIT_INSTANT_MS;
    if (text && timestamp_parse(text, strlen(text), &parts) == 0)
        a->before_ms = parts.wall_ms - INT64_C(1000) * parts.offset_s;
}

static enum cli_exit run_archive(struct session *s)
{
    struct archive a = {.session = s};
    read_before(&a);
    enum cli_exit status = open_target(&a);
    if (status == CLI_DONE)
        status = api_client_open(s, &a.api);
    if (status == CLI_DONE) {
        int err = session_catch_signals(s);
        if (!err)
            err = conf_count(session_conf(s), "batch") > 0 ? archive_named(&a) : archive_all(&a);
        out_note("archived %" PRIu64 " batches, %" PRIu64 " were there already, %" PRIu64 " failed", a.written,
                 a.there_already, a.failed);
        status = err || a.failed > 0 ? CLI_FAILED : CLI_DONE;
    }
    api_client_close(a.api);
    archive_s3_free(a.s3);
    file_free_secret(a.credentials);
    return status;
}

const struct cli_verb *cli_archive_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "archive",
            .subjects = "TARGET",
            .n_subjects = 1,
            .options = OPTIONS,
            .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
            .help = "write batches that have ended to files, before they are removed",
            .about =
                "TARGET is a folder, or s3://BUCKET/PREFIX. Each batch becomes BATCH.ndjson: its status, a line for\n"
                "each call, and a last line without which it is not whole. What is there already is passed over.",
            .run = run_archive,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
