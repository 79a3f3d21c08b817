/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dashboard_files.h"

#include <string.h>

#include "producer/answer.h"
#include "producer/api.h"
#include "producer/content_coding.h"
#include "producer/etag.h"
#include "web_dashboard.h"

#define POLICY                                                                                                         \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "              \
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static const struct web_file *find(const char *name)
{
    for (size_t i = 0; i < web_dashboard_file_count; i++) {
        if (strcmp(web_dashboard_files[i].name, name) == 0)
            return &web_dashboard_files[i];
    }
    return NULL;
}

static const struct web_file *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    return find(strchr(last, '.') ? path : "index.html");
}

void dashboard_files_redirect(struct http_request *req, void *arg)
{
    const struct http_header header = {"Location", "/dashboard/"};
    api_count_answer(arg, 308);
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    (void)http_request_reply(req, 308, NULL, &header, 1, NULL, 0);
}

#define HEADERS_MOST 9

static void answer_file(struct http_request *req, const struct api *api, const struct web_file *file)
{
    const char *known = http_request_header(req, "If-None-Match");
    bool is_known = known && etag_is_known(known, file->etag);
    bool is_gzip =
        !is_known && file->gzip_data && content_coding_takes_gzip(http_request_header(req, "Accept-Encoding"));
    struct http_header headers[HEADERS_MOST] = {
        {"ETag", file->etag},
        {"Cache-Control", "no-cache"}, /* kept, but asked about each time: another build may answer next */
        {"Vary", "Accept-Encoding"},
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Encoding", "gzip"}, /* the last: left out where it is not */
    };
    size_t n_headers = is_gzip ? HEADERS_MOST : HEADERS_MOST - 1;
    api_count_answer(api, is_known ? 304 : 200);
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    if (is_known)
        (void)http_request_reply(req, 304, NULL, headers, n_headers, NULL, 0);
    else
        (void)http_request_reply(req, 200, file->type, headers, n_headers, is_gzip ? file->gzip_data : file->data,
                                 is_gzip ? file->gzip_len : file->len);
}

void dashboard_files_get(struct http_request *req, void *arg)
{
    const struct web_file *file = file_of(http_request_param(req, "path"));
    if (!file) {
        api_count_answer(arg, 404);
        answer_refusal(req, 404, NULL, NULL);
        return;
    }
    answer_file(req, arg, file);
}
