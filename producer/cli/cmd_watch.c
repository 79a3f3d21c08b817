/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/progress.h"
#include "producer/cli/verbs.h"
#include "producer/cli/watch.h"

#define LOOK_MS 1000
#define LOOK_TIMEOUT_MS 10000
#define PLAIN_EVERY 5 /* looks between two plain lines */
#define PATIENCE_MS 60000 /* with a producer that answered before */
#define WIDTH_UNKNOWN 80

/* How the watching shows and remembers. */
struct watching {
    struct session *session; /* borrowed */
    struct api_client *api; /* borrowed */
    const char *batch_id;
    char path[LIMIT_BATCH_ID_LEN + 64];
    char last_status[32];
    bool is_terminal;
    bool is_drawn; /* the live lines stand on the terminal, the cursor behind them */
    size_t drawn[2]; /* how long they are */
    unsigned looks;
    bool has_answered;
    bool is_away; /* it did not answer the last time, and that was told */
    int64_t heard_us; /* when it last answered */
};

/* ---- showing ---- */

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return WIDTH_UNKNOWN;
    return size.ws_col;
}

static size_t rows_beyond_first(size_t len, size_t width)
{
    return len > 0 ? (len - 1) / width : 0;
}

/* From where the live lines stand everything goes. A terminal that became narrower shows them on more rows. */
static void erase(struct watching *w)
{
    size_t width = terminal_width();
    if (w->is_drawn)
        printf("\r\033[%zuA\033[J", 1 + rows_beyond_first(w->drawn[0], width) + rows_beyond_first(w->drawn[1], width));
    w->is_drawn = false;
}

/* The last column stays free: some terminals go on to the next line there. */
static void draw(struct watching *w, const struct progress *p)
{
    struct buf bar, outcomes;
    size_t width = terminal_width() - 1;
    buf_init(&bar, PROGRESS_TEXT_MOST);
    buf_init(&outcomes, PROGRESS_TEXT_MOST);
    if (progress_render_bar(p, width, &bar) == 0 && progress_render_outcomes(p, width, &outcomes) == 0) {
        erase(w);
        printf("%s\n%s", buf_str(&bar), buf_str(&outcomes));
        w->drawn[0] = buf_len(&bar);
        w->drawn[1] = buf_len(&outcomes);
        w->is_drawn = true;
    }
    buf_free(&bar);
    buf_free(&outcomes);
}

static void print_text(const struct progress *p, int (*render)(const struct progress *p, struct buf *out))
{
    struct buf text;
    buf_init(&text, PROGRESS_TEXT_MOST);
    if (render(p, &text) == 0)
        out_line("%s", buf_str(&text));
    buf_free(&text);
}

static enum cli_exit show(struct watching *w, const struct progress *p, const cJSON *body)
{
    enum cli_exit status = CLI_DONE;
    bool has_ended = progress_has_ended(p);
    bool is_news = strcmp(w->last_status, p->status) != 0 || w->looks % PLAIN_EVERY == 0;
    snprintf(w->last_status, sizeof w->last_status, "%s", p->status);
    w->looks++;
    if (session_is_json(w->session)) {
        status = is_news ? out_json(body) : CLI_DONE;
    } else if (w->is_terminal) {
        draw(w, p);
        fputs(has_ended ? "\n" : "", stdout);
    } else if (is_news) {
        print_text(p, progress_render_line);
    }
    if (has_ended && !session_is_json(w->session))
        print_text(p, progress_render_end);
    /* Without a reader there is nobody to watch for. */
    return fflush(stdout) == 0 && status == CLI_DONE ? CLI_DONE : CLI_FAILED;
}

/* ---- looking ---- */

enum look { LOOK_GOES_ON, LOOK_COMPLETED, LOOK_ENDED, LOOK_FAILED };

static enum look judge_answer(struct watching *w, const struct api_answer *answer)
{
    struct progress progress;
    if (!api_answer_is(answer, 200) || progress_read(answer->body, clock_wall_ms(), &progress) != 0) {
        erase(w);
        api_answer_refusal(answer, session_is_json(w->session), NULL, NULL);
        return LOOK_FAILED;
    }
    if (show(w, &progress, answer->body) != CLI_DONE)
        return LOOK_FAILED;
    if (!progress_has_ended(&progress))
        return LOOK_GOES_ON;
    return progress_is_completed(&progress) ? LOOK_COMPLETED : LOOK_ENDED;
}

/* A producer that restarts is waited for. */
static enum look no_answer(struct watching *w, const char *why)
{
    bool is_patient = w->has_answered && clock_mono_us() - w->heard_us < (int64_t)PATIENCE_MS * 1000;
    if (is_patient && w->is_away)
        return LOOK_GOES_ON;
    erase(w);
    out_complain("the producer does not answer: %s", why);
    if (is_patient)
        out_complain("%s goes on meanwhile; asking again", w->batch_id);
    else if (w->has_answered)
        out_complain("no more asking; whether %s goes on is not known here", w->batch_id);
    w->is_away = true;
    return is_patient ? LOOK_GOES_ON : LOOK_FAILED;
}

static void heard(struct watching *w)
{
    if (w->is_away)
        out_complain("the producer answers again");
    w->is_away = false;
    w->has_answered = true;
    w->heard_us = clock_mono_us();
}

static enum look look(struct watching *w)
{
    struct api_answer answer;
    int rc = api_client_ask(w->api, "GET", w->path, NULL, 0, LOOK_TIMEOUT_MS, &answer);
    if (session_signal(w->session) != 0)
        return LOOK_GOES_ON;
    if (rc != 0)
        return no_answer(w, rc == ERR_UNAVAILABLE ? api_client_problem(w->api) : err_name(rc));
    enum look result;
    if (answer.status >= 500 || answer.status == 429) {
        char why[256];
        const char *message = api_answer_text(&answer, "message");
        snprintf(why, sizeof why, "it says %d%s%s", answer.status, message[0] ? ": " : "", message);
        result = no_answer(w, why);
    } else {
        heard(w);
        result = judge_answer(w, &answer);
    }
    api_answer_clear(&answer);
    return result;
}

static void tell_interrupted(const struct watching *w)
{
    if (w->is_drawn)
        putchar('\n');
    out_complain("%s is left alone. 'carillon watch %s' watches it again, 'carillon cancel %s' ends it", w->batch_id,
                 w->batch_id, w->batch_id);
}

enum cli_exit watch_batch(struct session *s, struct api_client *api, const char *batch_id, bool has_answered)
{
    const char *terminal = getenv("TERM");
    struct watching w = {
        .session = s,
        .api = api,
        .batch_id = batch_id,
        .is_terminal = isatty(STDOUT_FILENO) == 1 && terminal && strcmp(terminal, "dumb") != 0,
        .has_answered = has_answered,
        .heard_us = clock_mono_us(),
    };
    snprintf(w.path, sizeof w.path, "/api/v1/batch/%s", batch_id);
    if (session_catch_signals(s) != 0)
        return CLI_FAILED;
    for (;;) {
        enum look result = look(&w);
        if (session_signal(s) == 0 && result == LOOK_GOES_ON && session_pause(s, LOOK_MS) != 0)
            return CLI_FAILED;
        if (session_signal(s) != 0) {
            tell_interrupted(&w);
            return CLI_FAILED;
        }
        if (result != LOOK_GOES_ON)
            return result == LOOK_COMPLETED ? CLI_DONE : CLI_FAILED;
    }
}

static enum cli_exit watch_one(struct session *s, struct api_client *api, const char *id, const void *arg)
{
    (void)arg;
    return watch_batch(s, api, id, false);
}

static enum cli_exit run_watch(struct session *s)
{
    return batch_verb_run(s, watch_one, NULL);
}

const struct cli_verb *cli_watch_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "watch",
            .subjects = "BATCH",
            .n_subjects = 1,
            .help = "watch a batch until it ends",
            .about =
                "On a terminal a live bar shows rate against limit, outcomes and the time that is left; elsewhere\n"
                "there is a line when something changes and every few seconds, with --json an object a line.\n"
                "A producer that goes away for up to a minute is waited for. ^C ends the watching; the batch goes\n"
                "on. Exit status: 0 the batch completed, 1 it was cancelled or failed, 130 after ^C.",
            .run = run_watch,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
