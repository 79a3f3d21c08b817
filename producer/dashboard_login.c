/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dashboard_login.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "producer/answer.h"
#include "producer/bearer.h"
#include "producer/body.h"
#include "producer/credential.h"
#include "producer/exchange.h"

#define COOKIE_BYTES 1024
#define NOT_OWN "This route is for the dashboard's page, which sends the header " DASHBOARD_SESSION_MARK "."

/* The Set-Cookie header's value. A cookie that is meant for https never goes out in the clear. */
static int write_cookie(const struct api *api, const char *value, int seconds, struct buf *out)
{
    bool is_secure = strncmp(api->public_url, "https://", 8) == 0;
    return buf_printf(out, DASHBOARD_SESSION_COOKIE "=%s; Max-Age=%d; Path=/; HttpOnly; SameSite=Strict%s", value,
                      seconds, is_secure ? "; Secure" : "");
}

/* ---- POST ---- */

static void log_login(const struct exchange *x)
{
    const struct identity *who = exchange_identity(x);
    char key_id[EXCHANGE_KEY_ID_LEN + 1];
    exchange_key_id(x, key_id);
    log_info("dashboard.login", log_str("request", http_request_id(exchange_request(x))), log_str("key", key_id),
             log_str("role", identity_role_name(who->role)), log_str("tenant", who->tenant));
}

static void on_admitted(struct exchange *x)
{
    struct dashboard_session session = {.until_ms = clock_wall_ms() + INT64_C(1000) * DASHBOARD_SESSION_S};
    struct buf cookie;
    char *value = NULL;
    memcpy(session.key, exchange_key(x), sizeof session.key);
    buf_init(&cookie, COOKIE_BYTES);
    int err = dashboard_session_seal(exchange_api(x)->keys, &session, &value);
    if (!err)
        err = write_cookie(exchange_api(x), value, DASHBOARD_SESSION_S, &cookie);
    if (err) {
        exchange_fail(x, err);
    } else {
        log_login(x);
        exchange_answer_nothing_with(x, (struct http_header){"Set-Cookie", buf_str(&cookie)});
    }
    buf_free(&cookie);
    free(value);
}

/* Answers and gives false where the body is not {"key": ...}. */
static bool read_key(struct exchange *x, uint8_t ret_key[DIGEST_SHA256_LEN])
{
    static const char *const known[] = {"key"};
    struct faults faults;
    cJSON *body = body_read_object(x, false);
    if (!body)
        return false;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(body, known, 1, &faults);
    const char *key = body_str(body, "key", LIMIT_API_KEY_LEN, &faults);
    if (!key && faults_count(&faults) == 0)
        faults_add(&faults, "key", FAULT_REQUIRED, "is required");
    bool is_good = faults_count(&faults) == 0;
    if (!is_good) {
        exchange_faults(x, &faults);
    } else if (bearer_hash(key, ret_key) != 0) {
        exchange_refuse_key(x);
        is_good = false;
    }
    faults_free(&faults);
    cJSON *secret = cJSON_GetObjectItemCaseSensitive(body, "key");
    if (cJSON_IsString(secret))
        explicit_bzero(secret->valuestring, strlen(secret->valuestring));
    cJSON_Delete(body);
    return is_good;
}

void dashboard_login_open(struct http_request *req, void *arg)
{
    uint8_t key[DIGEST_SHA256_LEN];
    struct exchange *x = exchange_begin_keyless(arg, req, ACCESS_READ_ANY, on_admitted);
    if (!x)
        return;
    if (!credential_is_own_page(req))
        exchange_error(x, 403, CODE_FORBIDDEN, NOT_OWN, NULL);
    else if (read_key(x, key))
        exchange_use_key(x, key);
}

/* ---- GET ---- */

/* "": null. */
static void answer_whose(struct exchange *x, const char *tenant, const char *role, const char *key_id,
                         const char *until)
{
    const struct {
        const char *name, *text;
    } members[] = {{"tenant", tenant}, {"role", role}, {"keyId", key_id}, {"expiresAt", until}};
    cJSON *body = cJSON_CreateObject();
    bool is_whole = body != NULL;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        is_whole = is_whole && json_add_str(body, members[i].name, members[i].text[0] ? members[i].text : NULL);
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void on_whose(struct exchange *x)
{
    const struct identity *who = exchange_identity(x);
    char key_id[EXCHANGE_KEY_ID_LEN + 1], until[TIMESTAMP_LEN + 1] = "";
    exchange_key_id(x, key_id);
    if (exchange_session_until_ms(x) > 0)
        timestamp_format(exchange_session_until_ms(x), until);
    answer_whose(x, who->tenant, identity_role_name(who->role), key_id, until);
}

/* No error: a page that begins asks this, and browsers tell people of each 401. */
static void on_nobodys(struct exchange *x)
{
    answer_whose(x, "", "", "", "");
}

void dashboard_login_show(struct http_request *req, void *arg)
{
    struct exchange *x = exchange_begin_keyless(arg, req, ACCESS_READ_ANY, on_whose);
    if (!x)
        return;
    exchange_on_refused(x, on_nobodys);
    exchange_use_request_key(x);
}

/* ---- DELETE ---- */

void dashboard_login_close(struct http_request *req, void *arg)
{
    const struct api *api = arg;
    struct buf cookie;
    buf_init(&cookie, COOKIE_BYTES);
    if (!credential_is_own_page(req)) {
        api_count_answer(api, 403);
        answer_error(req, 403, CODE_FORBIDDEN, NOT_OWN, NULL);
    } else if (write_cookie(api, "", 0, &cookie) != 0) {
        api_count_answer(api, 500);
        answer_internal(req);
    } else {
        const struct http_header header = {"Set-Cookie", buf_str(&cookie)};
        api_count_answer(api, 204);
        /* Where it fails the server closes the connection: there is nothing else to be done about it. */
        (void)http_request_reply(req, 204, NULL, &header, 1, NULL, 0);
    }
    buf_free(&cookie);
}
