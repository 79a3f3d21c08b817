/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP out: libcurl's multi interface on the process's loop. Redirects are never followed, proxies of the environment
 * never used, answers are bounded. What matters most for a dialer is told exactly: whether any byte of the request can
 * have reached the other side.
 *
 * libcurl re-sends a POST by itself when a kept connection dies before the first byte of the answer. HTTP_ONCE forbids
 * it (a fresh connection that is not kept, HTTP/1.1): every request that creates a call must carry it.
 */
#ifndef CARILLON_HTTP_CLIENT_H
#define CARILLON_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/http/resolver.h"
#include "common/http/server.h" /* struct http_header */
#include "common/loop/loop.h"

struct http_client;
struct http_transfer;

#define HTTP_CONNECT_MS 5000 /* for looking up the name, connecting and TLS, where a request does not say otherwise */

#define HTTP_ONCE 1u /* this request reaches the wire at most once */
#define HTTP_SHARED 2u /* over TLS, HTTP/2 where the other side speaks it: requests share a connection */

/* Judges an address just before a socket to it is made; false refuses (HTTP_FAIL_ADDRESS where no other address is
 * left). A kept connection was judged when it was made: transfers of one client must share their judgement. */
typedef bool (*http_address_fn)(const struct sockaddr *address, void *arg);

/* Takes a piece of an answer's body; false ends the transfer (HTTP_FAIL_LOCAL). */
typedef bool (*http_data_fn)(const char *data, size_t len, void *arg);

/* Where a URL's host is, so that nobody else is asked: the only addresses that are tried. */
struct http_pin {
    const char *host; /* as in the URL, but for a dot at its end */
    uint16_t port;
    const union resolver_address *addresses;
    size_t n_addresses; /* 1 to RESOLVER_ADDRESSES */
};

/* Signs a request with AWS Signature Version 4. The body's hash is the caller's to give, as x-amz-content-sha256. */
struct http_sigv4 {
    const char *scope; /* "aws:amz:eu-central-1:s3" */
    const char *credentials; /* "ID:SECRET" */
};

struct http_outgoing {
    const char *method; /* capital letters */
    const char *url; /* http or https */
    const struct http_header *headers;
    size_t n_headers;
    const void *body;
    size_t body_len;
    FILE *body_file; /* of a PUT, in place of `body`: borrowed until `fn` is called, and read from where it stands; its
                        disk holds the loop up, which only a command line tool may allow. NULL: none */
    int64_t body_file_len;
    const struct http_sigv4 *sigv4; /* NULL: not signed */
    const struct http_pin *pin; /* NULL: the name is looked up by libcurl, in a thread */
    unsigned flags;
    int64_t timeout_ms; /* absolute, for the whole exchange */
    int64_t connect_timeout_ms; /* 0: HTTP_CONNECT_MS */
    int64_t leave_by_us; /* monotonic: once its connection stands, the request leaves by then or not at all, however
                            long the process stood still (HTTP_FAIL_LOCAL, `was_sent` false); 0: whenever */
    size_t max_body_bytes; /* of the answer; what is longer is cut and flagged, and so is what would make it over
                              LIMIT_HTTP_CLIENT_BYTES_HELD with the others that are under way */
    const char *ca_file; /* in place of the system's; NULL: the system's */
    http_data_fn data_fn; /* takes the body of an answer of 2xx, of any length, as it arrives; NULL: it is kept */
    void *data_arg;
    http_address_fn address_fn; /* NULL: any address */
    void *address_arg;
};

enum http_fail {
    HTTP_FAIL_NONE,
    HTTP_FAIL_URL, /* malformed, or neither http nor https */
    HTTP_FAIL_NO_NAME, /* there is no such name; only where a caller looks names up by itself */
    HTTP_FAIL_RESOLVE, /* its name could not be looked up */
    HTTP_FAIL_ADDRESS, /* refused by address_fn */
    HTTP_FAIL_CONNECT,
    HTTP_FAIL_TLS,
    HTTP_FAIL_TIMEOUT,
    HTTP_FAIL_RESET, /* closed or reset in the middle */
    HTTP_FAIL_PROTOCOL, /* not an HTTP answer */
    HTTP_FAIL_LOCAL, /* our own: memory, descriptors */
};

#define HTTP_NO_DATE INT64_MIN

/* Borrowed for the callback. */
struct http_result {
    enum http_fail fail; /* HTTP_FAIL_NONE: `status` holds */
    bool was_sent; /* false: certainly no byte of the request left */
    int status; /* 0 without one; set also where the answer broke off behind its headers */
    const char *body;
    size_t body_len;
    bool body_cut;
    int64_t retry_after_ms; /* of the answer's Retry-After in seconds or as a date (by the answer's own Date, where it
                               has one), 0 to 24 hours; -1 without one */
    int64_t date_ahead_ms; /* how far the answer's Date is ahead of our clock; HTTP_NO_DATE without one */
    bool is_replay; /* the answer has Idempotency-Replayed: true */
    /* From its beginning: the connection stood, TLS was agreed on, the first byte of the answer came, the end; 0 where
     * it did not come to that, or the connection stood already. */
    int64_t connect_us, tls_us, first_byte_us, total_us;
    int http_version; /* 10, 11, 20; 0: none */
    bool connection_reused;
    const char *detail; /* libcurl's words for a failure; never holds headers or body; NULL with HTTP_FAIL_NONE */
};

/* Never called from inside http_client_send(). May send and cancel, not free the client. */
typedef void (*http_done_fn)(const struct http_result *result, void *arg);

/* `max_in_flight` bounds the transfers under way, and the kept connections. The process must ignore SIGPIPE: OpenSSL
 * writes to sockets that the other side has closed. */
int http_client_create(struct loop *loop, size_t max_in_flight, struct http_client **ret_client) MUST_CHECK;
/* Drops every transfer under way without calling back. Accepts NULL. */
void http_client_free(struct http_client *c);

/* Starts a transfer; everything in `out` is copied. `ret_transfer` (may be NULL) is valid until `fn` is called. Nothing
 * waits here for its turn: ERR_UNAVAILABLE while max_in_flight are under way. ERR_INVALID for a method, a header or a
 * timeout that cannot be sent; what is wrong with the URL is told by `fn`. */
int http_client_send(struct http_client *c, const struct http_outgoing *out, http_done_fn fn, void *arg,
                     struct http_transfer **ret_transfer) MUST_CHECK;
/* Ends it without a call of `fn`. */
void http_transfer_cancel(struct http_transfer *t);
size_t http_client_in_flight(const struct http_client *c);

#endif
