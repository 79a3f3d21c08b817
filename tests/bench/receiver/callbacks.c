/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/receiver/callbacks.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/parse.h"

#define LINES 32 /* connections to the worker: one callback each at a time */
#define BODY_MOST 65536

/* By the phase that each tells of. */
static const char *const event_names[] = {
    [CALL_ONGOING] = "call_started",
    [CALL_ENDED] = "call_ended",
    [CALL_ANALYZED] = "call_analyzed",
};

/* One that is to be sent; the waits are all the same, so that they come due in their order. */
struct letter {
    STAILQ_ENTRY(letter) link;
    size_t number;
    enum call_phase phase;
    int64_t due_us;
};
STAILQ_HEAD(letter_list, letter);

struct line {
    SLIST_ENTRY(line) idle_link;
    struct callbacks *callbacks;
    struct bufferevent *stream;
    struct letter *letter; /* under way; NULL: the line is idle */
};
SLIST_HEAD(line_list, line);

struct callbacks {
    struct event_base *base;
    struct callbacks_config config;
    const struct calls *calls;
    struct sockaddr_in to;
    const char *path;
    struct event *timer;
    struct letter_list letters;
    struct line lines[LINES];
    struct line_list idle;
    struct buf body, signed_text; /* scratch */
};

/* ---- a letter ---- */

static int sign(struct callbacks *c, char hex[2 * DIGEST_SHA256_LEN + 1], int64_t at_ms)
{
    uint8_t digest[DIGEST_SHA256_LEN];
    buf_clear(&c->signed_text);
    int rc = buf_append(&c->signed_text, buf_str(&c->body), buf_len(&c->body));
    if (rc == 0)
        rc = buf_printf(&c->signed_text, "%" PRId64, at_ms);
    if (rc == 0)
        rc = digest_hmac_sha256(c->config.key, strlen(c->config.key), buf_str(&c->signed_text),
                                buf_len(&c->signed_text), digest);
    if (rc == 0)
        encode_hex(digest, sizeof digest, hex);
    return rc;
}

static int write_body(struct callbacks *c, const struct letter *letter)
{
    buf_clear(&c->body);
    int rc = buf_printf(&c->body, "{\"event\":\"%s\",\"call\":", event_names[letter->phase]);
    if (rc == 0)
        rc = calls_show(c->calls, letter->number, letter->phase, &c->body);
    return rc == 0 ? buf_append_char(&c->body, '}') : rc;
}

static int write_letter(struct line *line)
{
    struct callbacks *c = line->callbacks;
    char hex[2 * DIGEST_SHA256_LEN + 1];
    int64_t now_ms = clock_wall_ms();
    struct evbuffer *out = bufferevent_get_output(line->stream);
    int rc = write_body(c, line->letter);
    if (rc == 0)
        rc = sign(c, hex, now_ms);
    if (rc != 0)
        return rc;
    int added = evbuffer_add_printf(out,
                                    "POST %s HTTP/1.1\r\nHost: worker\r\nContent-Type: application/json\r\n"
                                    "x-retell-signature: v=%" PRId64 ",d=%s\r\nContent-Length: %zu\r\n\r\n",
                                    c->path, now_ms, hex, buf_len(&c->body));
    return added > 0 && evbuffer_add(out, buf_str(&c->body), buf_len(&c->body)) == 0 ? 0 : ERR_NOMEM;
}

/* ---- lines ---- */

static void arm(struct callbacks *c)
{
    const struct letter *first = STAILQ_FIRST(&c->letters);
    if (!first)
        return;
    int64_t left_us = first->due_us - clock_mono_us();
    left_us = left_us > 0 ? left_us : 0;
    const struct timeval delay = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    event_add(c->timer, &delay);
}

static void enqueue(struct callbacks *c, struct letter *letter)
{
    letter->due_us = clock_mono_us() + c->config.wait_ms * 1000;
    bool is_first = STAILQ_EMPTY(&c->letters);
    STAILQ_INSERT_TAIL(&c->letters, letter, link);
    if (is_first && !SLIST_EMPTY(&c->idle))
        arm(c);
}

/* Sends what is due on the lines that are idle. */
static void pump(struct callbacks *c)
{
    struct line *line;
    struct letter *letter;
    while ((line = SLIST_FIRST(&c->idle)) && (letter = STAILQ_FIRST(&c->letters)) &&
           letter->due_us <= clock_mono_us()) {
        SLIST_REMOVE_HEAD(&c->idle, idle_link);
        STAILQ_REMOVE_HEAD(&c->letters, link);
        line->letter = letter;
        if (write_letter(line) != 0)
            abort(); /* without memory there is no bench */
    }
    if (!SLIST_EMPTY(&c->idle))
        arm(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

/* The worker's answers are short, and come whole: the letter's next state follows from the first line. */
static void on_answer(struct bufferevent *stream, void *arg)
{
    struct line *line = arg;
    struct callbacks *c = line->callbacks;
    struct evbuffer *in = bufferevent_get_input(stream);
    struct letter *letter = line->letter;
    if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0)
        return;
    bool is_taken = evbuffer_search(in, "HTTP/1.1 200", 12, NULL).pos == 0;
    evbuffer_drain(in, evbuffer_get_length(in));
    line->letter = NULL;
    SLIST_INSERT_HEAD(&c->idle, line, idle_link);
    if (is_taken && letter->phase == CALL_ANALYZED) {
        free(letter);
    } else {
        letter->phase += is_taken ? 1 : 0; /* what was not taken is told again */
        enqueue(c, letter);
    }
    pump(c);
}

static int open_line(struct callbacks *c, struct line *line);

/* The worker closed it: what was under way is told again, on a new one. */
static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct line *line = arg;
    struct callbacks *c = line->callbacks;
    if (what & BEV_EVENT_CONNECTED)
        return;
    bufferevent_free(stream);
    line->stream = NULL;
    if (line->letter) {
        enqueue(c, line->letter);
        line->letter = NULL;
        SLIST_INSERT_HEAD(&c->idle, line, idle_link);
    }
    if (what & BEV_EVENT_EOF && open_line(c, line) == 0)
        return;
    SLIST_REMOVE(&c->idle, line, line, idle_link); /* nobody listens there any more */
}

static int open_line(struct callbacks *c, struct line *line)
{
    line->callbacks = c;
    line->stream = bufferevent_socket_new(c->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!line->stream)
        return ERR_NOMEM;
    bufferevent_setcb(line->stream, on_answer, NULL, on_event, line);
    bufferevent_enable(line->stream, EV_READ | EV_WRITE);
    int rc = bufferevent_socket_connect(line->stream, (const struct sockaddr *)&c->to, sizeof c->to);
    return rc == 0 ? 0 : ERR_IO;
}

/* ---- all of them ---- */

static int read_url(struct callbacks *c, const char *url)
{
    static const char start[] = "http://127.0.0.1:";
    uint64_t port;
    if (strncmp(url, start, sizeof start - 1) != 0)
        return ERR_INVALID;
    const char *digits = url + sizeof start - 1;
    c->path = digits + strspn(digits, "0123456789");
    int rc = parse_u64(digits, (size_t)(c->path - digits), UINT16_MAX, &port);
    if (rc != 0 || *c->path != '/')
        return ERR_INVALID;
    c->to = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    return 0;
}

int callbacks_create(struct event_base *base, const struct callbacks_config *config, const struct calls *calls,
                     struct callbacks **ret_callbacks)
{
    struct callbacks *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->base = base;
    c->config = *config;
    c->calls = calls;
    STAILQ_INIT(&c->letters);
    SLIST_INIT(&c->idle);
    buf_init(&c->body, BODY_MOST);
    buf_init(&c->signed_text, BODY_MOST);
    int rc = read_url(c, config->url);
    c->timer = rc == 0 ? evtimer_new(base, on_timer, c) : NULL;
    if (rc == 0 && !c->timer)
        rc = ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < LINES; i++) {
        rc = open_line(c, &c->lines[i]);
        SLIST_INSERT_HEAD(&c->idle, &c->lines[i], idle_link);
    }
    if (rc != 0) {
        callbacks_free(c);
        return rc;
    }
    *ret_callbacks = c;
    return 0;
}

void callbacks_free(struct callbacks *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < LINES; i++) {
        if (c->lines[i].stream)
            bufferevent_free(c->lines[i].stream);
        free(c->lines[i].letter);
    }
    struct letter *letter;
    while ((letter = STAILQ_FIRST(&c->letters))) {
        STAILQ_REMOVE_HEAD(&c->letters, link);
        free(letter);
    }
    if (c->timer)
        event_free(c->timer);
    buf_free(&c->body);
    buf_free(&c->signed_text);
    free(c);
}

int callbacks_begin(struct callbacks *c, size_t number)
{
    struct letter *letter = calloc(1, sizeof *letter);
    if (!letter)
        return ERR_NOMEM;
    letter->number = number;
    letter->phase = c->config.tells_all ? CALL_ONGOING : CALL_ANALYZED;
    enqueue(c, letter);
    return 0;
}
