/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/csv_chunks.h"
#include "producer/cli/import_csv.h"
#include "producer/cli/out.h"
#include "producer/cli/terminal.h"
#include "producer/cli/upload_bar.h"

#define CHUNK_TIMEOUT_MS 150000 /* beyond what the producer allows itself for a body */
#define ERRORS_TOLD 50
#define WIDTH_UNKNOWN 80
#define DRAW_US 100000 /* between two pictures */

struct upload {
    const struct upload_config *config; /* borrowed */
    struct csv_chunks *chunks;
    struct csv_chunk chunk; /* the one that is sent next */
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    char state[32];
    bool is_replay; /* an earlier run made the draft */
    int64_t total;
    uint64_t duplicates;

    struct upload_progress progress;
    int64_t began_us;
    int64_t drawn_us;
    bool is_terminal;
    bool is_drawn;
};

/* ---- the bar, on stderr: stdout is for the answer ---- */

static void erase(void *arg)
{
    struct upload *u = arg;
    if (u->is_drawn)
        fputs("\r\033[J", stderr);
    u->is_drawn = false;
}

static void draw(struct upload *u, bool is_last)
{
    struct buf text;
    int64_t now_us = clock_mono_us();
    if (!u->is_terminal || (!is_last && u->is_drawn && now_us - u->drawn_us < DRAW_US))
        return;
    u->progress.elapsed_us = now_us - u->began_us;
    buf_init(&text, UPLOAD_BAR_MOST);
    /* The last column stays free: some terminals go on to the next line there. */
    if (upload_bar_render(&u->progress, terminal_columns(STDERR_FILENO, WIDTH_UNKNOWN) - 1, &text) == 0) {
        erase(u);
        fprintf(stderr, "%s%s", buf_str(&text), is_last ? "\n" : "");
        u->is_drawn = !is_last;
        u->drawn_us = now_us;
    }
    buf_free(&text);
}

/* ---- asking ---- */

static int64_t count_of(const struct api_answer *answer, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(answer->body, name);
    bool is_count = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= (double)LIMIT_COUNT;
    return is_count ? (int64_t)item->valuedouble : 0;
}

static enum cli_exit tell_unanswered(struct upload *u)
{
    erase(u);
    if (session_signal(u->config->session) == 0)
        api_client_complain(u->config->patience->api);
    out_complain("%s%s: the same command again goes on from here", u->batch_id[0] ? u->batch_id : "nothing",
                 u->batch_id[0] ? " is not complete" : " is known to be submitted");
    return CLI_FAILED;
}

static enum cli_exit tell_refused(struct upload *u, const struct api_answer *answer)
{
    erase(u);
    api_answer_refusal(answer, session_is_json(u->config->session), NULL, NULL);
    return CLI_FAILED;
}

/* CLI_DONE where the answer is a good one, whatever its status of 2xx; otherwise it was told, and cleared. */
static enum cli_exit ask(struct upload *u, const struct api_request *request, struct api_answer *ret_answer)
{
    if (patience_ask(u->config->patience, request, ret_answer) != 0)
        return tell_unanswered(u);
    if (ret_answer->status / 100 == 2 && cJSON_IsObject(ret_answer->body))
        return CLI_DONE;
    enum cli_exit status = tell_refused(u, ret_answer);
    api_answer_clear(ret_answer);
    return status;
}

static void path_of(const struct upload *u, const char *rest, char *ret, size_t cap)
{
    snprintf(ret, cap, "/api/v1/batch/%s%s", u->batch_id, rest);
}
#define PATH_MOST (LIMIT_BATCH_ID_LEN + 96)

static void take_state(struct upload *u, const char *state)
{
    snprintf(u->state, sizeof u->state, "%s", state);
}

static bool is_draft(const struct upload *u)
{
    return strcmp(u->state, "draft") == 0;
}

/* ---- the draft ---- */

/* An earlier run of the same command may have started it, and it may be over by now. */
static enum cli_exit look(struct upload *u)
{
    struct api_answer answer;
    char path[PATH_MOST];
    path_of(u, "", path, sizeof path);
    const struct api_request request = {.method = "GET", .path = path, .timeout_ms = API_TIMEOUT_MS};
    enum cli_exit status = ask(u, &request, &answer);
    if (status != CLI_DONE)
        return status;
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(answer.body, "statistics");
    const struct api_answer counts = {.body = (cJSON *)statistics};
    take_state(u, api_answer_text(&answer, "status"));
    u->total = count_of(&counts, "total");
    api_answer_clear(&answer);
    return CLI_DONE;
}

static enum cli_exit make_draft(struct upload *u)
{
    const struct api_request request = {
        .method = "POST",
        .path = "/api/v1/batch?draft=true",
        .idempotency_key = u->config->idempotency_key,
        .body = u->config->body,
        .len = u->config->len,
        .timeout_ms = API_TIMEOUT_MS,
    };
    struct api_answer answer;
    char cell[LIMIT_CELL_ID_LEN + 1];
    enum cli_exit status = ask(u, &request, &answer);
    if (status != CLI_DONE)
        return status;
    const char *id = api_answer_text(&answer, "batchId");
    if (ident_batch_cell(id, strlen(id), cell) == 0) {
        snprintf(u->batch_id, sizeof u->batch_id, "%s", id);
        take_state(u, api_answer_text(&answer, "status"));
        u->is_replay = answer.is_replay;
    } else {
        status = tell_refused(u, &answer);
    }
    api_answer_clear(&answer);
    return status == CLI_DONE && u->is_replay ? look(u) : status;
}

/* ---- its contacts ---- */

static enum cli_exit tell_file(struct upload *u, int err)
{
    const char *name = u->config->contacts->name;
    erase(u);
    if (err == ERR_NOT_FOUND)
        out_complain("%s: is empty: its first row must name the columns, one of them phoneNumber", name);
    else if (err == ERR_IO)
        out_complain("%s: %s", name, strerror(errno));
    else if (err == ERR_TOO_LARGE)
        out_complain("%s: has a line of more than 4 MiB: is it a CSV file?", name);
    else if (err != ERR_INVALID) /* the header's faults were told */
        out_complain("%s: cannot be read: %s", name, err_name(err));
    return CLI_FAILED;
}

/* The first one before anything is asked for: a file that is none makes no draft. */
static enum cli_exit read_chunk(struct upload *u)
{
    int err = csv_chunks_next(u->chunks, &u->chunk);
    return err ? tell_file(u, err) : CLI_DONE;
}

static enum cli_exit send_chunk(struct upload *u, const struct csv_chunk *chunk)
{
    char path[PATH_MOST], rest[64];
    struct api_answer answer;
    snprintf(rest, sizeof rest, "/contacts?chunk=%" PRIu64, chunk->number);
    path_of(u, rest, path, sizeof path);
    const struct api_request request = {
        .method = "POST",
        .path = path,
        .content_type = "text/csv; charset=utf-8",
        .body = chunk->bytes,
        .len = chunk->len,
        .timeout_ms = CHUNK_TIMEOUT_MS,
    };
    enum cli_exit status = ask(u, &request, &answer);
    if (status != CLI_DONE)
        return status;
    u->total = count_of(&answer, "total");
    u->duplicates += (uint64_t)count_of(&answer, "duplicates");
    u->progress.rejected += (uint64_t)count_of(&answer, "rejected");
    u->progress.rows += chunk->n_rows;
    u->progress.bytes = chunk->end;
    api_answer_clear(&answer);
    draw(u, false);
    return CLI_DONE;
}

static enum cli_exit send_chunks(struct upload *u)
{
    enum cli_exit status = CLI_DONE;
    draw(u, false);
    while (status == CLI_DONE && u->chunk.len > 0) {
        status = send_chunk(u, &u->chunk);
        if (status == CLI_DONE)
            status = read_chunk(u);
    }
    return status;
}

/* What was sent must be what the draft is called by. */
static enum cli_exit check_file(struct upload *u)
{
    char digest[2 * DIGEST_SHA256_LEN + 1];
    int err = csv_chunks_digest(u->chunks, digest);
    if (err)
        return tell_file(u, err);
    if (strcmp(digest, u->config->contacts->digest) == 0)
        return CLI_DONE;
    erase(u);
    out_complain("%s was changed while it was read: %s stays a draft, which is not started", u->config->contacts->name,
                 u->batch_id);
    return CLI_FAILED;
}

/* ---- its start ---- */

static enum cli_exit start(struct upload *u)
{
    char path[PATH_MOST];
    struct api_answer answer;
    path_of(u, "/start", path, sizeof path);
    const struct api_request request = {.method = "POST", .path = path, .timeout_ms = API_TIMEOUT_MS};
    if (patience_ask(u->config->patience, &request, &answer) != 0)
        return tell_unanswered(u);
    enum cli_exit status = CLI_DONE;
    const struct api_answer details = {.body = cJSON_GetObjectItemCaseSensitive(answer.body, "details")};
    const char *state = api_answer_text(&details, "status");
    bool was_started = answer.status == 409 && state[0] && strcmp(state, "draft") != 0; /* by a request that got lost */
    if (was_started)
        take_state(u, state);
    else if (answer.status / 100 == 2 && cJSON_IsObject(answer.body))
        take_state(u, api_answer_text(&answer, "status"));
    else
        status = tell_refused(u, &answer);
    if (status != CLI_DONE)
        out_complain("%s stays a draft: the same command again starts it", u->batch_id);
    api_answer_clear(&answer);
    return status;
}

/* ---- what became of it ---- */

static void tell_row(const struct upload *u, const cJSON *row)
{
    const struct api_answer item = {.body = (cJSON *)row};
    uint64_t at = csv_chunks_row(u->chunks, (uint64_t)count_of(&item, "chunk"), (uint64_t)count_of(&item, "row"));
    const char *field = api_answer_text(&item, "field");
    out_note("%s: row %" PRIu64 ": %s%s%s", u->config->contacts->name, at, field, field[0] ? " " : "",
             api_answer_text(&item, "code"));
}

/* Rows by their place in the file, never what stands there: numbers have no business in a log. */
static void tell_rows(struct upload *u)
{
    struct api_answer answer;
    char path[PATH_MOST], rest[32];
    snprintf(rest, sizeof rest, "/errors?limit=%d", ERRORS_TOLD);
    path_of(u, rest, path, sizeof path);
    const struct api_request request = {.method = "GET", .path = path, .timeout_ms = API_TIMEOUT_MS};
    if (ask(u, &request, &answer) != CLI_DONE)
        return;
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(answer.body, "errors"))
    {
        tell_row(u, row);
    }
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(answer.body, "nextCursor");
    if (cJSON_IsString(next))
        out_note("%s: further rows are not listed: GET /api/v1/batch/%s/errors", u->config->contacts->name,
                 u->batch_id);
    api_answer_clear(&answer);
}

static void tell_left_out(struct upload *u)
{
    uint64_t left_out = u->progress.rejected + u->duplicates;
    if (left_out == 0)
        return;
    tell_rows(u);
    out_note("%s: %" PRIu64 " %s left out, %" PRId64 " %s", u->config->contacts->name, left_out,
             left_out == 1 ? "row" : "rows", u->total, u->total == 1 ? "contact" : "contacts");
}

static enum cli_exit print_json(const struct upload *u)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", u->batch_id) &&
                    json_add_str(body, "status", u->state) && json_add_i64(body, "total", u->total) &&
                    json_add_i64(body, "rejectedRows", (int64_t)u->progress.rejected) &&
                    json_add_i64(body, "duplicateRows", (int64_t)u->duplicates) &&
                    cJSON_AddBoolToObject(body, "resumed", u->is_replay);
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    return out_json_take(body);
}

static enum cli_exit tell_made(const struct upload *u)
{
    enum cli_exit status = CLI_DONE;
    if (session_is_json(u->config->session))
        status = print_json(u);
    else
        out_line("%s %s, %" PRId64 " contact%s", u->batch_id, u->state, u->total, u->total == 1 ? "" : "s");
    (void)fflush(stdout); /* main() looks at what became of it */
    return status;
}

/* ---- all of it ---- */

static enum cli_exit tell_empty(const struct upload *u)
{
    out_complain("%s: holds no contact", u->config->contacts->name);
    return CLI_FAILED;
}

static enum cli_exit fill(struct upload *u)
{
    enum cli_exit status = send_chunks(u);
    if (status == CLI_DONE)
        status = check_file(u);
    if (status != CLI_DONE)
        return status;
    u->progress.bytes = u->progress.total_bytes;
    draw(u, true);
    tell_left_out(u);
    if (u->total == 0)
        return tell_empty(u);
    return u->config->is_draft ? CLI_DONE : start(u);
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    const struct upload *u = arg;
    struct contact_columns *columns = NULL;
    int err = import_csv_header(u->config->contacts->name, at, fields, n, &columns);
    contact_columns_free(columns);
    return err;
}

static void on_bad_header(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    const struct upload *u = arg;
    out_note("%s: row %" PRIu64 ": %s (%s)", u->config->contacts->name, at.row, detail, csv_fault_name(fault));
}

static int open_chunks(struct upload *u)
{
    const struct csv_chunks_config config = {
        .file = u->config->contacts->file,
        .chunk_bytes = u->config->chunk_bytes,
        .on_header = on_header,
        .on_bad_header = on_bad_header,
        .arg = u,
    };
    return csv_chunks_create(&config, &u->chunks);
}

enum cli_exit upload_run(const struct upload_config *config, char ret_batch[LIMIT_BATCH_ID_LEN + 1])
{
    struct upload u = {
        .config = config,
        .progress = {.total_bytes = config->contacts->bytes},
        .began_us = clock_mono_us(),
        .is_terminal = terminal_can_redraw(STDERR_FILENO),
    };
    config->patience->before_telling = erase;
    config->patience->arg = &u;
    int err = open_chunks(&u);
    enum cli_exit status = err ? tell_file(&u, err) : read_chunk(&u);
    if (status == CLI_DONE && u.chunk.len == 0)
        status = tell_empty(&u);
    if (status == CLI_DONE)
        status = make_draft(&u);
    if (status == CLI_DONE && u.is_replay && !is_draft(&u))
        out_note(
            "%s was submitted before with the same files: nothing is sent again (--run NAME submits them once more)",
            u.batch_id);
    else if (status == CLI_DONE)
        status = fill(&u);
    if (status == CLI_DONE)
        status = tell_made(&u);
    if (status == CLI_DONE)
        memcpy(ret_batch, u.batch_id, sizeof u.batch_id);
    config->patience->before_telling = NULL;
    csv_chunks_free(u.chunks);
    return status;
}
