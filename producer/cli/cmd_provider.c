/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon provider check FILE`: everything that is wrong with a profile, or, where nothing is, what it would send and
 * how it reads what comes back. Talks to nobody.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/out.h"
#include "producer/cli/profile_example.h"
#include "producer/cli/profile_line.h"
#include "producer/cli/verbs.h"

#define WORDS_MOST 8192 /* bytes of one line of words */

/* One file under examination. */
struct examination {
    const char *path;
    char *text;
    size_t len;
    struct faults faults;
    struct provider_profile *profile; /* NULL where it has faults */
    cJSON *tree; /* the same as JSON */
};

/* ---- reading ---- */

/* The file is named after the profile: its address for callbacks, and for trunks. */
static bool is_named_well(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    size_t len = strlen(file), name_len = strlen(name);
    static const char extension[] = ".json";
    if (len < sizeof extension || strcmp(file + len - (sizeof extension - 1), extension) != 0)
        return true; /* not a file of that kind: a pipe, perhaps */
    return len - (sizeof extension - 1) == name_len && memcmp(file, name, name_len) == 0;
}

static int examine(struct examination *x)
{
    int rc = provider_profile_load(x->text, x->len, &x->faults, &x->profile);
    if (rc == 0 && !is_named_well(x->path, provider_profile_name(x->profile))) {
        faults_add(&x->faults, "name", FAULT_NOT_ALLOWED, "must be the name of the file, without .json");
        rc = ERR_INVALID;
    }
    if (rc == 0)
        rc = json_parse(x->text, x->len, &x->tree, NULL);
    return rc;
}

static int read_file(struct examination *x)
{
    int rc = file_read(x->path, LIMIT_PROFILE_BYTES, &x->text, &x->len);
    if (rc == ERR_TOO_LARGE)
        out_complain("%s: more than the %u KiB of a profile", x->path, LIMIT_PROFILE_BYTES >> 10);
    else if (rc != 0)
        out_complain("%s: %s", x->path, rc == ERR_IO ? strerror(errno) : err_name(rc));
    return rc;
}

static void clear(struct examination *x)
{
    provider_profile_free(x->profile);
    cJSON_Delete(x->tree);
    faults_free(&x->faults);
    free(x->text);
}

/* ---- faults ---- */

static size_t line_of(const struct examination *x, const struct fault *fault)
{
    struct json_fault syntax;
    cJSON *tree = NULL;
    if (strcmp(fault->code, FAULT_SYNTAX) == 0 && json_parse(x->text, x->len, &tree, &syntax) == ERR_INVALID)
        return profile_line_of(x->text, x->len, syntax.offset);
    cJSON_Delete(tree);
    return profile_line_at(x->text, x->len, fault->path);
}

static void tell_faults(const struct examination *x)
{
    for (size_t i = 0; i < x->faults.n; i++) {
        const struct fault *fault = &x->faults.items[i];
        out_line("%s:%zu: %s%s%s", x->path, line_of(x, fault), fault->path, fault->path[0] ? ": " : "", fault->message);
    }
}

static void add_faults(const struct examination *x, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "faults");
    for (size_t i = 0; i < x->faults.n; i++) {
        const struct fault *fault = &x->faults.items[i];
        cJSON *item = cJSON_CreateObject();
        json_add_str(item, "path", fault->path);
        json_add_i64(item, "line", (int64_t)line_of(x, fault));
        json_add_str(item, "code", fault->code);
        json_add_str(item, "message", fault->message);
        cJSON_AddItemToArray(list, item);
    }
}

/* ---- what it would send ---- */

static const struct {
    const char *member; /* of the profile, and of the answer */
    const char *title;
} requests[PROFILE_REQUESTS] = {
    [PROFILE_START] = {"start", "To place a call"},
    [PROFILE_POLL] = {"poll", "To ask about one by its id"},
    [PROFILE_LOOKUP] = {"lookup", "To find one whose answer was lost"},
    [PROFILE_CANCEL] = {"cancel", "To stop one"},
};

static int add_requests(const struct examination *x, cJSON *object)
{
    const cJSON *variables = cJSON_GetObjectItemCaseSensitive(x->tree, "variables");
    cJSON *group = cJSON_AddObjectToObject(object, "requests");
    int rc = group ? 0 : ERR_NOMEM;
    for (int which = 0; which < PROFILE_REQUESTS && rc == 0; which++) {
        if (!cJSON_HasObjectItem(x->tree, requests[which].member))
            continue;
        cJSON *request = cJSON_AddObjectToObject(group, requests[which].member);
        rc = request ? profile_example_add(x->profile, variables, (enum profile_request)which, request) : ERR_NOMEM;
    }
    return rc;
}

static void tell_requests(const struct examination *x, const cJSON *group)
{
    for (int which = 0; which < PROFILE_REQUESTS; which++) {
        const cJSON *request = cJSON_GetObjectItemCaseSensitive(group, requests[which].member);
        if (!request)
            continue;
        bool is_by_number = which == PROFILE_LOOKUP && provider_profile_lookup_span_ms(x->profile) > 0;
        out_line("%s", "");
        out_line("%s%s", requests[which].title,
                 is_by_number ? " (by number and time: the platform keeps no token)" : "");
        out_line("  %s %s", cJSON_GetObjectItemCaseSensitive(request, "method")->valuestring,
                 cJSON_GetObjectItemCaseSensitive(request, "url")->valuestring);
        const cJSON *header;
        cJSON_ArrayForEach(header, cJSON_GetObjectItemCaseSensitive(request, "headers"))
        {
            out_line("  %s: %s", header->string, header->valuestring);
        }
        const cJSON *body = cJSON_GetObjectItemCaseSensitive(request, "body");
        if (body)
            out_line("  %s", body->valuestring);
    }
}

/* ---- how it reads what comes back ---- */

/* "/status, /CallStatus": a pointer, or a list of them. */
static void write_pointers(const cJSON *at, struct buf *out)
{
    const cJSON *first = cJSON_IsArray(at) ? at->child : at;
    int rc = 0;
    for (const cJSON *one = first; one && rc == 0; one = cJSON_IsArray(at) ? one->next : NULL)
        rc = buf_printf(out, "%s%s", one == first ? "" : ", ", one->valuestring[0] ? one->valuestring : "the whole");
}

/* A line for each meaning of a map, with its words, in the order in which they stand first. */
static void tell_map(const cJSON *map)
{
    const cJSON *entry, *other;
    cJSON_ArrayForEach(entry, map)
    {
        bool is_told = false;
        for (other = map->child; other != entry; other = other->next)
            is_told = is_told || strcmp(other->valuestring, entry->valuestring) == 0;
        if (is_told)
            continue;
        struct buf words;
        int rc = 0;
        buf_init(&words, WORDS_MOST);
        for (other = entry; other && rc == 0; other = other->next)
            if (strcmp(other->valuestring, entry->valuestring) == 0)
                rc = buf_printf(&words, "%s%s", other == entry ? "" : ", ", other->string);
        out_line("    %-14s  %s", entry->valuestring, buf_str(&words));
        buf_free(&words);
    }
}

static void tell_words(const cJSON *words, const char *of)
{
    struct buf where;
    buf_init(&where, WORDS_MOST);
    write_pointers(cJSON_GetObjectItemCaseSensitive(words, "pointer"), &where);
    out_line("  %s%s", buf_str(&where), of);
    buf_free(&where);
    tell_map(cJSON_GetObjectItemCaseSensitive(words, "map"));
}

static void tell_verdicts(const cJSON *start)
{
    const cJSON *rule;
    out_line("%s", "");
    out_line("What an answer to a create means; the first that applies");
    cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(start, "verdicts"))
    {
        const char *status = cJSON_GetObjectItemCaseSensitive(rule, "status")->valuestring;
        const cJSON *means = cJSON_GetObjectItemCaseSensitive(rule, "means");
        char of[32];
        snprintf(of, sizeof of, " of %s", status);
        if (means)
            out_line("  %-16s  %s", status, means->valuestring);
        else
            tell_words(rule, of);
    }
    out_line("  2* with an id     ACCEPTED");
    out_line("  nothing sent      NOT_SENT");
    out_line("  anything else     UNKNOWN");
}

static void tell_outcomes(const cJSON *call)
{
    const cJSON *words;
    out_line("%s", "");
    out_line("Where a call stands");
    tell_words(cJSON_GetObjectItemCaseSensitive(call, "state"), "");
    out_line("%s", "");
    out_line("How one that ended came out; the first word that is known");
    cJSON_ArrayForEach(words, cJSON_GetObjectItemCaseSensitive(call, "outcomes"))
    {
        tell_words(words, "");
    }
    out_line("  otherwise");
    out_line("    %s", cJSON_GetObjectItemCaseSensitive(call, "outcome_default")->valuestring);
}

/* Where callbacks come to, and what they look like; NULL where the platform sends none. */
static cJSON *describe_callback(const struct examination *x)
{
    const cJSON *callback = cJSON_GetObjectItemCaseSensitive(x->tree, "callback");
    if (!callback)
        return NULL;
    const cJSON *signature = cJSON_GetObjectItemCaseSensitive(callback, "signature");
    bool is_in_path = strcmp(cJSON_GetObjectItemCaseSensitive(callback, "token")->valuestring, "path") == 0;
    char path[LIMIT_ID_LEN + 32];
    snprintf(path, sizeof path, "/callbacks/%s%s", provider_profile_name(x->profile), is_in_path ? "/{token}" : "");
    cJSON *described = cJSON_CreateObject();
    json_add_str(described, "path", path);
    json_add_str(described, "body", cJSON_GetObjectItemCaseSensitive(callback, "body")->valuestring);
    if (signature) {
        json_add_str(described, "signature", cJSON_GetObjectItemCaseSensitive(signature, "kind")->valuestring);
        json_add_str(described, "header", cJSON_GetObjectItemCaseSensitive(signature, "header")->valuestring);
    }
    return described;
}

static void tell_callback(const struct examination *x, const cJSON *described)
{
    const cJSON *event =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(x->tree, "callback"), "event");
    const cJSON *signature = cJSON_GetObjectItemCaseSensitive(described, "signature");
    out_line("%s", "");
    out_line("What it sends by itself: POST %s, a body of %s,",
             cJSON_GetObjectItemCaseSensitive(described, "path")->valuestring,
             cJSON_GetObjectItemCaseSensitive(described, "body")->valuestring);
    if (signature)
        out_line("signed in %s (%s)", cJSON_GetObjectItemCaseSensitive(described, "header")->valuestring,
                 signature->valuestring);
    else
        out_line("%s", "not signed: the call that it names is polled, and that answer counts");
    if (event)
        tell_words(event, "");
    else
        out_line("  the call's state tells what it is about");
}

/* ---- the whole ---- */

static void tell_variables(const struct examination *x)
{
    const cJSON *variable;
    cJSON_ArrayForEach(variable, cJSON_GetObjectItemCaseSensitive(x->tree, "variables"))
    {
        char value[PROFILE_EXAMPLE_LEN + 1];
        bool is_required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(variable, "required"));
        profile_example_value(variable, value);
        out_line("  --variable %s=%s  %s%s", variable->string, value, is_required ? "" : "(optional) ",
                 cJSON_GetObjectItemCaseSensitive(variable, "about")->valuestring);
    }
}

static void tell_all(const struct examination *x, const cJSON *answer)
{
    out_line("%s: ok: profile %s", x->path, provider_profile_name(x->profile));
    out_line("%s", cJSON_GetObjectItemCaseSensitive(x->tree, "about")->valuestring);
    tell_variables(x);
    tell_requests(x, cJSON_GetObjectItemCaseSensitive(answer, "requests"));
    tell_verdicts(cJSON_GetObjectItemCaseSensitive(x->tree, "start"));
    tell_outcomes(cJSON_GetObjectItemCaseSensitive(x->tree, "call"));
    const cJSON *callback = cJSON_GetObjectItemCaseSensitive(answer, "callback");
    if (cJSON_IsObject(callback))
        tell_callback(x, callback);
}

static enum cli_exit tell(struct session *s, const struct examination *x)
{
    cJSON *answer = cJSON_CreateObject();
    enum cli_exit status = x->profile ? CLI_DONE : CLI_FAILED;
    int rc = answer ? 0 : ERR_NOMEM;
    json_add_str(answer, "file", x->path);
    cJSON_AddBoolToObject(answer, "ok", faults_count(&x->faults) == 0);
    if (faults_count(&x->faults) == 0) {
        json_add_str(answer, "profile", provider_profile_name(x->profile));
        rc = add_requests(x, answer);
        cJSON *callback = describe_callback(x);
        if (callback)
            cJSON_AddItemToObject(answer, "callback", callback);
        json_add_i64(answer, "lookupSpanMs", provider_profile_lookup_span_ms(x->profile));
    }
    add_faults(x, answer);
    if (rc != 0) {
        out_complain("%s: the example cannot be made: %s", x->path, err_name(rc));
        status = CLI_FAILED;
    } else if (session_is_json(s)) {
        enum cli_exit printed = out_json(answer);
        status = faults_count(&x->faults) == 0 ? printed : CLI_FAILED;
    } else if (faults_count(&x->faults) == 0) {
        tell_all(x, answer);
    } else {
        tell_faults(x);
        status = CLI_FAILED;
    }
    cJSON_Delete(answer);
    return status;
}

static enum cli_exit run_check(struct session *s)
{
    struct examination x = {.path = conf_rest(session_conf(s), 0)};
    enum cli_exit status = CLI_FAILED;
    faults_init(&x.faults, LIMIT_FAULTS);
    int rc = read_file(&x);
    if (rc == 0) {
        rc = examine(&x);
        if (rc == 0 || rc == ERR_INVALID)
            status = tell(s, &x);
        else
            out_complain("%s: %s", x.path, err_name(rc));
    }
    clear(&x);
    return status;
}

const struct cli_verb *cli_provider_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "provider check",
            .subjects = "FILE",
            .n_subjects = 1,
            .help = "check a platform's profile, and show what it would send",
            .about =
                "Names every fault with its line; exit status 1 with any. Without one it shows the requests of an\n"
                "example call, its credential as the word CREDENTIAL, and how answers and callbacks are read. Talks\n"
                "to nobody. The format: docs/provider-profiles.md.",
            .run = run_check,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
