/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon why`: what holds a batch back, and until when, as the producer tells it.
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

#define LINE_MOST 1024

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* "  (due 3, live 1)" */
static void print_counts(const cJSON *level)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(level, "counts"), *count;
    struct buf line;
    int err = 0;
    buf_init(&line, LINE_MOST);
    cJSON_ArrayForEach(count, counts)
    {
        if (err == 0)
            err = buf_printf(&line, "%s%s %.0f", buf_len(&line) > 0 ? ", " : "", count->string, count->valuedouble);
    }
    out_line("%-8s%s", text_of(level, "level"), err == 0 ? buf_str(&line) : "");
    buf_free(&line);
}

static void print_level(const cJSON *level)
{
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(level, "reasons"), *reason;
    if (cJSON_HasObjectItem(level, "counts"))
        print_counts(level);
    else
        out_line("%-8s%s", text_of(level, "level"), text_of(level, "id"));
    cJSON_ArrayForEach(reason, reasons)
    {
        bool holds = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reason, "holds"));
        out_line("%c       %s: %s", holds ? '>' : ' ', text_of(reason, "code"), text_of(reason, "message"));
    }
}

static void print_why(const cJSON *body)
{
    const cJSON *chain = cJSON_GetObjectItemCaseSensitive(body, "chain"), *level;
    out_line("%s", text_of(cJSON_GetObjectItemCaseSensitive(body, "verdict"), "message"));
    out_line("%s is %s at %s", text_of(body, "batchId"), text_of(body, "status"), text_of(body, "asOf"));
    cJSON_ArrayForEach(level, chain)
    {
        print_level(level);
    }
}

static enum cli_exit ask_why(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    char path[LIMIT_BATCH_ID_LEN + 64];
    struct api_answer answer;
    enum cli_exit status = CLI_FAILED;
    snprintf(path, sizeof path, "/api/v1/batch/%s/why", id);
    if (api_client_ask(api, "GET", path, NULL, 0, API_TIMEOUT_MS, &answer) != 0) {
        api_client_complain(api);
        return CLI_FAILED;
    }
    if (!api_answer_is(&answer, 200)) {
        api_answer_refusal(&answer, session_is_json(s), NULL, NULL);
    } else if (session_is_json(s)) {
        status = out_json(answer.body);
    } else {
        print_why(answer.body);
        status = CLI_DONE;
    }
    api_answer_clear(&answer);
    return status;
}

static enum cli_exit run_why(struct session *s)
{
    return batch_verb_run(s, ask_why, NULL);
}

const struct cli_verb *cli_why_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "why",
            .subjects = "BATCH",
            .n_subjects = 1,
            .help = "say what holds a batch back, and until when",
            .about =
                "The first line is the verdict. Below it stands the chain from the batch's trunk to its calls; what\n"
                "keeps it from its next call is marked with >.",
            .run = run_why,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
