/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that come in pieces. libmicrohttpd asks for the next bytes when the socket takes them; while there are none,
 * the connection sleeps. The handler is asked for more once all that it wrote is taken, so that no more than what it
 * writes at a time is ever held.
 */
#include <string.h>

#include "common/http/request.h"

#define BLOCK_BYTES 16384 /* what libmicrohttpd asks for at a time, as far as its own memory goes */

static size_t left(const struct http_stream *stream)
{
    return buf_len(&stream->waiting) - stream->taken;
}

static void hurry(const struct http_request *req)
{
    if (req->stream.within_ms > 0)
        loop_timer_arm_us(req->connection->deadline, req->stream.within_ms * 1000);
}

/* libmicrohttpd's content reader. */
static ssize_t on_wanted(void *arg, uint64_t at, char *ret, size_t cap)
{
    struct http_request *req = arg;
    struct http_stream *stream = &req->stream;
    (void)at;
    req->connection->server->calls++;
    if (left(stream) == 0 && !stream->is_finished && !stream->is_asked && req->state == REQUEST_SENDING) {
        stream->is_asked = true;
        stream->on_room(req, stream->arg);
    }
    if (req->state != REQUEST_SENDING || stream->is_cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left(stream) == 0 && stream->is_finished)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (left(stream) == 0) {
        connection_expect_taken(req->connection, false);
        connection_sleep(req->connection);
        connection_watch_peer(req->connection);
        return 0;
    }
    size_t len = left(stream) < cap ? left(stream) : cap;
    memcpy(ret, buf_str(&stream->waiting) + stream->taken, len);
    stream->taken += len;
    if (left(stream) == 0) {
        buf_clear(&stream->waiting);
        stream->taken = 0;
        stream->is_asked = false;
    }
    connection_expect_taken(req->connection, true);
    hurry(req);
    return (ssize_t)len;
}

/* libmicrohttpd 0.9.75 sends the last, empty chunk of an answer to a HEAD too, where the next answer is expected.
 * Without chunks there is none, at the price of the connection. */
static bool take_no_chunks(const struct http_request *req, struct MHD_Response *response)
{
    return strcmp(req->method, MHD_HTTP_METHOD_HEAD) != 0 || response == NULL ||
           MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) == MHD_YES;
}

int http_request_stream(struct http_request *req, int status, const char *content_type,
                        const struct http_header *headers, size_t n_headers, http_room_fn on_room, void *arg)
{
    if (http_request_is_answered(req))
        return 0;
    req->stream = (struct http_stream){.on_room = on_room, .arg = arg};
    buf_init(&req->stream.waiting, LIMIT_HTTP_STREAM_BYTES);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, on_wanted, req, NULL);
    if (!take_no_chunks(req, response)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return request_answer_take(req, status, content_type, headers, n_headers, response);
}

/* There is something to do for libmicrohttpd. */
static void go_on(struct http_request *req)
{
    if (req->state != REQUEST_SENDING)
        return;
    connection_ignore_peer(req->connection);
    connection_wake(req->connection);
}

/* A client that is always a little behind never lets the buffer run empty: what it has taken goes when that is more
 * than what it has not. */
static void drop_taken(struct http_stream *stream)
{
    if (stream->taken <= left(stream))
        return;
    buf_consume(&stream->waiting, stream->taken);
    stream->taken = 0;
}

int http_request_write(struct http_request *req, const void *data, size_t len)
{
    if (req->stream.is_finished)
        return 0;
    drop_taken(&req->stream);
    int err = buf_append(&req->stream.waiting, data, len);
    if (err == 0)
        go_on(req);
    return err;
}

size_t http_request_waiting(const struct http_request *req)
{
    return left(&req->stream);
}

void http_request_finish(struct http_request *req, bool is_whole)
{
    if (req->stream.is_finished)
        return;
    req->stream.is_finished = true;
    req->stream.is_cut = !is_whole;
    go_on(req);
}

void http_request_hurry(struct http_request *req, int64_t within_ms)
{
    if (req->state != REQUEST_SENDING)
        return;
    req->stream.within_ms = within_ms;
    hurry(req);
}
