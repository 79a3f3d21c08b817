/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/control.h"

#include <stddef.h>
#include <string.h>

#include "common/base/limits.h"

static void on_faults(struct http_request *req, void *arg)
{
    size_t len;
    const char *body = http_request_body(req, &len);
    const char *why = "";
    if (fault_plan_replace(arg, body, len, &why))
        (void)http_request_reply(req, 400, "text/plain", NULL, 0, why, strlen(why));
    else
        (void)http_request_reply(req, 204, NULL, NULL, 0, NULL, 0);
}

static const struct http_route ROUTES[] = {
    {.method = "PUT", .pattern = "/control/faults", .max_body_bytes = LIMIT_SMALL_BODY_BYTES, .on_complete = on_faults},
};

int control_add_routes(struct http_server *server, struct fault_plan *faults)
{
    return http_server_add_routes(server, ROUTES, sizeof ROUTES / sizeof ROUTES[0], faults);
}
