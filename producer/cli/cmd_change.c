/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon set`, `redial`, `dial`: a batch changed, a batch made of another, one call.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/verbs.h"

#define REDIAL_TIMEOUT_MS 600000 /* a copy of a million contacts takes a while */
#define BODY_MAX ((size_t)64 << 10)

/* ---- what the verbs have in common ---- */

/* Sends the body (taken) and prints what `tell` makes of a good answer. */
static enum cli_exit ask(struct session *s, struct api_client *api, const char *method, const char *path, cJSON *body,
                         int64_t timeout_ms, void (*tell)(const struct api_answer *answer))
{
    struct buf text;
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    buf_init(&text, BODY_MAX);
    int rc = body ? json_print(body, &text) : ERR_NOMEM;
    cJSON_Delete(body);
    if (rc != 0) {
        out_complain("out of memory");
        buf_free(&text);
        return CLI_FAILED;
    }
    rc = api_client_ask(api, method, path, buf_str(&text), buf_len(&text), timeout_ms, &answer);
    buf_free(&text);
    if (rc != 0) {
        api_client_complain(api);
        return CLI_FAILED;
    }
    if (!api_answer_is(&answer, 200) && !api_answer_is(&answer, 202)) {
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    } else if (session_is_json(s)) {
        status = out_json(answer.body);
    } else {
        tell(&answer);
        status = CLI_DONE;
    }
    api_answer_clear(&answer);
    return status;
}

/* The option, where it was given: as a number, or null for "none". False where memory ran out. */
static bool add_number(const struct conf *conf, const char *option, const char *member, bool may_go, cJSON *body)
{
    const char *text = conf_str(conf, option);
    if (!text)
        return true;
    if (may_go && strcmp(text, "none") == 0)
        return cJSON_AddNullToObject(body, member) != NULL;
    return json_add_raw(body, member, text, strlen(text)) != NULL;
}

static bool add_text(const struct conf *conf, const char *option, const char *member, cJSON *body)
{
    const char *text = conf_str(conf, option);
    if (!text)
        return true;
    if (strcmp(text, "none") == 0)
        return cJSON_AddNullToObject(body, member) != NULL;
    return json_add_str(body, member, text) != NULL;
}

/* Every value of a repeatable option as a list; nothing where it was not given. */
static bool add_list(const struct conf *conf, const char *option, const char *member, cJSON *body)
{
    size_t n = conf_count(conf, option);
    cJSON *list = n > 0 ? cJSON_AddArrayToObject(body, member) : NULL;
    for (size_t i = 0; list && i < n; i++) {
        if (!json_add_item(list, conf_str_at(conf, option, i)))
            return false;
    }
    return n == 0 || list;
}

static int check_number(const char *text, const char **ret_why)
{
    *ret_why = "is not a number";
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' ? 0 : ERR_INVALID;
}

static int check_number_or_none(const char *text, const char **ret_why)
{
    int rc = strcmp(text, "none") == 0 ? 0 : check_number(text, ret_why);
    *ret_why = "is neither a number nor none";
    return rc;
}

/* ---- set ---- */

static const struct conf_option set_options[] = {
    {.name = "priority", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "1 to 10", .check = check_number},
    {.name = "cps", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "calls per second", .check = check_number},
    {.name = "max-concurrent",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "calls at the same time; none: no limit of its own",
     .check = check_number_or_none},
    {.name = "start",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "when it starts, such as 2027-11-16T09:00:00Z; none: now"},
    {.name = "expires",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "when what is left of it expires; none: 30 days after its start"},
    {.name = "tag",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "a tag, in the place of those that it has"},
};

static void tell_batch(const struct api_answer *answer)
{
    out_line("%s %s", api_answer_text(answer, "batchId"), api_answer_text(answer, "status"));
}

static enum cli_exit send_set(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    char path[LIMIT_BATCH_ID_LEN + 64];
    const struct conf *conf = session_conf(s);
    cJSON *body = cJSON_CreateObject();
    bool is_whole = add_number(conf, "priority", "priority", false, body) &&
                    add_number(conf, "cps", "maxCallsPerSecond", false, body) &&
                    add_number(conf, "max-concurrent", "maxConcurrentCalls", true, body) &&
                    add_text(conf, "start", "scheduledStartTime", body) &&
                    add_text(conf, "expires", "expiresAt", body) && add_list(conf, "tag", "tags", body);
    if (is_whole && !body->child) {
        out_complain("nothing to set: name an option");
        cJSON_Delete(body);
        return CLI_USAGE;
    }
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    snprintf(path, sizeof path, "/api/v1/batch/%s", id);
    return ask(s, api, "PATCH", path, body, API_TIMEOUT_MS, tell_batch);
}

static enum cli_exit run_set(struct session *s)
{
    return batch_verb_run(s, send_set, NULL);
}

/* ---- redial ---- */

static const struct conf_option redial_options[] = {
    {.name = "outcome",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "those that ended so, such as NO_ANSWER (default: all that nobody spoke to)"},
};

static void tell_redial(const struct api_answer *answer)
{
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(answer->body, "total");
    double contacts = cJSON_IsNumber(total) ? total->valuedouble : 0;
    out_line("%s %s, %.0f contact%s", api_answer_text(answer, "batchId"), api_answer_text(answer, "status"), contacts,
             contacts == 1 ? "" : "s");
}

static enum cli_exit send_redial(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    char path[LIMIT_BATCH_ID_LEN + 64];
    cJSON *body = cJSON_CreateObject();
    if (!add_list(session_conf(s), "outcome", "outcomes", body)) {
        cJSON_Delete(body);
        body = NULL;
    }
    snprintf(path, sizeof path, "/api/v1/batch/%s/redial", id);
    return ask(s, api, "POST", path, body, REDIAL_TIMEOUT_MS, tell_redial);
}

static enum cli_exit run_redial(struct session *s)
{
    return batch_verb_run(s, send_redial, NULL);
}

/* ---- dial ---- */

static const struct conf_option dial_options[] = {
    {.name = "agent", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "the agent that speaks"},
    {.name = "contact-id", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "the tenant's own id of the contact"},
    {.name = "callback", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "the URL that its call.completed goes to"},
};

static void tell_call(const struct api_answer *answer)
{
    out_line("%s %s", api_answer_text(answer, "callId"), api_answer_text(answer, "status"));
}

static enum cli_exit run_dial(struct session *s)
{
    const struct conf *conf = session_conf(s);
    struct api_client *api;
    if (!conf_str(conf, "agent")) {
        out_complain("which agent is to speak? --agent ID");
        return CLI_USAGE;
    }
    enum cli_exit status = api_client_open(s, &api);
    if (status != CLI_DONE)
        return status;
    cJSON *body = cJSON_CreateObject();
    bool is_whole =
        json_add_str(body, "to", conf_rest(conf, 0)) && json_add_str(body, "agentConfigId", conf_str(conf, "agent")) &&
        add_text(conf, "contact-id", "contactId", body) && add_text(conf, "callback", "statusCallBackUrl", body);
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    status = ask(s, api, "POST", "/api/v1/call/dial", body, API_TIMEOUT_MS, tell_call);
    api_client_close(api);
    return status;
}

const struct cli_verb *cli_change_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "set",
            .subjects = "BATCH",
            .n_subjects = 1,
            .options = set_options,
            .n_options = sizeof set_options / sizeof set_options[0],
            .help = "change a batch that has not ended",
            .about = "All of the options that are given, or none. It holds for what begins from then on.",
            .run = run_set,
        },
        {
            .words = "redial",
            .subjects = "BATCH",
            .n_subjects = 1,
            .options = redial_options,
            .n_options = sizeof redial_options / sizeof redial_options[0],
            .help = "make a batch of those that nobody spoke to in an ended one",
            .about = "Who must not be called, has no number that exists, or was never called is left out unless its "
                     "outcome\n"
                     "is named. Prints the new batch's id, its state and the number of its contacts.",
            .run = run_redial,
        },
        {
            .words = "dial",
            .subjects = "NUMBER",
            .n_subjects = 1,
            .options = dial_options,
            .n_options = sizeof dial_options / sizeof dial_options[0],
            .help = "place one call now",
            .about = "Prints the call's id.",
            .run = run_dial,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
