/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon set`, `redial`, `dial`: a batch changed, a batch made of another, one call.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/api_client.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/patience.h"
#include "producer/cli/verbs.h"

#define REDIAL_TIMEOUT_MS 600000 /* a copy of a million contacts takes a while */
#define BODY_MAX ((size_t)64 << 10)
#define PATIENCE_MS 60000 /* for how long a producer that went away is waited for */
#define KEY_PREFIX "cli_" /* of a key of our own */
#define KEY_RANDOM 24

/* ---- what the verbs have in common ---- */

/* A question with a body: where it goes, and what tells of a good answer. */
struct asking {
    const char *method, *path;
    int64_t timeout_ms;
    bool makes_something; /* which must not be there twice, whatever becomes of the answer */
    void (*tell)(const struct api_answer *answer);
};

/* What makes something is known by its key, so that it may be sent again where the answer was lost. */
static int send_to_make(struct session *s, struct api_client *api, const struct api_request *request,
                        struct api_answer *ret_answer)
{
    struct patience patience;
    struct api_request with_key = *request;
    char own[sizeof KEY_PREFIX + KEY_RANDOM];
    with_key.idempotency_key = conf_str(session_conf(s), "idempotency-key");
    if (!with_key.idempotency_key) {
        int rc = ident_make_random(KEY_PREFIX, KEY_RANDOM, own, sizeof own);
        if (rc != 0)
            return rc;
        with_key.idempotency_key = own;
    }
    patience_init(&patience, s, api, PATIENCE_MS);
    return patience_ask(&patience, &with_key, ret_answer);
}

static enum cli_exit tell_unanswered(struct session *s, struct api_client *api, const struct asking *asking)
{
    if (session_signal(s) != 0 && asking->makes_something)
        out_complain("interrupted before the answer: it may have been made");
    else
        api_client_complain(api);
    return CLI_FAILED;
}

static enum cli_exit tell_answer(struct session *s, const struct api_answer *answer, const struct asking *asking)
{
    if (!api_answer_is(answer, 200) && !api_answer_is(answer, 202)) {
        api_answer_refusal(answer, session_is_json(s), NULL, NULL);
        return CLI_FAILED;
    }
    if (answer->is_replay)
        out_note("made before with the same --idempotency-key: nothing is made again");
    if (session_is_json(s))
        return out_json(answer->body);
    asking->tell(answer);
    return CLI_DONE;
}

/* Sends the body (taken) and prints what `tell` makes of a good answer. */
static enum cli_exit ask(struct session *s, struct api_client *api, const struct asking *asking, cJSON *body)
{
    struct buf text;
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    buf_init(&text, BODY_MAX);
    int rc = body ? json_print(body, &text) : ERR_NOMEM;
    cJSON_Delete(body);
    if (rc != 0) {
        out_complain("out of memory");
        goto cleanup;
    }
    const struct api_request request = {
        .method = asking->method,
        .path = asking->path,
        .body = buf_str(&text),
        .len = buf_len(&text),
        .timeout_ms = asking->timeout_ms,
    };
    rc = asking->makes_something ? send_to_make(s, api, &request, &answer) : api_client_send(api, &request, &answer);
    if (rc != 0) {
        status = tell_unanswered(s, api, asking);
        goto cleanup;
    }
    status = tell_answer(s, &answer, asking);
    api_answer_clear(&answer);
cleanup:
    buf_free(&text);
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

static int check_key(const char *text, const char **ret_why)
{
    size_t len = strlen(text);
    *ret_why = "is not 1 to 255 printable characters of ASCII without spaces";
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return ERR_INVALID;
    }
    return len > 0 && len <= LIMIT_IDEMPOTENCY_KEY_LEN ? 0 : ERR_INVALID;
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
    const struct asking asking = {"PATCH", path, API_TIMEOUT_MS, false, tell_batch};
    return ask(s, api, &asking, body);
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
    {.name = "idempotency-key",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "a name for this time: the same command with it again makes nothing twice (default: one of its own)",
     .check = check_key},
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
    const struct asking asking = {"POST", path, REDIAL_TIMEOUT_MS, true, tell_redial};
    return ask(s, api, &asking, body);
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
    {.name = "idempotency-key",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "a name for this time: the same command with it again makes nothing twice (default: one of its own)",
     .check = check_key},
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
    const struct asking asking = {"POST", "/api/v1/call/dial", API_TIMEOUT_MS, true, tell_call};
    status = ask(s, api, &asking, body);
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
