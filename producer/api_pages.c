/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/api_pages.h"

#include "producer/api.h"
#include "web_pages.h"

static void answer(struct http_request *req, const struct api *api, const char *content_type,
                   const struct http_header *headers, size_t n_headers, const char *text, size_t len)
{
    api_count_answer(api, 200);
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    (void)http_request_reply(req, 200, content_type, headers, n_headers, text, len);
}

void api_pages_yaml(struct http_request *req, void *arg)
{
    answer(req, arg, "application/yaml; charset=utf-8", NULL, 0, web_page_yaml, web_page_yaml_len);
}

void api_pages_html(struct http_request *req, void *arg)
{
    const struct http_header headers[] = {
        {"Content-Security-Policy", web_page_policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
    };
    answer(req, arg, "text/html; charset=utf-8", headers, sizeof headers / sizeof headers[0], web_page_html,
           web_page_html_len);
}
