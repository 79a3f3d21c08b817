/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses, without holding the loop up (c-ares underneath: UDP, TCP for what is too long, all addresses of
 * both families, each with its time to live). A name is asked for once at a time, however many wait for it, and what
 * came of it is kept for a while: an answer as long as it says (5 s to 5 min), "no such name" for 10 s, no answer for 5
 * s.
 */
#ifndef CARILLON_HTTP_RESOLVER_H
#define CARILLON_HTTP_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"

struct resolver;
struct resolver_query;

#define RESOLVER_ADDRESSES 16 /* of one name; more are not looked at */

union resolver_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

enum resolver_result {
    RESOLVER_OK, /* at least one address */
    RESOLVER_NO_NAME, /* the DNS says that there is none, or none with an address */
    RESOLVER_NO_ANSWER, /* nobody answered in time, or only to say that they cannot */
    RESOLVER_OURS, /* our own fault: memory, descriptors, too many names under way */
};

struct resolver_answer {
    enum resolver_result result;
    size_t n;
    union resolver_address addresses[RESOLVER_ADDRESSES];
    bool is_cut; /* there were more */
};

/* `answer` is borrowed for the call. */
typedef void (*resolver_fn)(const struct resolver_answer *answer, void *arg);

/* `server` is "address:port" (an IPv6 address in brackets), asked alone; NULL: what the system is configured to ask,
 * and its hosts file. ERR_INVALID where it is not one, ERR_IO where the system's configuration cannot be used,
 * ERR_NOMEM. */
int resolver_create(struct loop *loop, const char *server, struct resolver **ret_resolver) MUST_CHECK;
/* Drops every query without calling back. Accepts NULL. */
void resolver_free(struct resolver *r);
/* ERR_INVALID where `server` is nothing that resolver_create() takes. */
int resolver_check_server(const char *server) MUST_CHECK;

/* What is known of the name now, or NULL; borrowed until the next call. */
const struct resolver_answer *resolver_known(struct resolver *r, const char *host);
/* Asks for a name, or waits with those who ask already. `fn` is never called from inside. At most
 * LIMIT_RESOLVER_QUERIES wait: ERR_UNAVAILABLE above; ERR_NOMEM. */
int resolver_ask(struct resolver *r, const char *host, resolver_fn fn, void *arg,
                 struct resolver_query **ret_query) MUST_CHECK;
/* Ends it without a call of `fn`. */
void resolver_cancel(struct resolver_query *q);

/* Whether nearly no name was answered lately: then it is our resolver, not somebody's name. */
bool resolver_is_ailing(const struct resolver *r);

#endif
