/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/courier.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "tests/carrier/calls.h"

#define PAUSE_US 200000 /* before the second; doubled before each further one */
#define IN_FLIGHT_MAX 256
#define LETTERS_MAX 100000
#define SIGNATURE_BYTES_MAX 512
#define LETTER_ID_RANDOM 32
#define ANSWER_BYTES_MAX 1024

/* One callback on its way: waiting in the queue, under way, or pausing (`timer` armed). */
struct letter {
    struct courier *courier;
    struct courier_letter content; /* its url and body are the next two */
    char *url;
    struct buf body;
    char id[LETTER_ID_RANDOM + 1];
    unsigned copy; /* from 1 */
    unsigned tries;
    struct loop_timer *timer;
    struct letter *next_waiting;
    struct letter *prev; /* of all letters */
    struct letter *next;
};

struct courier {
    const struct courier_style *style;
    struct witness *witness;
    struct loop *loop;
    struct http_client *client;
    struct letter *letters;
    size_t n_letters;
    struct letter *waiting_head;
    struct letter **waiting_tail;
    size_t in_flight;
};

int courier_create(struct loop *loop, const struct courier_style *style, struct witness *witness,
                   struct courier **ret_courier)
{
    struct courier *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->loop = loop;
    c->style = style;
    c->witness = witness;
    c->waiting_tail = &c->waiting_head;
    int err = http_client_create(loop, IN_FLIGHT_MAX, &c->client);
    if (err) {
        free(c);
        return err;
    }
    *ret_courier = c;
    return 0;
}

static void letter_free(struct letter *letter)
{
    struct courier *c = letter->courier;
    *(letter->prev ? &letter->prev->next : &c->letters) = letter->next;
    if (letter->next)
        letter->next->prev = letter->prev;
    c->n_letters--;
    calls_release(letter->content.call);
    loop_timer_free(letter->timer);
    buf_free(&letter->body);
    free(letter->url);
    free(letter);
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    http_client_free(c->client);
    for (struct letter *letter = c->letters, *next; letter; letter = next) {
        next = letter->next;
        letter_free(letter);
    }
    free(c);
}

/* ---- trying ---- */

static void letter_queue(struct letter *letter)
{
    struct courier *c = letter->courier;
    letter->next_waiting = NULL;
    *c->waiting_tail = letter;
    c->waiting_tail = &letter->next_waiting;
}

static void witness_try(struct letter *letter, int status, const char *error)
{
    struct courier *c = letter->courier;
    cJSON *line = witness_line_of_call(clock_wall_us(), "callback", letter->content.call);
    json_add_str(line, "event", letter->content.event);
    json_add_i64(line, "status", status);
    json_add_i64(line, "try", letter->tries);
    json_add_i64(line, "copy", letter->copy);
    if (error)
        json_add_str(line, "error", error);
    witness_take(c->witness, line);
}

static void courier_pump(struct courier *c);

/* What a try that failed so is to COURIER_RETRY_*. */
static unsigned retry_kind(enum http_fail fail, int status)
{
    if (fail == HTTP_FAIL_TIMEOUT)
        return COURIER_RETRY_TIMEOUT;
    if (fail != HTTP_FAIL_NONE)
        return COURIER_RETRY_CONNECT;
    if (status >= 500)
        return COURIER_RETRY_5XX;
    return status >= 400 ? COURIER_RETRY_4XX : COURIER_RETRY_OTHER;
}

static bool may_retry(const struct letter *letter, unsigned kind)
{
    return letter->tries < letter->content.tries && (letter->content.retry_on & kind);
}

/* A try is over: the next copy, the next try, or the end of the letter. `status` 0: there was no answer. */
static void letter_conclude(struct letter *letter, enum http_fail fail, int status, const char *error)
{
    struct courier *c = letter->courier;
    bool is_first = letter->copy == 1 && letter->tries == 1;
    witness_try(letter, status, error);
    if (is_first)
        c->style->on_first_try(letter->content.call, letter->content.event, c->style->arg);
    if (status >= 200 && status <= 299) {
        if (letter->copy == letter->content.copies) {
            letter_free(letter);
            return;
        }
        letter->copy++;
        letter->tries = 0;
        letter_queue(letter);
    } else if (!may_retry(letter, retry_kind(fail, status)) ||
               loop_timer_arm_us(letter->timer, PAUSE_US << (letter->tries - 1))) {
        letter_free(letter);
    }
}

static void on_answer(const struct http_result *result, void *arg)
{
    struct letter *letter = arg;
    struct courier *c = letter->courier;
    bool is_answered = result->fail == HTTP_FAIL_NONE;
    c->in_flight--;
    letter_conclude(letter, result->fail, is_answered ? result->status : 0, is_answered ? NULL : result->detail);
    courier_pump(c);
}

static int letter_post(struct letter *letter)
{
    struct courier *c = letter->courier;
    struct buf signature;
    buf_init(&signature, SIGNATURE_BYTES_MAX);
    int err = c->style->sign(&letter->content, &signature, c->style->arg);
    if (!err) {
        const struct http_header headers[] = {
            {c->style->signature_header, buf_str(&signature)},
            {"content-type", c->style->content_type},
            {c->style->id_header, letter->id},
        };
        const struct http_outgoing out = {
            .method = letter->content.method,
            .url = letter->url,
            .headers = headers,
            .n_headers = sizeof headers / sizeof headers[0] - (c->style->id_header ? 0 : 1),
            .body = buf_str(&letter->body),
            .body_len = buf_len(&letter->body),
            .timeout_ms = letter->content.timeout_ms,
            .max_body_bytes = ANSWER_BYTES_MAX,
        };
        err = http_client_send(c->client, &out, on_answer, letter, NULL);
    }
    buf_free(&signature);
    return err;
}

static void courier_pump(struct courier *c)
{
    while (c->waiting_head && c->in_flight < IN_FLIGHT_MAX) {
        struct letter *letter = c->waiting_head;
        c->waiting_head = letter->next_waiting;
        if (!c->waiting_head)
            c->waiting_tail = &c->waiting_head;
        letter->tries++;
        int err = letter_post(letter);
        if (err)
            letter_conclude(letter, HTTP_FAIL_LOCAL, 0, err_name(err));
        else
            c->in_flight++;
    }
}

static void on_pause_over(void *arg)
{
    struct letter *letter = arg;
    letter_queue(letter);
    courier_pump(letter->courier);
}

int courier_send(struct courier *c, const struct courier_letter *content)
{
    if (c->n_letters >= LETTERS_MAX)
        return ERR_NOMEM;
    struct letter *letter = calloc(1, sizeof *letter);
    if (!letter)
        return ERR_NOMEM;
    letter->url = strdup(content->url);
    buf_init(&letter->body, content->len + 1);
    int err = letter->url ? buf_append(&letter->body, content->body, content->len) : ERR_NOMEM;
    if (!err)
        err = ident_make_random("", LETTER_ID_RANDOM, letter->id, sizeof letter->id);
    if (!err)
        err = loop_timer_create(c->loop, on_pause_over, letter, &letter->timer);
    if (err) {
        buf_free(&letter->body);
        free(letter->url);
        free(letter);
        return err;
    }
    letter->courier = c;
    letter->content = *content;
    letter->content.url = letter->url;
    letter->content.body = buf_str(&letter->body);
    letter->copy = 1;
    letter->next = c->letters;
    if (c->letters)
        c->letters->prev = letter;
    c->letters = letter;
    c->n_letters++;
    calls_hold(letter->content.call);
    letter_queue(letter);
    courier_pump(c);
    return 0;
}
