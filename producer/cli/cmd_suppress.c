/* SPDX-License-Identifier: Apache-2.0
 *
 * Do-not-call numbers by the producer's API: suppress add, remove, list. A tenant's key is about the tenant's list, an
 * operator's about everybody's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/input.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

#define PATH "/api/v1/suppressions"
#define FAULTS_TOLD 50

/* ---- a file of numbers ---- */

struct numbers {
    uint64_t *items;
    size_t n;
    size_t faults;
};

static void take_line(struct numbers *numbers, const char *line, size_t len, size_t line_number, const char *name)
{
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    if (len == 0)
        return;
    if (phone_parse(line, len, &numbers->items[numbers->n]) == 0)
        numbers->n++;
    else if (numbers->faults++ < FAULTS_TOLD)
        out_complain("%s: line %zu is not an international number like +15550001111", name, line_number);
}

static size_t lines_of(const char *text, size_t len)
{
    size_t lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static void take_lines(struct numbers *numbers, const char *text, size_t len, const char *name)
{
    size_t line_number = 1;
    for (const char *at = text, *end = text + len; at < end; line_number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line_len = stop ? (size_t)(stop - at) : (size_t)(end - at);
        take_line(numbers, at, line_len, line_number, name);
        at += line_len + 1;
    }
    if (numbers->faults > FAULTS_TOLD)
        out_complain("%s: and %zu lines more", name, numbers->faults - FAULTS_TOLD);
    else if (numbers->faults == 0 && numbers->n == 0)
        out_complain("%s holds no number", name);
}

/* True where every line is a number, and there is one; otherwise it has said what is wrong. */
static bool read_numbers(const char *path, struct numbers *ret_numbers)
{
    const char *name = input_name(path);
    char *text;
    size_t len;
    int rc = input_read(path, LIMIT_BODY_BYTES, &text, &len);
    if (rc != 0) {
        out_complain("%s: %s", name, rc == ERR_IO ? strerror(errno) : rc == ERR_NOMEM ? "out of memory" : "too large");
        return false;
    }
    ret_numbers->items = calloc(lines_of(text, len), sizeof ret_numbers->items[0]);
    if (ret_numbers->items)
        take_lines(ret_numbers, text, len, name);
    else
        out_complain("%s: out of memory", name);
    free(text);
    return ret_numbers->faults == 0 && ret_numbers->n > 0;
}

/* ---- asking ---- */

/* 0 and an answer of status 200 with a body, or it has said why not. */
static int ask(struct session *s, struct api_client *api, const char *method, const char *path, const struct buf *body,
               struct api_answer *ret_answer)
{
    if (api_client_ask(api, method, path, body ? buf_str(body) : NULL, body ? buf_len(body) : 0, API_TIMEOUT_MS,
                       ret_answer) != 0) {
        api_client_complain(api);
        return ERR_UNAVAILABLE;
    }
    if (api_answer_is(ret_answer, 200))
        return 0;
    api_answer_refusal(ret_answer, session_is_json(s), NULL, NULL);
    api_answer_clear(ret_answer);
    return ERR_DENIED;
}

static int make_body(const uint64_t *items, size_t n, struct buf *body)
{
    buf_clear(body);
    int rc = buf_append_str(body, "{\"phoneNumbers\":[");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        char text[PHONE_TEXT_LEN + 1];
        phone_format(items[i], text);
        rc = buf_printf(body, "%s\"%s\"", i > 0 ? "," : "", text);
    }
    return rc != 0 ? rc : buf_append_str(body, "]}");
}

static int64_t count_of(const struct api_answer *answer, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(answer->body, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

/* ---- add, remove ---- */

struct tally {
    const char *method, *changed_name, *others_name;
    int64_t changed, others, total;
};

static int send_part(struct session *s, struct api_client *api, const uint64_t *items, size_t n, struct tally *tally)
{
    struct buf body;
    struct api_answer answer;
    buf_init(&body, LIMIT_SUPPRESSIONS_BODY_BYTES);
    int rc = make_body(items, n, &body);
    if (rc != 0)
        out_complain("out of memory");
    else
        rc = ask(s, api, tally->method, PATH, &body, &answer);
    buf_free(&body);
    if (rc != 0)
        return rc;
    tally->changed += count_of(&answer, tally->changed_name);
    tally->others += count_of(&answer, tally->others_name);
    tally->total = count_of(&answer, "total");
    api_answer_clear(&answer);
    return 0;
}

static enum cli_exit tell(const struct session *s, const struct tally *tally)
{
    if (!session_is_json(s)) {
        out_line("%lld %s, %lld %s, %lld on the list", (long long)tally->changed, tally->changed_name,
                 (long long)tally->others, tally->others_name, (long long)tally->total);
        return CLI_DONE;
    }
    cJSON *body = cJSON_CreateObject();
    if (json_add_i64(body, tally->changed_name, tally->changed) &&
        json_add_i64(body, tally->others_name, tally->others) && json_add_i64(body, "total", tally->total))
        return out_json_take(body);
    cJSON_Delete(body);
    return out_json_take(NULL);
}

static enum cli_exit change(struct session *s, struct tally *tally)
{
    struct numbers numbers = {.items = NULL};
    struct api_client *api;
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    int rc = read_numbers(conf_rest(session_conf(s), 0), &numbers) ? 0 : ERR_INVALID;
    for (size_t at = 0; rc == 0 && at < numbers.n; at += LIMIT_SUPPRESSIONS_CHANGED) {
        size_t left = numbers.n - at;
        rc = send_part(s, api, numbers.items + at,
                       left < LIMIT_SUPPRESSIONS_CHANGED ? left : LIMIT_SUPPRESSIONS_CHANGED, tally);
    }
    free(numbers.items);
    api_client_close(api);
    return rc == 0 ? tell(s, tally) : CLI_FAILED;
}

static enum cli_exit run_add(struct session *s)
{
    return change(s, &(struct tally){.method = "PUT", .changed_name = "added", .others_name = "known"});
}

static enum cli_exit run_remove(struct session *s)
{
    return change(s, &(struct tally){.method = "DELETE", .changed_name = "removed", .others_name = "unknown"});
}

/* ---- list ---- */

static enum cli_exit print_page(const struct session *s, const cJSON *body)
{
    const cJSON *number;
    if (session_is_json(s))
        return out_json(body);
    cJSON_ArrayForEach(number, cJSON_GetObjectItemCaseSensitive(body, "phoneNumbers"))
    {
        if (cJSON_IsString(number))
            out_line("%s", number->valuestring);
    }
    return CLI_DONE;
}

static enum cli_exit print_pages(struct session *s, struct api_client *api)
{
    char path[sizeof PATH + 128] = PATH;
    enum cli_exit status;
    bool has_more;
    do {
        struct api_answer answer;
        if (ask(s, api, "GET", path, NULL, &answer) != 0)
            return CLI_FAILED;
        const char *cursor = api_answer_text(&answer, "nextCursor");
        has_more = cursor[0] != '\0';
        snprintf(path, sizeof path, PATH "?cursor=%s", cursor);
        status = print_page(s, answer.body);
        api_answer_clear(&answer);
    } while (status == CLI_DONE && has_more && out_is_taken());
    return status;
}

static enum cli_exit run_list(struct session *s)
{
    struct api_client *api;
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    status = print_pages(s, api);
    api_client_close(api);
    return status;
}

#define WHOSE "With a tenant's key the list is the tenant's own, with an operator's key the one that holds for all.\n"

const struct cli_verb *cli_suppress_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "suppress add",
            .subjects = "FILE",
            .n_subjects = 1,
            .help = "put numbers on the do-not-call list",
            .about =
                "FILE holds a number a line; - is standard input. Where a line is no number nothing is sent.\n" WHOSE
                "A call to such a number does not begin: its contact ends as SUPPRESSED.",
            .run = run_add,
        },
        {
            .words = "suppress remove",
            .subjects = "FILE",
            .n_subjects = 1,
            .help = "take numbers off the do-not-call list",
            .about = "FILE holds a number a line; - is standard input. Contacts that have ended stay ended.",
            .run = run_remove,
        },
        {
            .words = "suppress list",
            .subjects = "",
            .n_subjects = 0,
            .help = "print the do-not-call list, a number a line",
            .about = WHOSE "With --json a line for each page of the API.",
            .run = run_list,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
