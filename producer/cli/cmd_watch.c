/* SPDX-License-Identifier: Apache-2.0
 *
 * `carillon watch`: a live line on a terminal, a plain line now and then elsewhere, until the batch has ended.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ident.h"
#include "producer/cli/verbs.h"

#define LOOK_MS 1000
#define PLAIN_EVERY 5 /* looks between two plain lines */
#define FAILURES_MOST 30
#define BAR_WIDTH 24

/* What is shown of one look. */
struct progress {
    const char *status;
    double total, processed, succeeded, failed, ongoing, attempts, percent, rate, limit, eta_s;
    bool has_eta;
    const cJSON *outcomes;
};

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static struct progress read_progress(const cJSON *body)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(body, "status");
    const cJSON *statistics = cJSON_GetObjectItemCaseSensitive(body, "statistics");
    const cJSON *performance = cJSON_GetObjectItemCaseSensitive(body, "performance");
    const cJSON *eta = cJSON_GetObjectItemCaseSensitive(performance, "estimatedTimeRemaining");
    return (struct progress){
        .status = cJSON_IsString(status) ? status->valuestring : "unknown",
        .total = number_of(statistics, "total"),
        .processed = number_of(statistics, "processed"),
        .succeeded = number_of(statistics, "succeeded"),
        .failed = number_of(statistics, "failed"),
        .percent = number_of(statistics, "percentComplete"),
        .rate = number_of(performance, "callsPerSecond"),
        .eta_s = cJSON_IsNumber(eta) ? eta->valuedouble : 0,
        .has_eta = cJSON_IsNumber(eta),
        .limit = number_of(body, "maxCallsPerSecond"),
        .ongoing = number_of(body, "ongoing"),
        .attempts = number_of(body, "attempts"),
        .outcomes = cJSON_GetObjectItemCaseSensitive(body, "outcomes"),
    };
}

static bool has_ended(const struct progress *p)
{
    return strcmp(p->status, "completed") == 0 || strcmp(p->status, "cancelled") == 0 ||
           strcmp(p->status, "failed") == 0;
}

static void print_eta(const struct progress *p)
{
    if (p->has_eta)
        printf("  ETA %d:%02d", (int)p->eta_s / 60, (int)p->eta_s % 60);
}

static void print_outcomes(const struct progress *p)
{
    const cJSON *outcome;
    cJSON_ArrayForEach(outcome, p->outcomes)
    {
        printf("  %s %.0f", outcome->string, outcome->valuedouble);
    }
}

static void print_bar(const struct progress *p)
{
    int filled = (int)(p->percent / 100 * BAR_WIDTH);
    printf("\r\033[K%-10s [", p->status);
    for (int i = 0; i < BAR_WIDTH; i++)
        putchar(i < filled ? '#' : '.');
    printf("] %.0f/%.0f  %.1f of %.0f calls/s  on the line %.0f", p->processed, p->total, p->rate, p->limit,
           p->ongoing);
    print_outcomes(p);
    print_eta(p);
    if (has_ended(p))
        putchar('\n');
}

static void print_plain(const struct progress *p)
{
    printf("%s: %.0f of %.0f done, %.0f attempts, %.1f of %.0f calls/s, %.0f on the line", p->status, p->processed,
           p->total, p->attempts, p->rate, p->limit, p->ongoing);
    print_outcomes(p);
    print_eta(p);
    putchar('\n');
}

/* How the watching shows and remembers. */
struct watching {
    struct session *session;
    char path[LIMIT_BATCH_ID_LEN + 64];
    char last_status[32];
    bool is_terminal;
    unsigned looks;
    unsigned failures; /* in a row */
};

static void show(struct watching *w, const struct progress *p, const cJSON *body)
{
    bool is_news = strcmp(w->last_status, p->status) != 0;
    snprintf(w->last_status, sizeof w->last_status, "%s", p->status);
    if (session_is_json(w->session)) {
        if (is_news || w->looks % PLAIN_EVERY == 0 || has_ended(p))
            session_print_json(body);
    } else if (w->is_terminal) {
        print_bar(p);
    } else if (is_news || w->looks % PLAIN_EVERY == 0) {
        print_plain(p);
    }
    w->looks++;
    fflush(stdout);
}

/* One look. 0, with `ret_is_over` set at the batch's end; an ERR_* where watching makes no sense any more. */
static int look(struct watching *w, bool *ret_is_over, bool *ret_is_completed)
{
    struct session_answer answer;
    int rc = session_http(w->session, "GET", w->path, NULL, 0, &answer);
    if (rc == 0 && answer.status != 200) {
        session_print_error(&answer);
        rc = answer.status >= 500 ? ERR_UNAVAILABLE : ERR_NOT_FOUND;
        session_answer_clear(&answer);
    }
    if (rc != 0)
        return rc;
    struct progress progress = read_progress(answer.body);
    show(w, &progress, answer.body);
    *ret_is_over = has_ended(&progress);
    *ret_is_completed = strcmp(progress.status, "completed") == 0;
    session_answer_clear(&answer);
    return 0;
}

enum cli_exit cli_watch_batch(struct session *s, const char *batch_id)
{
    struct watching w = {.session = s, .is_terminal = isatty(STDOUT_FILENO) == 1};
    char cell[LIMIT_CELL_ID_LEN + 1];
    if (ident_batch_cell(batch_id, strlen(batch_id), cell) != 0) {
        fprintf(stderr, "carillon: %s is not a batch id\n", batch_id);
        return CLI_USAGE;
    }
    snprintf(w.path, sizeof w.path, "/api/v1/batch/%s", batch_id);
    bool is_over = false, is_completed = false;
    while (!is_over) {
        int rc = look(&w, &is_over, &is_completed);
        w.failures = rc == 0 ? 0 : w.failures + 1;
        /* A producer that restarts is waited for; a batch that is not there is not. */
        if ((rc != 0 && !err_is_retryable(rc)) || w.failures >= FAILURES_MOST)
            return CLI_FAILED;
        if (!is_over && session_pause(s, LOOK_MS) != 0)
            return CLI_FAILED;
    }
    return is_completed ? CLI_DONE : CLI_FAILED;
}
