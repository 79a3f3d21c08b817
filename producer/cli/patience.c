/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/patience.h"

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "producer/cli/out.h"

#define PAUSE_LEAST_MS 100
#define PAUSE_MOST_MS 10000

void patience_init(struct patience *p, struct session *s, struct api_client *api, int64_t wait_ms)
{
    *p = (struct patience){.session = s, .api = api, .wait_ms = wait_ms, .heard_us = clock_mono_us()};
}

static bool is_later(const struct api_answer *answer)
{
    return answer->status == 408 || answer->status == 429 || answer->status == 503 || answer->retry_after_ms >= 0;
}

static void tell(const struct patience *p, const char *why)
{
    if (p->before_telling)
        p->before_telling(p->arg);
    out_complain("trying again: %s", why);
}

static void heard(struct patience *p)
{
    if (p->is_away) {
        if (p->before_telling)
            p->before_telling(p->arg);
        out_complain("the producer answers again");
    }
    p->is_away = false;
    p->heard_us = clock_mono_us();
}

/* Twice as long each time, and never at the same time as everybody else; at least as long as the answer asks for. */
static int64_t pause_ms(unsigned tries, int64_t retry_after_ms)
{
    int64_t most = tries < 7 ? (int64_t)PAUSE_LEAST_MS << tries : PAUSE_MOST_MS;
    if (most > PAUSE_MOST_MS)
        most = PAUSE_MOST_MS;
    int64_t ms = most / 2 + (int64_t)random_below((uint64_t)(most / 2 + 1));
    return ms > retry_after_ms ? ms : retry_after_ms;
}

/* Whether it is worth trying again after `rc` of api_client_send(), and `answer` where that was 0. */
static bool goes_on(struct patience *p, int rc, const struct api_answer *answer)
{
    bool is_known = p->has_answered || api_client_was_sent(p->api);
    if (rc == 0)
        p->has_answered = true;
    if (session_signal(p->session) != 0)
        return false;
    if (rc != 0 && (rc != ERR_UNAVAILABLE || !is_known))
        return false;
    if (rc == 0 && !is_later(answer))
        return false;
    int64_t left_ms = p->wait_ms - (clock_mono_us() - p->heard_us) / 1000;
    return left_ms > 0 && (rc != 0 || answer->retry_after_ms <= left_ms);
}

static void tell_once(struct patience *p, int rc, const struct api_answer *answer)
{
    if (!p->is_away && rc != 0)
        tell(p, api_client_problem(p->api));
    else if (!p->is_away)
        tell(p, api_answer_text(answer, "message")[0] ? api_answer_text(answer, "message") : "the producer is busy");
    p->is_away = true;
}

int patience_ask(struct patience *p, const struct api_request *request, struct api_answer *ret_answer)
{
    struct api_request again = *request;
    again.is_repeatable = true;
    for (unsigned tries = 0;; tries++) {
        struct api_answer answer = {.retry_after_ms = -1};
        int rc = api_client_send(p->api, &again, &answer);
        if (!goes_on(p, rc, &answer)) {
            if (rc == 0 && !is_later(&answer))
                heard(p);
            if (rc == 0)
                *ret_answer = answer;
            return rc;
        }
        tell_once(p, rc, &answer);
        int64_t ms = pause_ms(tries, rc == 0 ? answer.retry_after_ms : 0);
        api_answer_clear(&answer);
        p->retries++;
        rc = session_pause(p->session, ms);
        if (rc != 0)
            return rc;
    }
}
