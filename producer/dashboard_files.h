/* SPDX-License-Identifier: Apache-2.0
 *
 * The dashboard's page and what belongs to it, as they were when this was built (producer/web/dashboard). They want no
 * key: all data comes through the API.
 */
#ifndef CARILLON_PRODUCER_DASHBOARD_FILES_H
#define CARILLON_PRODUCER_DASHBOARD_FILES_H

#include "common/http/server.h"

/* Handlers of http_route, whose argument is a struct api. */
/* GET /dashboard: leads to /dashboard/. */
void dashboard_files_redirect(struct http_request *req, void *arg);
/* GET /dashboard/{path...}: the file, or the page for a path without a dot in its last segment; the page's script knows
 * what to show there. */
void dashboard_files_get(struct http_request *req, void *arg);

#endif
