/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/http: one exchange, as an easy handle of libcurl. client.c gives it to the multi handle and takes
 * it back; transfer.c knows what is asked and what the answer means.
 */
#ifndef CARILLON_HTTP_TRANSFER_H
#define CARILLON_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/http/client.h"

struct http_transfer {
    struct http_client *client;
    struct http_transfer *prev;
    struct http_transfer *next;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *pinned; /* of CURLOPT_RESOLVE */
    http_data_fn data_fn;
    void *data_arg;
    http_address_fn address_fn;
    void *address_arg;
    bool is_address_refused;
    bool is_shared; /* HTTP_SHARED, and over TLS */
    bool is_sent_again;
    int64_t leave_by_us; /* of clock_mono_us(); 0: none */
    int64_t deadline_us; /* of clock_mono_us() */
    size_t header_bytes; /* of the answer so far */
    bool has_large_headers;
    struct buf body;
    size_t *held; /* bytes of bodies, beyond LIMIT_HTTP_CLIENT_BYTES_FREE of each, of all of the client's; borrowed */
    bool is_body_cut;
    int64_t retry_after_ms; /* where the answer names seconds */
    int64_t retry_date_s; /* or else a date; -1 */
    int64_t date_ahead_ms;
    bool is_replay;
    char error[CURL_ERROR_SIZE];
    http_done_fn fn;
    void *arg;
};

/* Makes the handle; nothing is sent. `held` outlives it. ERR_INVALID for a method, header or timeout that cannot be,
 * ERR_NOMEM. */
int transfer_create(const struct http_outgoing *out, CURLSH *share, size_t *held,
                    struct http_transfer **ret_transfer) MUST_CHECK;
/* Accepts NULL. Not while the multi handle has it. */
void transfer_free(struct http_transfer *t);
/* Whether a request came to nothing only because it met the end of a connection that it shared: one that was kept, over
 * HTTP/2, without a byte of an answer. libcurl re-sends by itself where it is HTTP/1.1, but not behind a GOAWAY. Then
 * `t` is made ready to be sent once more, in what is left of its time. */
bool transfer_begin_again(struct http_transfer *t, CURLcode code);
/* What came of it; borrows from `t`. */
struct http_result transfer_conclude(const struct http_transfer *t, CURLcode code);

#endif
