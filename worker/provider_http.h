/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends what the provider engine (common/provider) shapes, and hands back what it makes of the answers: the engine's
 * only impure part.
 */
#ifndef CARILLON_WORKER_PROVIDER_HTTP_H
#define CARILLON_WORKER_PROVIDER_HTTP_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/http/client.h"
#include "common/provider/provider.h"

struct provider_http;
struct provider_exchange;

/* Borrows `client`, which must outlive it. */
int provider_http_create(struct http_client *client, struct provider_http **ret_http) MUST_CHECK;
/* Drops every exchange under way without calling back. Accepts NULL. */
void provider_http_free(struct provider_http *p);

/* Called exactly once, from the loop, never from inside the call that started it. `start` is borrowed. */
typedef void (*provider_start_fn)(const struct provider_start *start, void *arg);

/* In all of these the profile is borrowed until the answer; everything else is copied. */

/* Sends a create request: on the wire at most once (HTTP_ONCE), and by `leave_by_us` (monotonic) or not at all;
 * LIMIT_POST_DEADLINE_MS for the whole exchange. An error
 * returned from here means that nothing was sent and `fn` is not called: ERR_INVALID and ERR_STATE will not go away,
 * ERR_AUTH is the trunk's (as VERDICT_ACCOUNT), others may pass.
 * `ret_exchange` (may be NULL) is valid until `fn` is called. */
int provider_http_start(struct provider_http *p, const struct provider_profile *profile,
                        const struct provider_trunk *trunk, const struct dial_request *dial, int64_t leave_by_us,
                        provider_start_fn fn, void *arg, struct provider_exchange **ret_exchange) MUST_CHECK;

typedef void (*provider_answer_fn)(const struct provider_answer *answer, void *arg);

/* Each is bounded by LIMIT_PROVIDER_ASK_MS. Errors as with provider_http_start(). */
int provider_http_poll(struct provider_http *p, const struct provider_profile *profile,
                       const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                       struct provider_exchange **ret_exchange) MUST_CHECK;
int provider_http_lookup(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const struct provider_lookup *lookup,
                         provider_answer_fn fn, void *arg, struct provider_exchange **ret_exchange) MUST_CHECK;
int provider_http_cancel(struct provider_http *p, const struct provider_profile *profile,
                         const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                         struct provider_exchange **ret_exchange) MUST_CHECK;
int provider_http_hang_up(struct provider_http *p, const struct provider_profile *profile,
                          const struct provider_trunk *trunk, const char *provider_id, provider_answer_fn fn, void *arg,
                          struct provider_exchange **ret_exchange) MUST_CHECK;

/* Ends an exchange without a call of its function. A create that is cut off here counts as UNKNOWN. */
void provider_exchange_cancel(struct provider_exchange *exchange);
size_t provider_http_in_flight(const struct provider_http *p);

#endif
