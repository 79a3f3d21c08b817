/* SPDX-License-Identifier: Apache-2.0
 *
 * /dashboard/session: an API key becomes the cookie of a session (POST), whose the session is (GET), and its end
 * (DELETE). Private to the dashboard's page, which marks its requests (dashboard_session.h).
 */
#ifndef CARILLON_PRODUCER_DASHBOARD_LOGIN_H
#define CARILLON_PRODUCER_DASHBOARD_LOGIN_H

#include "common/http/server.h"

/* Handlers of http_route, whose argument is a struct api; the first two have exchange_gone(). */
void dashboard_login_open(struct http_request *req, void *arg);
void dashboard_login_show(struct http_request *req, void *arg);
void dashboard_login_close(struct http_request *req, void *arg);

#endif
