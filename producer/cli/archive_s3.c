/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/archive_s3.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/http/client.h"

#define HEAD_TIMEOUT_MS 60000
#define PUT_TIMEOUT_MS (INT64_C(3600) * 1000)
#define SETTLE_MS 5000 /* beyond a request's own deadline, which comes first */
#define ANSWER_MOST 1024

struct archive_s3 {
    struct archive_s3_config config;
    struct http_client *http;
    bool is_done;
    int status; /* of the last answer; 0: there was none */
    char problem[ANSWER_MOST + 64];
};

/* ---- targets ---- */

const char *archive_s3_target(const char *target)
{
    return strncmp(target, "s3://", 5) == 0 ? target + 5 : NULL;
}

static bool is_one_of(char c, const char *others)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(others, c));
}

bool archive_s3_check(const char *bucket_and_prefix)
{
    size_t bucket = strcspn(bucket_and_prefix, "/"), len = strlen(bucket_and_prefix);
    if (bucket < 3 || bucket > 63 || len > LIMIT_URL_LEN / 4)
        return false;
    for (size_t i = 0; i < bucket; i++) {
        if (!is_one_of(bucket_and_prefix[i], ".-"))
            return false;
    }
    for (const char *at = bucket_and_prefix + bucket; *at; at++) {
        bool is_capital = *at >= 'A' && *at <= 'Z';
        if (!is_capital && !is_one_of(*at, "._-/"))
            return false;
    }
    return !strstr(bucket_and_prefix, "//") && !strstr(bucket_and_prefix, "/.") && bucket_and_prefix[len - 1] != '/';
}

/* ---- requests ---- */

int archive_s3_create(const struct archive_s3_config *config, struct archive_s3 **ret_s3)
{
    struct archive_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3)
        return ERR_NOMEM;
    s3->config = *config;
    int err = http_client_create(session_loop(config->session), 1, &s3->http);
    if (err) {
        free(s3);
        return err;
    }
    *ret_s3 = s3;
    return 0;
}

void archive_s3_free(struct archive_s3 *s3)
{
    if (!s3)
        return;
    http_client_free(s3->http);
    free(s3);
}

static void on_answer(const struct http_result *result, void *arg)
{
    struct archive_s3 *s3 = arg;
    s3->is_done = true;
    s3->status = result->fail == HTTP_FAIL_NONE ? result->status : 0;
    if (result->fail != HTTP_FAIL_NONE)
        snprintf(s3->problem, sizeof s3->problem, "%s", result->detail ? result->detail : "no answer");
    else
        snprintf(s3->problem, sizeof s3->problem, "it answers %d %.*s", result->status, (int)result->body_len,
                 result->body_len > 0 ? result->body : "");
}

/* The body's hash is not signed: TLS guards it, and the file would have to be read twice. */
static int send_request(struct archive_s3 *s3, const char *url, const char *scope, FILE *file, int64_t size)
{
    static const struct http_header headers[] = {{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
                                                 {"Content-Type", "application/x-ndjson"}};
    const struct http_sigv4 sigv4 = {.scope = scope, .credentials = s3->config.credentials};
    const struct http_outgoing out = {
        .method = file ? "PUT" : "HEAD",
        .url = url,
        .headers = headers,
        .n_headers = file ? 2 : 1,
        .body_file = file,
        .body_file_len = size,
        .sigv4 = &sigv4,
        .timeout_ms = file ? PUT_TIMEOUT_MS : HEAD_TIMEOUT_MS,
        .max_body_bytes = ANSWER_MOST,
    };
    int err = http_client_send(s3->http, &out, on_answer, s3, NULL);
    return err ? err : session_wait(s3->config.session, &s3->is_done, out.timeout_ms + SETTLE_MS);
}

/* `file` NULL: asks whether the object is there. ERR_UNAVAILABLE without an answer. */
static int ask(struct archive_s3 *s3, const char *name, FILE *file, int64_t size)
{
    struct buf url, scope;
    buf_init(&url, LIMIT_URL_LEN);
    buf_init(&scope, LIMIT_ID_LEN + 32);
    s3->is_done = false;
    s3->status = 0;
    snprintf(s3->problem, sizeof s3->problem, "the request cannot be sent");
    int err = buf_printf(&url, "%s/%s/%s", s3->config.endpoint, s3->config.bucket_and_prefix, name);
    if (!err)
        err = buf_printf(&scope, "aws:amz:%s:s3", s3->config.region);
    if (!err)
        err = send_request(s3, buf_str(&url), buf_str(&scope), file, size);
    buf_free(&url);
    buf_free(&scope);
    return err || s3->status == 0 ? ERR_UNAVAILABLE : 0;
}

int archive_s3_has(struct archive_s3 *s3, const char *name, bool *ret_has)
{
    int err = ask(s3, name, NULL, 0);
    *ret_has = s3->status == 200;
    return err || s3->status == 200 || s3->status == 404 ? err : ERR_UNAVAILABLE;
}

int archive_s3_put(struct archive_s3 *s3, const char *name, FILE *file, int64_t size)
{
    int err = ask(s3, name, file, size);
    return err || s3->status / 100 == 2 ? err : ERR_UNAVAILABLE;
}

const char *archive_s3_problem(const struct archive_s3 *s3)
{
    return s3->problem;
}
