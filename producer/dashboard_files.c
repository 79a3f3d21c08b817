/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dashboard_files.h"

#include <string.h>

#include "producer/answer.h"
#include "producer/api.h"
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

void dashboard_files_get(struct http_request *req, void *arg)
{
    const struct web_file *file = file_of(http_request_param(req, "path"));
    if (!file) {
        api_count_answer(arg, 404);
        answer_refusal(req, 404, NULL, NULL);
        return;
    }
    const struct http_header headers[] = {
        {"ETag", file->etag},
        {"Cache-Control", "no-cache"}, /* kept, but asked about each time: another build may answer next */
        {"Content-Security-Policy", POLICY},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    const char *known = http_request_header(req, "If-None-Match");
    bool is_known = known && etag_is_known(known, file->etag);
    int status = is_known ? 304 : 200;
    api_count_answer(arg, status);
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    (void)http_request_reply(req, status, is_known ? NULL : file->type, headers, sizeof headers / sizeof headers[0],
                             is_known ? NULL : file->data, is_known ? 0 : file->len);
}
