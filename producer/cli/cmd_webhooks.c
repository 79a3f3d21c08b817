/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant's webhooks by the producer's API: where they lead, what became of them, and sending them again.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/domain/event.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/out.h"
#include "producer/cli/table.h"
#include "producer/cli/verbs.h"

#define BASE "/api/v1/webhooks"
#define PATH_LEN 1024
#define STEPS_MOST 1000 /* of a recovery: far more than an endpoint's dead ones */

/* ---- asking ---- */

/* A body of 200 or 202, which the caller deletes, or NULL: it has said why. */
static cJSON *ask(struct session *s, struct api_client *api, const char *method, const char *path, const char *body)
{
    struct api_answer answer;
    if (api_client_ask(api, method, path, body, body ? strlen(body) : 0, API_TIMEOUT_MS, &answer) != 0) {
        api_client_complain(api);
        return NULL;
    }
    cJSON *taken = NULL;
    if (api_answer_is(&answer, 200) || api_answer_is(&answer, 202)) {
        taken = answer.body;
        answer.body = NULL;
    } else {
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    }
    api_answer_clear(&answer);
    return taken;
}

/* One question of a verb's own. */
static cJSON *ask_once(struct session *s, const char *method, const char *path, const char *body)
{
    struct api_client *api;
    if (api_client_open(s, &api) != CLI_DONE)
        return NULL;
    cJSON *answer = ask(s, api, method, path, body);
    api_client_close(api);
    return answer;
}

/* The verb's first subject: an id of an endpoint or a delivery, which goes into a path. */
static const char *subject(const struct session *s)
{
    const char *id = conf_rest(session_conf(s), 0);
    if (ident_is_valid(id, strlen(id), EVENT_DELIVERY_ID_LEN))
        return id;
    out_complain("%s is no id: letters, digits, _ and - are", id);
    return NULL;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* ---- list, show ---- */

static enum cli_exit print_rows(const struct session *s, const cJSON *body, const char *name,
                                const struct table_column *columns, size_t n)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(body, name);
    if (session_is_json(s))
        return out_json(rows);
    return table_print(rows, columns, n) == 0 ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_list(struct session *s)
{
    static const struct table_column columns[] = {
        {"id", "ID"},         {"origin", "ORIGIN"},   {"status", "STATUS"},
        {"reason", "REASON"}, {"pending", "PENDING"}, {"oldestPendingSeconds", "OLDEST(S)"},
    };
    cJSON *body = ask_once(s, "GET", BASE "/endpoints", NULL);
    enum cli_exit status =
        body ? print_rows(s, body, "endpoints", columns, sizeof columns / sizeof columns[0]) : CLI_FAILED;
    cJSON_Delete(body);
    return status;
}

static enum cli_exit print_one(const struct session *s, cJSON *body)
{
    enum cli_exit status = CLI_FAILED;
    if (body && session_is_json(s))
        status = out_json(body);
    else if (body && table_print_one(body) == 0)
        status = CLI_DONE;
    cJSON_Delete(body);
    return status;
}

/* A request about the endpoint that is the subject. */
static enum cli_exit about_endpoint(struct session *s, const char *method, const char *rest, const char *body)
{
    char path[PATH_LEN];
    const char *id = subject(s);
    if (!id)
        return CLI_USAGE;
    (void)snprintf(path, sizeof path, BASE "/endpoints/%s%s", id, rest);
    return print_one(s, ask_once(s, method, path, body));
}

static enum cli_exit run_show(struct session *s)
{
    return about_endpoint(s, "GET", "", NULL);
}

static enum cli_exit run_enable(struct session *s)
{
    return about_endpoint(s, "PATCH", "", "{\"status\":\"active\"}");
}

static enum cli_exit run_disable(struct session *s)
{
    return about_endpoint(s, "PATCH", "", "{\"status\":\"disabled\"}");
}

static enum cli_exit run_remove(struct session *s)
{
    return about_endpoint(s, "DELETE", "", NULL);
}

/* ---- deliveries ---- */

static int check_state(const char *text, const char **ret_why)
{
    static const char *const states[] = {"pending", "in_flight", "retrying", "delivered", "dead"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(text, states[i]) == 0)
            return 0;
    }
    *ret_why = "must be pending, in_flight, retrying, delivered or dead";
    return ERR_INVALID;
}

static const struct conf_option list_options[] = {
    {.name = "state", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .check = check_state, .help = "those in that state"},
    {.name = "limit",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .default_text = "100",
     .min = 1,
     .max = 100,
     .help = "how many at most"},
};

static enum cli_exit run_deliveries(struct session *s)
{
    static const struct table_column columns[] = {
        {"id", "ID"}, {"state", "STATE"}, {"attempts", "ATTEMPTS"}, {"lastCode", "LAST"}, {"reason", "REASON"},
    };
    char path[PATH_LEN];
    const char *id = subject(s), *state = conf_str(session_conf(s), "state");
    if (!id)
        return CLI_USAGE;
    (void)snprintf(path, sizeof path, BASE "/deliveries?endpoint=%s&limit=%lld%s%s", id,
                   (long long)conf_i64(session_conf(s), "limit"), state ? "&state=" : "", state ? state : "");
    cJSON *body = ask_once(s, "GET", path, NULL);
    enum cli_exit status =
        body ? print_rows(s, body, "deliveries", columns, sizeof columns / sizeof columns[0]) : CLI_FAILED;
    cJSON_Delete(body);
    return status;
}

/* ---- again ---- */

static enum cli_exit run_redeliver(struct session *s)
{
    char path[PATH_LEN];
    const char *id = subject(s);
    if (!id)
        return CLI_USAGE;
    (void)snprintf(path, sizeof path, BASE "/deliveries/%s/redeliver", id);
    return print_one(s, ask_once(s, "POST", path, NULL));
}

static int check_instant(const char *text, const char **ret_why)
{
    struct timestamp_parts parts;
    *ret_why = "must be an instant such as 2027-11-16T09:00:00Z";
    return timestamp_parse(text, strlen(text), &parts) == 0 && parts.has_offset && !strchr(text, '+') ? 0 : ERR_INVALID;
}

static const struct conf_option recover_options[] = {
    {.name = "since",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .check = check_instant,
     .help = "what was given up then or later; in UTC, with Z (default: all that is kept)"},
};

struct tally {
    int64_t recovered, gone;
};

static int64_t count_of(const cJSON *body, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);
    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
}

/* Step by step until nothing is left. False: it has said why. */
static bool recover(struct session *s, struct api_client *api, const char *id, struct tally *tally)
{
    char path[PATH_LEN], since[TIMESTAMP_LEN + 16] = "";
    const char *first = conf_str(session_conf(s), "since");
    (void)snprintf(since, sizeof since, "%s", first ? first : "");
    for (int step = 0; step < STEPS_MOST; step++) {
        (void)snprintf(path, sizeof path, BASE "/endpoints/%s/recover%s%s", id, since[0] ? "?since=" : "", since);
        cJSON *body = ask(s, api, "POST", path, NULL);
        if (!body)
            return false;
        tally->recovered += count_of(body, "recovered");
        tally->gone += count_of(body, "gone");
        (void)snprintf(since, sizeof since, "%s", text_of(body, "nextSince"));
        cJSON_Delete(body);
        if (!since[0])
            return true;
    }
    out_complain("there is no end to it: begin again with --since %s", since);
    return false;
}

static enum cli_exit run_recover(struct session *s)
{
    struct api_client *api;
    struct tally tally = {.recovered = 0};
    const char *id = subject(s);
    if (!id)
        return CLI_USAGE;
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    bool is_done = recover(s, api, id, &tally);
    api_client_close(api);
    if (!is_done)
        return CLI_FAILED;
    cJSON *body = cJSON_CreateObject();
    if (json_add_i64(body, "recovered", tally.recovered) && json_add_i64(body, "gone", tally.gone))
        return print_one(s, body);
    cJSON_Delete(body);
    return CLI_FAILED;
}

/* ---- test, rotate ---- */

static enum cli_exit run_test(struct session *s)
{
    char text[PATH_LEN] = "";
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "url", conf_rest(session_conf(s), 1)) &&
                    cJSON_PrintPreallocated(body, text, sizeof text, false);
    cJSON_Delete(body);
    if (!is_whole) {
        out_complain("the URL is too long");
        return CLI_USAGE;
    }
    return about_endpoint(s, "POST", "/test", text);
}

static const struct conf_option rotate_options[] = {
    {.name = "grace-seconds",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .default_text = "86400",
     .min = 0,
     .max = LIMIT_SECRET_GRACE_MAX_MS / 1000,
     .help = "how long the secret before it signs too"},
};

static enum cli_exit run_rotate(struct session *s)
{
    char path[PATH_LEN], text[64];
    const char *id = subject(s);
    if (!id)
        return CLI_USAGE;
    (void)snprintf(path, sizeof path, BASE "/endpoints/%s/secret/rotate", id);
    (void)snprintf(text, sizeof text, "{\"graceSeconds\":%lld}", (long long)conf_i64(session_conf(s), "grace-seconds"));
    cJSON *body = ask_once(s, "POST", path, text);
    if (!body)
        return CLI_FAILED;
    if (session_is_json(s))
        return out_json_take(body);
    out_line("%s", text_of(body, "secret"));
    cJSON_Delete(body);
    return CLI_DONE;
}

#define OPTIONS(options_) .options = (options_), .n_options = sizeof(options_) / sizeof(options_)[0]

const struct cli_verb *cli_webhooks_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {.words = "webhooks list",
         .subjects = "",
         .help = "list where webhooks lead, and how that is",
         .run = run_list},
        {.words = "webhooks show",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         .help = "show one endpoint",
         .run = run_show},
        {.words = "webhooks deliveries",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         OPTIONS(list_options),
         .help = "list what became of an endpoint's webhooks",
         .run = run_deliveries},
        {.words = "webhooks redeliver",
         .subjects = "DELIVERY",
         .n_subjects = 1,
         .help = "send one again that was given up or delivered",
         .run = run_redeliver},
        {.words = "webhooks recover",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         OPTIONS(recover_options),
         .help = "send again all that was given up",
         .run = run_recover},
        {.words = "webhooks test",
         .subjects = "ENDPOINT URL",
         .n_subjects = 2,
         .help = "send a signed test to a URL of an endpoint",
         .run = run_test},
        {.words = "webhooks rotate",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         OPTIONS(rotate_options),
         .help = "give an endpoint another secret, and print it",
         .about = "The secret alone goes to stdout, this once.",
         .run = run_rotate},
        {.words = "webhooks enable",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         .help = "send to an endpoint again, and forget what was known against it",
         .run = run_enable},
        {.words = "webhooks disable",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         .help = "send nothing more to an endpoint",
         .about = "What waits for it, and what comes, is given up; webhooks recover sends it again.",
         .run = run_disable},
        {.words = "webhooks remove",
         .subjects = "ENDPOINT",
         .n_subjects = 1,
         .help = "forget an endpoint, and drop what waits for it",
         .about =
             "Tells how many webhooks had not been delivered. What still comes of a batch that names a URL there is "
             "dropped too.",
         .run = run_remove},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
