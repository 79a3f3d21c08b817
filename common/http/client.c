/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/client.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "common/http/transfer.h"

struct http_client {
    struct loop *loop;
    CURLM *multi;
    CURLSH *share; /* TLS sessions: a fresh connection for each call need not mean a full handshake */
    struct loop_timer *timer;
    struct http_transfer *transfers;
    size_t in_flight;
    size_t max_in_flight;
    size_t held; /* bytes of answers' bodies */
};

/* ---- transfers ---- */

/* Takes it out of libcurl and of the list; it still holds its result. */
static void detach(struct http_transfer *t)
{
    struct http_client *c = t->client;
    curl_multi_remove_handle(c->multi, t->easy);
    if (t->prev != NULL)
        t->prev->next = t->next;
    else
        c->transfers = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    c->in_flight--;
}

/* Delivers what has ended. The callbacks may send and cancel: each message is taken anew. */
static void deliver(struct http_client *c)
{
    int left;
    for (CURLMsg *m = curl_multi_info_read(c->multi, &left); m != NULL; m = curl_multi_info_read(c->multi, &left)) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        char *own = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &own);
        struct http_transfer *t = (struct http_transfer *)(void *)own;
        if (transfer_begin_again(t, code) && curl_multi_remove_handle(c->multi, t->easy) == CURLM_OK &&
            curl_multi_add_handle(c->multi, t->easy) == CURLM_OK)
            continue;
        struct http_result result = transfer_conclude(t, code);
        detach(t);
        t->fn(&result, t->arg);
        transfer_free(t);
    }
}

/* ---- the loop ---- */

static void act(struct http_client *c, curl_socket_t socket, int ready)
{
    int running;
    curl_multi_socket_action(c->multi, socket, ready, &running);
    deliver(c);
}

static void on_socket(int fd, unsigned ready, void *arg)
{
    int bits = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    act(arg, fd, bits);
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    struct http_client *c = arg;
    struct loop_fd *watch = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        loop_fd_free(watch);
        curl_multi_assign(c->multi, socket, NULL);
        return 0;
    }
    unsigned interest = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    if (watch != NULL)
        return loop_fd_watch(watch, interest) < 0 ? -1 : 0;
    if (loop_fd_create(c->loop, socket, interest, on_socket, c, &watch) < 0)
        return -1;
    curl_multi_assign(c->multi, socket, watch);
    return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_client *c = arg;
    (void)multi;
    if (timeout_ms < 0)
        loop_timer_disarm(c->timer);
    else if (loop_timer_arm_us(c->timer, (int64_t)timeout_ms * 1000) < 0)
        return -1;
    return 0;
}

/* ---- the client ---- */

#define SET(option, value) (curl_multi_setopt(c->multi, (option), (value)) == CURLM_OK)

static bool set_up(struct http_client *c)
{
    return SET(CURLMOPT_SOCKETFUNCTION, want_socket) && SET(CURLMOPT_SOCKETDATA, c) &&
           SET(CURLMOPT_TIMERFUNCTION, want_timer) && SET(CURLMOPT_TIMERDATA, c) &&
           SET(CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) && SET(CURLMOPT_MAXCONNECTS, (long)c->max_in_flight) &&
           curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK;
}

#undef SET

int http_client_create(struct loop *loop, size_t max_in_flight, struct http_client **ret_client)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ERR_NOMEM;
    struct http_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        curl_global_cleanup();
        return ERR_NOMEM;
    }
    c->loop = loop;
    c->max_in_flight = max_in_flight;
    c->multi = curl_multi_init();
    c->share = curl_share_init();
    if (c->multi == NULL || c->share == NULL || loop_timer_create(loop, on_timer, c, &c->timer) < 0 || !set_up(c)) {
        http_client_free(c);
        return ERR_NOMEM;
    }
    *ret_client = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    while (c->transfers != NULL)
        http_transfer_cancel(c->transfers);
    if (c->multi != NULL)
        curl_multi_cleanup(c->multi);
    if (c->share != NULL)
        curl_share_cleanup(c->share);
    loop_timer_free(c->timer);
    free(c);
    curl_global_cleanup();
}

int http_client_send(struct http_client *c, const struct http_outgoing *out, http_done_fn fn, void *arg,
                     struct http_transfer **ret_transfer)
{
    if (c->in_flight >= c->max_in_flight)
        return ERR_UNAVAILABLE;
    struct http_transfer *t;
    int err = transfer_create(out, c->share, &c->held, &t);
    if (err < 0)
        return err;
    t->client = c;
    t->fn = fn;
    t->arg = arg;
    if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) {
        transfer_free(t);
        return ERR_NOMEM;
    }
    t->next = c->transfers;
    if (t->next != NULL)
        t->next->prev = t;
    c->transfers = t;
    c->in_flight++;
    if (ret_transfer != NULL)
        *ret_transfer = t;
    return 0;
}

void http_transfer_cancel(struct http_transfer *t)
{
    detach(t);
    transfer_free(t);
}

size_t http_client_in_flight(const struct http_client *c)
{
    return c->in_flight;
}
