/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/event_reader.h"
#include "producer/cli/out.h"
#include "producer/cli/progress.h"
#include "producer/cli/verbs.h"
#include "producer/cli/watch.h"
#include "producer/cli/watch_screen.h"

#define QUIET_MS 60000 /* a stream that says nothing for so long is dead: comments come every 15 s, 30 at most */
#define RETRY_MS 1000 /* between two streams, where the producer asks for nothing else */
#define LOOK_TIMEOUT_MS 10000
#define PATIENCE_MS 60000 /* with a producer that answered before */
#define EVENT_MOST (8u << 20)

enum result { WATCH_GOES_ON, WATCH_COMPLETED, WATCH_ENDED, WATCH_FAILED };

struct watching {
    struct session *session; /* borrowed */
    struct api_client *api; /* borrowed */
    const char *batch_id;
    struct event_reader reader;
    struct watch_screen screen;
    enum result result; /* of the last status */
    bool has_answered;
    bool is_away; /* it did not answer the last time, and that was told */
    int64_t heard_us; /* when it last answered */
};

/* ---- what the producer says, and that it says nothing ---- */

static void heard(struct watching *w)
{
    if (w->is_away)
        out_complain("the producer answers again");
    w->is_away = false;
    w->has_answered = true;
    w->heard_us = clock_mono_us();
}

/* A producer that restarts is waited for. */
static enum result no_answer(struct watching *w, const char *why)
{
    bool is_patient = w->has_answered && clock_mono_us() - w->heard_us < (int64_t)PATIENCE_MS * 1000;
    if (is_patient && w->is_away)
        return WATCH_GOES_ON;
    watch_screen_erase(&w->screen);
    out_complain("the producer does not answer: %s", why);
    if (is_patient)
        out_complain("%s goes on meanwhile; asking again", w->batch_id);
    else if (w->has_answered)
        out_complain("no more asking; whether %s goes on is not known here", w->batch_id);
    w->is_away = true;
    return is_patient ? WATCH_GOES_ON : WATCH_FAILED;
}

/* `answer`'s body, or what stands for it, is a status; anything else is refused. */
static enum result judge(struct watching *w, const struct api_answer *answer)
{
    struct progress progress;
    if (!api_answer_is(answer, 200) || progress_read(answer->body, clock_wall_ms(), &progress) != 0) {
        watch_screen_erase(&w->screen);
        api_answer_refusal(answer, session_is_json(w->session), NULL, NULL);
        return WATCH_FAILED;
    }
    if (watch_screen_show(&w->screen, &progress, answer->body) != CLI_DONE)
        return WATCH_FAILED;
    if (!progress_has_ended(&progress))
        return WATCH_GOES_ON;
    return progress_is_completed(&progress) ? WATCH_COMPLETED : WATCH_ENDED;
}

static enum result judge_answer(struct watching *w, const struct api_answer *answer)
{
    if (answer->status < 500 && answer->status != 429) {
        heard(w);
        return judge(w, answer);
    }
    char why[256];
    const char *message = api_answer_text(answer, "message");
    snprintf(why, sizeof why, "it says %d%s%s", answer->status, message[0] ? ": " : "", message);
    return no_answer(w, why);
}

/* ---- following ---- */

static bool on_event(const char *name, const char *data, size_t len, void *arg)
{
    struct watching *w = arg;
    struct api_answer answer = {.status = 200};
    if (strcmp(name, "status") != 0)
        return true;
    if (json_parse(data, len, &answer.body, NULL) != 0)
        answer.body = NULL;
    w->result = judge(w, &answer);
    api_answer_clear(&answer);
    return w->result == WATCH_GOES_ON;
}

static bool on_data(const char *data, size_t len, void *arg)
{
    struct watching *w = arg;
    heard(w); /* a comment says as well as an event that the producer is there: a batch may be quiet for hours */
    return event_reader_take(&w->reader, data, len) == 0;
}

/* A producer that has no such stream, or no place for another, can still be asked. */
static bool is_to_be_asked(const struct api_answer *answer)
{
    const char *code = api_answer_text(answer, "code");
    return strcmp(code, "ROUTE_NOT_FOUND") == 0 || strcmp(code, "TOO_MANY_LISTENERS") == 0 || strcmp(code, "BUSY") == 0;
}

static enum result look(struct watching *w)
{
    char path[LIMIT_BATCH_ID_LEN + 64];
    struct api_answer answer;
    snprintf(path, sizeof path, "/api/v1/batch/%s", w->batch_id);
    int rc = api_client_ask(w->api, "GET", path, NULL, 0, LOOK_TIMEOUT_MS, &answer);
    if (session_signal(w->session) != 0)
        return WATCH_GOES_ON;
    if (rc != 0)
        return no_answer(w, rc == ERR_UNAVAILABLE ? api_client_problem(w->api) : err_name(rc));
    enum result result = judge_answer(w, &answer);
    api_answer_clear(&answer);
    return result;
}

/* One stream, from its beginning to its end. */
static enum result follow(struct watching *w)
{
    char path[LIMIT_BATCH_ID_LEN + 64];
    struct api_answer answer;
    snprintf(path, sizeof path, "/api/v1/batch/%s/events", w->batch_id);
    event_reader_restart(&w->reader);
    w->result = WATCH_GOES_ON;
    int rc = api_client_follow(w->api, path, w->reader.last_id, QUIET_MS, on_data, w, &answer);
    if (session_signal(w->session) != 0 || w->result != WATCH_GOES_ON)
        return w->result;
    if (rc != 0)
        return no_answer(w, rc == ERR_UNAVAILABLE ? api_client_problem(w->api) : err_name(rc));
    enum result result = WATCH_GOES_ON; /* it was closed in good order: the next one goes on */
    if (is_to_be_asked(&answer))
        result = look(w);
    else if (answer.status != 200)
        result = judge_answer(w, &answer);
    api_answer_clear(&answer);
    return result;
}

static void tell_interrupted(struct watching *w)
{
    watch_screen_leave(&w->screen);
    out_complain("%s is left alone. 'carillon watch %s' watches it again, 'carillon cancel %s' ends it", w->batch_id,
                 w->batch_id, w->batch_id);
}

static enum cli_exit watch(struct watching *w)
{
    for (;;) {
        enum result result = follow(w);
        int64_t pause_ms = w->reader.retry_ms ? w->reader.retry_ms : RETRY_MS;
        if (session_signal(w->session) == 0 && result == WATCH_GOES_ON && session_pause(w->session, pause_ms) != 0)
            return CLI_FAILED;
        if (session_signal(w->session) != 0) {
            tell_interrupted(w);
            return CLI_FAILED;
        }
        if (result != WATCH_GOES_ON)
            return result == WATCH_COMPLETED ? CLI_DONE : CLI_FAILED;
    }
}

enum cli_exit watch_batch(struct session *s, struct api_client *api, const char *batch_id, bool has_answered)
{
    struct watching w = {
        .session = s,
        .api = api,
        .batch_id = batch_id,
        .has_answered = has_answered,
        .heard_us = clock_mono_us(),
    };
    if (session_catch_signals(s) != 0)
        return CLI_FAILED;
    watch_screen_init(&w.screen, session_is_json(s));
    event_reader_init(&w.reader, EVENT_MOST, on_event, &w);
    enum cli_exit status = watch(&w);
    event_reader_free(&w.reader);
    return status;
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
                "there is a line when its status changes and every few seconds while calls go on, with --json an\n"
                "object a line. A producer that goes away for up to a minute is waited for. ^C ends the watching;\n"
                "the batch goes on. Exit status: 0 the batch completed, 1 it was cancelled or failed, 130 after ^C.",
            .run = run_watch,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
