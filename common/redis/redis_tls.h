/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS to Redis, for rediss://: at least 1.2, the server's certificate checked against a certificate authority and
 * against the host of the URL (RFC 6125: alternative names only where there are any, no partial wildcards; an address
 * by its IP entries). Nothing is said in the clear, and nothing over TLS before the server has proved its name. Inside
 * common/redis only.
 */
#ifndef CARILLON_REDIS_REDIS_TLS_H
#define CARILLON_REDIS_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct bufferevent;
struct event_base;
struct redis_tls;

/* PEM files; all copied. */
struct redis_tls_files {
    const char *ca; /* whom to believe; NULL: whom the system believes */
    const char *cert; /* our own certificate and what leads to its authority; NULL: none */
    const char *key; /* its key, without a passphrase; NULL: none */
};

/* `host`: as the URL names it; copied. Reads the files once to see that they can be used: ERR_INVALID with a borrowed
 * static text in `ret_why`, which is written on failure only. ERR_NOMEM. */
int redis_tls_create(const char *host, bool is_address, const struct redis_tls_files *files, struct redis_tls **ret_tls,
                     const char **ret_why) MUST_CHECK;
/* Another host for the connections from now on: for a primary that Sentinel names. ERR_NOMEM. */
int redis_tls_set_host(struct redis_tls *tls, const char *host, bool is_address) MUST_CHECK;
/* Accepts NULL. */
void redis_tls_free(struct redis_tls *tls);

/* Begins the handshake on `fd`, a connected socket, which is the bufferevent's on success. The files are read again, so
 * that renewed certificates hold from the next connection on. BEV_EVENT_CONNECTED tells that the server has proved its
 * name; nothing is read before EV_READ is enabled. NULL with a borrowed static text in `ret_why`. */
struct bufferevent *redis_tls_open(const struct redis_tls *tls, struct event_base *base, int fd, const char **ret_why);

/* Says in `ret_text`, for people, why TLS broke off the connection that `bev` carried. False, and nothing written,
 * where it was not TLS: the peer closed, or the network failed. To be asked once, inside the event's callback. */
bool redis_tls_explain(const struct redis_tls *tls, struct bufferevent *bev, char *ret_text, size_t cap);

#endif
