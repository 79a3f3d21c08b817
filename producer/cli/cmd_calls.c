/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon calls`: a batch's calls one by one, page after page as the producer gives them. `carillon export`: the
 * same with their contacts, as one file.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/domain/outcome.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

#define PAGE_TIMEOUT_MS 60000
#define EXPORT_TIMEOUT_MS (INT64_C(24) * 3600 * 1000)
#define ROW_FORMAT "%-9s  %-16s  %-14s  %8s  %8s  %-24s  %s"

static int check_outcome(const char *text, const char **ret_why)
{
    enum outcome outcome;
    *ret_why = "is no outcome, such as BUSY or NO_ANSWER (docs/states.md)";
    return outcome_from_name(text, strlen(text), &outcome);
}

static const struct conf_option OPTIONS[] = {
    {.name = "status",
     .kind = CONF_CHOICE,
     .choices = "SCHEDULED|ONGOING|COMPLETED|MISSED|FAILED",
     .flags = CONF_FLAG_ONLY,
     .help = "only calls that stand so"},
    {.name = "outcome",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "only calls whose last attempt ended so",
     .check = check_outcome},
    {.name = "format",
     .kind = CONF_CHOICE,
     .choices = "csv|ndjson",
     .default_text = "csv",
     .flags = CONF_FLAG_ONLY,
     .help = "of the file"},
};
#define CALLS_OPTIONS 2 /* without --format */

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) && item->valuestring[0] ? item->valuestring : "-";
}

static const char *number_of(const cJSON *object, const char *name, char *ret, size_t cap)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item))
        return "-";
    snprintf(ret, cap, "%.0f", item->valuedouble);
    return ret;
}

/* A call's place in its batch is what its id ends with. */
static const char *place_of(const cJSON *call)
{
    const char *id = text_of(call, "id"), *dash = strrchr(id, '-');
    return dash && dash[1] ? dash + 1 : id;
}

static void print_call(const cJSON *call)
{
    char attempts[24], duration[24];
    out_line(ROW_FORMAT, place_of(call), text_of(call, "phoneNumber"), text_of(call, "status"),
             number_of(call, "attempts", attempts, sizeof attempts),
             number_of(call, "duration", duration, sizeof duration), text_of(call, "createdAt"),
             text_of(call, "outcome"));
}

/* `is_first`: the headings go before it. */
static enum cli_exit print_page(const cJSON *body, bool as_json, bool is_first)
{
    const cJSON *calls = cJSON_GetObjectItemCaseSensitive(body, "calls"), *call;
    enum cli_exit status = CLI_DONE;
    if (is_first && !as_json)
        out_line(ROW_FORMAT, "CALL", "NUMBER", "STATUS", "ATTEMPTS", "SECONDS", "LAST BEGIN", "OUTCOME");
    cJSON_ArrayForEach(call, calls)
    {
        if (status != CLI_DONE)
            break;
        if (as_json)
            status = out_json(call);
        else
            print_call(call);
    }
    return status;
}

/* Cursors are letters and digits; nothing else goes into a path. "" behind the last page. */
static bool take_cursor(const cJSON *body, char *ret_cursor, size_t cap)
{
    const cJSON *next = cJSON_GetObjectItemCaseSensitive(body, "nextCursor");
    ret_cursor[0] = '\0';
    if (!cJSON_IsString(next))
        return cJSON_IsNull(next);
    size_t len = strlen(next->valuestring);
    if (!ident_is_valid(next->valuestring, len, cap - 1))
        return false;
    memcpy(ret_cursor, next->valuestring, len + 1);
    return true;
}

#define CURSOR_CAP 256

/* `cursor` is the page's own before, and the next one's after. */
static enum cli_exit ask_page(struct session *s, struct api_client *api, const char *path, char *cursor)
{
    bool is_first = cursor[0] == '\0';
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    if (api_client_ask(api, "GET", path, NULL, 0, PAGE_TIMEOUT_MS, &answer) != 0) {
        api_client_complain(api);
        return CLI_FAILED;
    }
    if (!api_answer_is(&answer, 200) || !take_cursor(answer.body, cursor, CURSOR_CAP))
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    else
        status = print_page(answer.body, session_is_json(s), is_first);
    api_answer_clear(&answer);
    return status;
}

static enum cli_exit ask_pages(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    const char *status = conf_str(session_conf(s), "status"), *outcome = conf_str(session_conf(s), "outcome");
    char path[LIMIT_BATCH_ID_LEN + CURSOR_CAP + 128], cursor[CURSOR_CAP] = "";
    enum cli_exit ended;
    do {
        snprintf(path, sizeof path, "/api/v1/batch/%s/calls?limit=%d%s%s%s%s%s%s", id, LIMIT_LIST,
                 status ? "&status=" : "", status ? status : "", outcome ? "&outcome=" : "", outcome ? outcome : "",
                 cursor[0] ? "&cursor=" : "", cursor);
        ended = ask_page(s, api, path, cursor);
    } while (ended == CLI_DONE && cursor[0] && out_is_taken());
    return ended;
}

/* ---- the export ---- */

struct to_stdout {
    bool is_terminal; /* which obeys control characters */
    bool has_lead; /* a byte that begins C1 in its UTF-8 form, and other characters, waits for the next */
    bool has_failed;
};

static void put_to_terminal(struct to_stdout *out, unsigned char c)
{
    bool is_c1 = out->has_lead && c >= 0x80 && c <= 0x9F;
    bool is_control = is_c1 || (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
    if (out->has_lead && !is_c1)
        putc(0xC2, stdout);
    out->has_lead = c == 0xC2;
    if (!out->has_lead)
        putc(is_control ? '?' : c, stdout);
}

static bool on_data(const char *data, size_t len, void *arg)
{
    struct to_stdout *out = arg;
    if (!out->is_terminal) {
        out->has_failed = fwrite(data, 1, len, stdout) != len;
        return !out->has_failed;
    }
    for (size_t i = 0; i < len; i++)
        put_to_terminal(out, (unsigned char)data[i]);
    return true;
}

static enum cli_exit fetch_export(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    const struct conf *conf = session_conf(s);
    const char *status = conf_str(conf, "status"), *outcome = conf_str(conf, "outcome");
    const char *format = session_is_json(s) ? "ndjson" : conf_str(conf, "format");
    struct to_stdout out = {.is_terminal = isatty(STDOUT_FILENO) == 1};
    struct api_answer answer;
    char path[LIMIT_BATCH_ID_LEN + 160];
    snprintf(path, sizeof path, "/api/v1/batch/%s/calls/export?format=%s%s%s%s%s", id, format, status ? "&status=" : "",
             status ? status : "", outcome ? "&outcome=" : "", outcome ? outcome : "");
    int rc = api_client_fetch(api, path, EXPORT_TIMEOUT_MS, on_data, &out, &answer);
    bool is_written = fflush(stdout) == 0 && !out.has_failed;
    if (!is_written)
        out_complain("stdout: the export cannot be written");
    else if (rc != 0)
        out_complain("the export is not whole: %s", api_client_problem(api));
    if (rc != 0 || !is_written)
        return CLI_FAILED;
    bool is_done = answer.status == 200;
    if (!is_done)
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    api_answer_clear(&answer);
    return is_done ? CLI_DONE : CLI_FAILED;
}

/* ---- the verbs ---- */

static enum cli_exit run_calls(struct session *s)
{
    return batch_verb_run(s, ask_pages, NULL);
}

static enum cli_exit run_export(struct session *s)
{
    return batch_verb_run(s, fetch_export, NULL);
}

const struct cli_verb *cli_calls_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "calls",
            .subjects = "BATCH",
            .n_subjects = 1,
            .options = OPTIONS,
            .n_options = CALLS_OPTIONS,
            .help = "list a batch's calls, one by one",
            .about = "By their place in the batch, all of them. With --json each call is a line of its own.",
            .run = run_calls,
        },
        {
            .words = "export",
            .subjects = "BATCH",
            .n_subjects = 1,
            .options = OPTIONS,
            .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
            .help = "write a batch's calls and contacts to stdout",
            .about = "CSV with a header line, or one JSON object a line (--format ndjson, or --json). Where it ends\n"
                     "with another status than 0 the file is not whole.",
            .run = run_export,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
