/* SPDX-License-Identifier: Apache-2.0
 *
 * The provider engine between a stranger's contacts and a stranger's platform. The first byte chooses what is done, the
 * second the profile, the rest is what goes in: the answer to a create request, to a poll, to a lookup; a callback and
 * its signature; a dial to be put into a request; or a whole profile. What comes out keeps its promises: nothing is
 * taken for placed or refused that may be otherwise, and no value leaves the string, field or segment it stands in.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/provider/provider.h"
#include "tests/support/form_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "batch_c0_a1b2.17.2.00112233445566778899aabbccddeeff"
#define NOW_MS INT64_C(1764000000000)
#define PROFILES_MAX (LIMIT_PROFILES + 1)

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* ---- what every mode has ---- */

static const struct provider_variable variables[] = {{"account_sid", "AC1"},
                                                     {"answer_url", "https://answers.example/x"},
                                                     {"region", "eu"},
                                                     {"machine_detection", "Enable"}};

static struct provider_trunk trunk_with(const char *credential)
{
    return (struct provider_trunk){.base_url = "https://api.platform.example",
                                   .credential = credential,
                                   .credential_len = strlen(credential),
                                   .variables = variables,
                                   .n_variables = sizeof variables / sizeof variables[0],
                                   .callback_base = "https://callbacks.example"};
}

/* The built-in ones and the one for tests. */
static const struct provider_profile *profile_at(uint8_t which)
{
    static struct provider_profile *profiles[PROFILES_MAX];
    static size_t n;
    if (n == 0) {
        const char *name;
        demand(provider_profile_load(form_profile_json, sizeof form_profile_json - 1, NULL, &profiles[n++]) == 0);
        for (size_t i = 0; (name = provider_profile_builtin_name(i)) != NULL; i++)
            demand(provider_profile_builtin(name, &profiles[n++]) == 0);
    }
    return profiles[which % n];
}

/* Cuts the line at `*at` off; what follows stays there. The line is in memory of its own, which the caller frees. */
static char *take_line(const char **at, size_t *len)
{
    const char *end = *len > 0 ? memchr(*at, '\n', *len) : NULL;
    size_t line_len = end != NULL ? (size_t)(end - *at) : *len;
    char *line = strndup(*at, line_len);
    demand(line != NULL);
    size_t taken = end != NULL ? line_len + 1 : line_len;
    *at += taken;
    *len -= taken;
    return line;
}

/* The next number of a line, from 0 to `most`; `fallback` where there is none. */
static int64_t take_number(const char **at, int64_t fallback, int64_t most)
{
    int64_t number;
    size_t len = strcspn(*at, " ");
    int rc = parse_i64(*at, len, 0, most, &number);
    *at += len + ((*at)[len] == ' ');
    return rc == 0 ? number : fallback;
}

/* A copy of exactly this size, so that reading behind it is noticed. */
static char *copy_of(const char *text, size_t len)
{
    char *copy = malloc(len + (len == 0));
    demand(copy != NULL);
    memcpy(copy, text, len);
    return copy;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text > 0x7E)
            return false;
    }
    return true;
}

static void check_reason(const char *reason, size_t cap)
{
    demand(strnlen(reason, cap) < cap && utf8_is_valid(reason, strlen(reason)));
    for (; *reason != '\0'; reason++)
        demand((unsigned char)*reason >= 0x20 && *reason != 0x7F);
}

/* ---- the answer to a create request ---- */

/* The first line: status, sent, cut, Retry-After; the rest is the body. */
static void judge_start(const struct provider_profile *profile, const char *text, size_t len)
{
    struct provider_start start;
    char *line = take_line(&text, &len);
    const char *at = line;
    int64_t status = take_number(&at, 0, 999), sent = take_number(&at, 1, 1), cut = take_number(&at, 0, 1);
    int64_t retry_ms = take_number(&at, -1, 86400000);
    free(line);
    char *body = copy_of(text, len);
    const struct provider_reply reply = {
        .status = status >= 100 ? (int)status : 0,
        .was_sent = sent != 0 || status >= 100,
        .body = body,
        .body_len = len,
        .body_cut = cut != 0,
        .retry_after_ms = retry_ms,
        .total_us = 1234,
        .detail = status >= 100 ? NULL : "connection reset",
    };
    provider_judge_start(profile, &reply, &start);
    free(body);
    demand(start.verdict <= VERDICT_UNKNOWN && outcome_name(start.outcome) != NULL);
    demand((start.provider_id[0] != '\0') == (start.verdict == VERDICT_ACCEPTED) && is_printable(start.provider_id));
    demand(start.verdict != VERDICT_ACCEPTED || (reply.status >= 200 && reply.status < 300 && !reply.body_cut));
    demand(start.verdict == VERDICT_REJECTED || start.outcome == OUTCOME_UNKNOWN);
    demand((start.verdict == VERDICT_NOT_SENT) == (reply.status == 0 && !reply.was_sent));
    demand(reply.status != 0 || !reply.was_sent || start.verdict == VERDICT_UNKNOWN);
    demand(reply.status < 500 || start.verdict == VERDICT_UNKNOWN || start.verdict == VERDICT_THROTTLED);
    demand(start.http_status == reply.status && start.total_us == 1234);
    check_reason(start.reason, sizeof start.reason);
}

/* ---- what is said of a call ---- */

static void check_result(const struct provider_result *result)
{
    demand(result->kind <= PROVIDER_ANALYZED && provider_kind_name(result->kind) != NULL);
    demand(result->verdict == VERDICT_ACCEPTED || result->verdict == VERDICT_THROTTLED ||
           result->verdict == VERDICT_ACCOUNT);
    demand(outcome_name(result->outcome) != NULL);
    demand(is_printable(result->provider_id) && is_printable(result->token));
    demand(result->start_ms >= -1 && result->end_ms >= -1 && result->duration_s >= -1);
    demand(result->success >= -1 && result->success <= 1);
    demand(utf8_is_valid(result->reason, strlen(result->reason)));
    if (result->summary != NULL)
        demand(strlen(result->summary) <= LIMIT_SUMMARY_BYTES &&
               utf8_is_valid(result->summary, strlen(result->summary)));
    if (result->recording_url != NULL)
        demand(strlen(result->recording_url) <= LIMIT_URL_LEN && is_printable(result->recording_url));
}

static void read_poll(const struct provider_profile *profile, const char *text, size_t len)
{
    struct provider_result result;
    char *body = copy_of(text, len);
    int rc = provider_read_poll(profile, body, len, &result);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_STATE);
    free(body);
    if (rc == 0) {
        check_result(&result);
        provider_result_clear(&result);
    }
}

static void read_lookup(const struct provider_profile *profile, const char *text, size_t len)
{
    static const char *const others[] = {"CA_of_another_dial", "call_of_another_dial"};
    const struct provider_lookup lookup = {.token = TOKEN,
                                           .to = "+15551230042",
                                           .from = "+15550001111",
                                           .begin_ms = NOW_MS,
                                           .exclude_ids = others,
                                           .n_exclude_ids = 2};
    struct provider_result result;
    size_t matches;
    char *body = copy_of(text, len);
    int rc = provider_read_lookup(profile, &lookup, body, len, &matches, &result);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_STATE);
    free(body);
    if (rc != 0)
        return;
    check_result(&result);
    demand((matches == 0) <= (result.kind == PROVIDER_NONE));
    demand(matches == 0 || (strcmp(result.provider_id, others[0]) != 0 && strcmp(result.provider_id, others[1]) != 0));
    provider_result_clear(&result);
}

/* ---- a callback and its signature ---- */

static const char *any_header(const char *name, void *arg)
{
    (void)name;
    return arg;
}

/* The first line is what stands in every header that is asked for, the second the URL; the rest is the body. */
static void verify_callback(const struct provider_profile *profile, const char *text, size_t len)
{
    const struct provider_trunk ours = trunk_with("key_of_the_platform"), others = trunk_with("key_of_somebody_else");
    struct provider_result result;
    char *header = take_line(&text, &len), *url = take_line(&text, &len), *body = copy_of(text, len);
    const struct provider_callback callback = {
        .url = url, .path_token = TOKEN, .body = body, .body_len = len, .header_fn = any_header, .header_arg = header};
    int rc = provider_verify_callback(profile, &ours, &callback, NOW_MS);
    demand(rc == 0 || rc == ERR_AUTH);
    demand(provider_verify_callback(profile, &others, &callback, NOW_MS) == ERR_AUTH);
    rc = provider_read_callback(profile, &callback, &result);
    demand(rc == 0 || rc == ERR_INVALID);
    if (rc == 0) {
        check_result(&result);
        provider_result_clear(&result);
    }
    free(header);
    free(url);
    free(body);
}

/* ---- a dial, put into requests ---- */

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

/* The member or field names of a body, in a set that is compared with that of a harmless dial. */
static cJSON *names_of(const struct provider_request *request)
{
    cJSON *names = NULL, *set = cJSON_CreateObject();
    demand(set != NULL);
    if (request->body == NULL)
        return set;
    if (request->body[0] == '{') {
        demand(json_parse(request->body, request->body_len, &names, NULL) == 0);
        for (cJSON *member = names->child; member != NULL; member = member->next)
            cJSON_AddTrueToObject(set, member->string);
        cJSON_Delete(names);
        return set;
    }
    for (const char *at = request->body; *at != '\0';) {
        size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&");
        char *name = strndup(at, name_len);
        demand(name != NULL && is_printable(name) && name_len < len + 1);
        if (cJSON_GetObjectItemCaseSensitive(set, name) == NULL)
            cJSON_AddTrueToObject(set, name);
        free(name);
        at += at[len] == '&' ? len + 1 : len;
    }
    return set;
}

static void check_within(const struct provider_request *request, const struct provider_request *harmless)
{
    cJSON *names = names_of(request), *known = names_of(harmless);
    for (cJSON *name = names->child; name != NULL; name = name->next)
        demand(cJSON_GetObjectItemCaseSensitive(known, name->string) != NULL);
    cJSON_Delete(names);
    cJSON_Delete(known);
    demand(strcmp(request->method, harmless->method) == 0 && request->n_headers == harmless->n_headers);
    demand(count(request->url, '/') == count(harmless->url, '/') && count(request->url, '#') == 0);
    demand(count(request->url, '&') <= count(harmless->url, '&') &&
           count(request->url, '?') == count(harmless->url, '?'));
}

static void check_request(const struct provider_request *request)
{
    static const char base[] = "https://api.platform.example/";
    demand(strncmp(request->url, base, sizeof base - 1) == 0 && strlen(request->url) <= LIMIT_URL_LEN);
    demand(is_printable(request->url) && strstr(request->url, "/../") == NULL && strstr(request->url, "/./") == NULL);
    for (size_t i = 0; i < request->n_headers; i++) {
        demand(is_printable(request->headers[i].name));
        for (const char *c = request->headers[i].value; *c != '\0'; c++)
            demand((unsigned char)*c >= 0x20 && *c != 0x7F);
    }
    if (request->body != NULL) {
        demand(request->body_len <= LIMIT_PROVIDER_REQUEST_BYTES && strlen(request->body) == request->body_len);
        demand(utf8_is_valid(request->body, request->body_len));
    }
}

/* `kind`: 0 start, 1 poll, 2 lookup, 3 cancel. */
static int render(const struct provider_profile *profile, int kind, const struct dial_request *dial, const char *id,
                  struct provider_request *ret_request)
{
    const struct provider_trunk trunk = trunk_with("key_of_the_platform");
    const struct provider_lookup lookup = {
        .token = dial->token, .to = dial->to, .from = dial->from, .begin_ms = NOW_MS};
    switch (kind) {
    case 0:
        return provider_render_start(profile, &trunk, dial, ret_request);
    case 1:
        return provider_render_poll(profile, &trunk, id, ret_request);
    case 2:
        return provider_render_lookup(profile, &trunk, &lookup, ret_request);
    default:
        return provider_render_cancel(profile, &trunk, id, ret_request);
    }
}

/* A line each: to, from, agent, name, e-mail, company, zone, contact's id, the platform's id; the rest is metadata. */
static void render_dial(const struct provider_profile *profile, const char *text, size_t len)
{
    static const struct dial_request harmless = {.to = "+15551230042",
                                                 .from = "+15550001111",
                                                 .agent_id = "a",
                                                 .token = TOKEN,
                                                 .batch_id = "batch_c0_1",
                                                 .call_id = "batch_c0_1-7",
                                                 .contact_id = "c",
                                                 .contact_name = "n",
                                                 .contact_email = "e",
                                                 .contact_company = "o",
                                                 .contact_timezone = "UTC",
                                                 .metadata = "{}",
                                                 .metadata_len = 2,
                                                 .ring_timeout_s = 30,
                                                 .max_call_duration_s = 1800};
    struct dial_request dial = harmless;
    const char **fields[] = {&dial.to,
                             &dial.from,
                             &dial.agent_id,
                             &dial.contact_name,
                             &dial.contact_email,
                             &dial.contact_company,
                             &dial.contact_timezone,
                             &dial.contact_id};
    char *lines[sizeof fields / sizeof fields[0] + 1];
    size_t n = sizeof fields / sizeof fields[0];
    for (size_t i = 0; i <= n; i++)
        lines[i] = take_line(&text, &len);
    for (size_t i = 0; i < n; i++)
        *fields[i] = lines[i];
    char *metadata = copy_of(text, len);
    dial.metadata = len > 0 ? metadata : NULL;
    dial.metadata_len = len;
    for (int kind = 0; kind < 4; kind++) {
        struct provider_request request, plain;
        int rc = render(profile, kind, &dial, lines[n], &request);
        demand(rc == 0 || rc == ERR_INVALID || rc == ERR_AUTH || rc == ERR_STATE || rc == ERR_NOMEM);
        if (rc != 0)
            continue;
        check_request(&request);
        demand(render(profile, kind, &harmless, "id", &plain) == 0);
        demand(strstr(plain.url, "key_of_the_platform") == NULL);
        demand(plain.body == NULL || strstr(plain.body, "key_of_the_platform") == NULL);
        check_within(&request, &plain);
        provider_request_clear(&request);
        provider_request_clear(&plain);
    }
    for (size_t i = 0; i <= n; i++)
        free(lines[i]);
    free(metadata);
}

/* ---- a profile ---- */

static void load_profile(const struct provider_profile *unused, const char *text, size_t len)
{
    struct provider_profile *profile = NULL;
    struct faults faults;
    (void)unused;
    char *json = copy_of(text, len);
    faults_init(&faults, LIMIT_FAULTS);
    int rc = provider_profile_load(json, len, &faults, &profile);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_LARGE);
    demand((rc == 0) == (profile != NULL) && (rc != ERR_INVALID || faults_count(&faults) > 0));
    free(json);
    if (rc == 0) {
        static const char answer[] = "201 1 0 5\n{\"id\":\"x\"}";
        int ring_s = 30, talk_s = 1800;
        demand(provider_profile_name(profile)[0] != '\0' && provider_profile_dedup_window_ms(profile) >= 0);
        provider_profile_clamp(profile, &ring_s, &talk_s);
        demand(ring_s > 0 && talk_s > 0);
        judge_start(profile, answer, sizeof answer - 1);
        read_poll(profile, "{}", 2);
        provider_profile_free(profile);
    }
    faults_free(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const modes[])(const struct provider_profile *, const char *, size_t) = {
        judge_start, read_poll, read_lookup, verify_callback, render_dial, load_profile,
    };
    if (size < 2)
        return 0;
    const struct provider_profile *profile = profile_at((uint8_t)(data[1] - '0'));
    modes[(uint8_t)(data[0] - '0') % (sizeof modes / sizeof modes[0])](profile, (const char *)data + 2, size - 2);
    return 0;
}
