/* SPDX-License-Identifier: Apache-2.0
 *
 * The provider engine: one engine, providers as data. A *profile* (worker/profiles/<name>.json, format in
 * docs/provider-profiles.md) says how a platform is asked to place, poll, look up and stop a call, what its answers and
 * callbacks mean, and how its callbacks are signed. Everything here is pure: bytes in, values out, "now" an argument.
 * Nothing is sent (worker/provider_http.h does that), nothing blocks, nothing logs.
 *
 * Every dial has a token of ours. It travels in the platform's metadata or in the callback's path, and is what a result
 * is matched by: a callback may overtake the answer that tells the platform's own id.
 */
#ifndef CARILLON_PROVIDER_H
#define CARILLON_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/faults.h"
#include "common/domain/outcome.h"

/* ---- what a create request came to ---- */

enum verdict {
    VERDICT_ACCEPTED, /* the platform has the call and told its id */
    VERDICT_THROTTLED, /* refused for load, surely not placed: no attempt used */
    VERDICT_NOT_SENT, /* no byte of the request left: no attempt used */
    VERDICT_REJECTED, /* refused for what was asked: an attempt used, see the outcome beside it */
    VERDICT_ACCOUNT, /* the account cannot place calls (credentials, payment): the trunk must stop; no attempt used */
    VERDICT_UNKNOWN, /* it may have been placed: never to be sent again, to be settled by callback, lookup, deadline */
};

/* "ACCEPTED", "NOT_SENT", ... Never NULL. */
const char *verdict_name(enum verdict verdict);

/* ---- profiles ---- */

struct provider_profile;

/* Reads and checks a profile. Every fault is added to `faults` (may be NULL) with its path
 * ("start.request.json.to_number"); with any, ERR_INVALID. ERR_TOO_LARGE over LIMIT_PROFILE_BYTES, ERR_NOMEM. */
int provider_profile_load(const char *json, size_t len, struct faults *faults,
                          struct provider_profile **ret_profile) MUST_CHECK;
/* A profile that the worker carries with it. ERR_NOT_FOUND where there is none of that name. */
int provider_profile_builtin(const char *name, struct provider_profile **ret_profile) MUST_CHECK;
/* The names of those, by index from 0; NULL behind the last. */
const char *provider_profile_builtin_name(size_t index);
/* Accepts NULL. */
void provider_profile_free(struct provider_profile *profile);

const char *provider_profile_name(const struct provider_profile *profile);
/* Where the platform is; NULL where every trunk must say it. */
const char *provider_profile_base_url(const struct provider_profile *profile);

/* What a profile asks a trunk for; borrowed from the profile. */
struct provider_variable_rule {
    const char *name;
    const char *about; /* for operators */
    bool is_required;
};
/* By index from 0; false behind the last. */
bool provider_profile_variable(const struct provider_profile *profile, size_t index,
                               struct provider_variable_rule *ret_rule);

/* What the platform offers, so that the worker knows how an UNKNOWN can be settled. */
bool provider_profile_can_poll(const struct provider_profile *profile);
bool provider_profile_can_lookup(const struct provider_profile *profile);
/* Where the platform keeps no token and is asked by number and time: how far apart, in ms, the begins of two dials to
 * one number must lie so that no call can be taken for the other's. A lookup then has to know which calls belong to the
 * other dials (struct provider_lookup). 0: it is asked by our token, or not at all. */
int64_t provider_profile_lookup_span_ms(const struct provider_profile *profile);
/* Whether a call that rings or waits can be kept from being answered: one that somebody has answered goes on. */
bool provider_profile_can_cancel(const struct provider_profile *profile);
/* Whether the platform lets calls wait before they ring, and says for how long. */
bool provider_profile_can_queue(const struct provider_profile *profile);
/* Whether a call can be ended whatever it is doing. */
bool provider_profile_can_hang_up(const struct provider_profile *profile);
/* True where a summary follows the end of a call, in a callback or poll of its own (PROVIDER_ANALYZED). */
bool provider_profile_can_summarise(const struct provider_profile *profile);
/* Whether what a callback says can be believed. Where not, it says that there is something to ask for: the call of the
 * id that it names counts, by provider_render_poll(), where that carries the callback's token. */
bool provider_profile_signs_callbacks(const struct provider_profile *profile);
/* How long the platform drops a second create with the same token, in ms; 0: it does not. Only inside that window
 * may a dial be sent again. */
int64_t provider_profile_dedup_window_ms(const struct provider_profile *profile);
/* The platform's own bounds on what a batch asks for, applied: `ring_timeout_s` and `max_call_duration_s` are moved
 * into its range. Deadlines must be reckoned with these, not with what was asked. */
void provider_profile_clamp(const struct provider_profile *profile, int *ring_timeout_s, int *max_call_duration_s);

/* ---- what goes in ---- */

struct provider_variable {
    const char *name;
    const char *value;
};

/* The account that calls go through; all borrowed. Operators set these, tenants never. */
struct provider_trunk {
    const char *base_url; /* "https://api.retellai.com"; NULL: the profile's */
    const char *credential; /* API key or token; never appears in a URL or body */
    size_t credential_len;
    const struct provider_variable *variables; /* what the profile asks a trunk for, read as {{trunk.<name>}} */
    size_t n_variables;
    const char *callback_base; /* where the platform reaches this fleet: "https://callbacks.example" */
};

/* Adds a fault ("variables.<name>") for each variable that the profile requires and the trunk lacks, for each one that
 * the profile does not know, and for each value that it does not permit. ERR_INVALID with any. */
int provider_profile_check_trunk(const struct provider_profile *profile, const struct provider_variable *variables,
                                 size_t n_variables, struct faults *faults) MUST_CHECK;

/* One dial; all borrowed. Optional texts may be NULL or empty. */
struct dial_request {
    const char *to; /* E.164 */
    const char *from; /* E.164 */
    const char *agent_id; /* the tenant's, at the platform */
    const char *token;
    const char *batch_id;
    const char *call_id;
    const char *contact_id;
    const char *contact_name;
    const char *contact_email;
    const char *contact_company;
    const char *contact_timezone;
    const char *metadata; /* a JSON object's bytes, or NULL */
    size_t metadata_len;
    int ring_timeout_s;
    int max_call_duration_s;
};

/* Which call a lookup asks for; all borrowed. Platforms that keep our token are asked by it, the others by numbers and
 * time, among calls that do not belong to another dial. */
struct provider_lookup {
    const char *token;
    const char *to;
    const char *from;
    int64_t begin_ms; /* when the dial was begun */
    int64_t until_ms; /* where that is not known better: when it was at the latest; 0: at begin_ms */
    int64_t clock_ahead_ms; /* how far the clock that told so is ahead of this process's */
    int64_t apart_ms; /* from that clock to the platform's by its answer's Date, either way; 0: unknown */
    const char *const *exclude_ids; /* provider ids known to belong to other dials */
    size_t n_exclude_ids;
};

/* ---- requests ---- */

#define PROVIDER_HEADERS 16

struct provider_header {
    char *name; /* owned */
    char *value; /* owned */
};

/* A request ready to be sent. Owned by the caller; provider_request_clear() frees it and wipes the credential. */
struct provider_request {
    const char *method; /* static */
    char *url;
    struct provider_header headers[PROVIDER_HEADERS];
    size_t n_headers;
    char *body; /* NULL: none */
    size_t body_len;
};

/* Each renders one request. A value can never leave the JSON string, form field or URL segment that it stands in.
 * ERR_INVALID where this dial cannot be said at all: text that is not UTF-8, metadata that is not a JSON object, an
 * empty or dot segment of a path, a line break in a header, no number to call. ERR_AUTH where the trunk cannot be used
 * as it is set, whatever the dial: no credential, no caller id, a variable that its profile requires, a base URL that
 * is neither http nor https. ERR_STATE where the profile has no such request. ERR_NOMEM where memory ran out or the
 * request is over LIMIT_PROVIDER_REQUEST_BYTES or LIMIT_URL_LEN, which no dial within the limits of contacts comes
 * near. */
int provider_render_start(const struct provider_profile *profile, const struct provider_trunk *trunk,
                          const struct dial_request *dial, struct provider_request *ret_request) MUST_CHECK;
int provider_render_poll(const struct provider_profile *profile, const struct provider_trunk *trunk,
                         const char *provider_id, struct provider_request *ret_request) MUST_CHECK;
int provider_render_lookup(const struct provider_profile *profile, const struct provider_trunk *trunk,
                           const struct provider_lookup *lookup, struct provider_request *ret_request) MUST_CHECK;
int provider_render_cancel(const struct provider_profile *profile, const struct provider_trunk *trunk,
                           const char *provider_id, struct provider_request *ret_request) MUST_CHECK;
int provider_render_hang_up(const struct provider_profile *profile, const struct provider_trunk *trunk,
                            const char *provider_id, struct provider_request *ret_request) MUST_CHECK;
void provider_request_clear(struct provider_request *request);

/* ---- what comes back ---- */

/* An exchange as the transport tells it; all borrowed. */
struct provider_reply {
    int status; /* 0: no complete answer came */
    bool was_sent; /* false: certainly no byte of the request left */
    const char *body;
    size_t body_len;
    bool body_cut; /* the body was longer than it may be */
    int64_t retry_after_ms; /* the answer's Retry-After; -1 without one */
    int64_t date_ahead_ms; /* how far the answer's Date is ahead of this process's clock; INT64_MIN without one */
    int64_t total_us; /* the whole exchange */
    const char *detail; /* the transport's words where no complete answer came; may be NULL */
};

/* ---- what comes out of a create request ---- */

/* A plain value. */
struct provider_start {
    enum verdict verdict;
    enum outcome outcome; /* REJECTED: what the dial counts as; otherwise OUTCOME_UNKNOWN */
    int http_status; /* 0 without an answer */
    int64_t retry_after_ms; /* the answer's Retry-After; -1 without one */
    int64_t total_us; /* the whole exchange */
    int64_t queue_ms; /* ACCEPTED: how long the platform says that the call will wait before it rings; 0 unless told */
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1]; /* ACCEPTED: printable ASCII without spaces */
    char reason[LIMIT_REASON_BYTES + 1]; /* the platform's words, or the transport's; for records and logs */
};

/* Judges a create exchange. Total: every result has a verdict, and what is not certainly something else is UNKNOWN. */
void provider_judge_start(const struct provider_profile *profile, const struct provider_reply *reply,
                          struct provider_start *ret_start);

/* ---- what an answer or a callback says about a call ---- */

enum provider_kind {
    PROVIDER_NONE, /* nothing that concerns us */
    PROVIDER_RINGING, /* not answered yet */
    PROVIDER_ONGOING,
    PROVIDER_ENDED, /* outcome, times; a summary may follow */
    PROVIDER_ANALYZED, /* the same with all that the platform will ever say; its outcome stands over that of ENDED */
};

const char *provider_kind_name(enum provider_kind kind);

/* Freed by provider_result_clear(). */
struct provider_result {
    enum provider_kind kind;
    /* ENDED and ANALYZED. verdict is ACCEPTED, and outcome holds; or the platform took the create request and then
     * placed no call: THROTTLED or ACCOUNT, to be treated like that verdict of a create. */
    enum verdict verdict;
    enum outcome outcome;
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1]; /* "" where absent or unfit */
    char token[LIMIT_TOKEN_LEN + 1]; /* as received: its MAC is not checked here; "" where absent */
    int64_t created_ms; /* of a lookup: when the platform made the call, Unix ms by its clock; -1 unknown */
    int64_t start_ms; /* Unix ms; -1 unknown */
    int64_t end_ms;
    int64_t duration_s; /* of talk, rounded up; -1 unknown */
    int success; /* the platform's judgement of the conversation: 1, 0, -1 unknown */
    char reason[LIMIT_REASON_BYTES + 1]; /* the platform's own word for the end */
    char *summary; /* NULL: none; cut at LIMIT_SUMMARY_BYTES */
    char *recording_url; /* NULL: none */
};

void provider_result_init(struct provider_result *result);
void provider_result_clear(struct provider_result *result);
/* `ret_to` is initialised by the callee. ERR_NOMEM. */
int provider_result_copy(const struct provider_result *from, struct provider_result *ret_to) MUST_CHECK;

/* Reads the answer of a poll. `ret_result` is initialised by the callee and cleared by the caller, on success only.
 * ERR_INVALID where the body makes no sense; ERR_NOMEM. */
int provider_read_poll(const struct provider_profile *profile, const char *body, size_t len,
                       struct provider_result *ret_result) MUST_CHECK;

/* Reads the answer of a lookup: how many calls match, and the one created first (kind PROVIDER_NONE where there is
 * none). ERR_INVALID where the body makes no sense, and where it proves nothing: the platform listed calls that were
 * not asked for, or cut its list before a match. */
int provider_read_lookup(const struct provider_profile *profile, const struct provider_lookup *lookup, const char *body,
                         size_t len, size_t *ret_matches, struct provider_result *ret_result) MUST_CHECK;

enum provider_found {
    PROVIDER_FOUND, /* poll, lookup: `result` says more; cancel, hang_up: done */
    PROVIDER_ABSENT, /* the platform says it has no such call; cancel, hang_up: none that could be stopped */
    PROVIDER_FAILED, /* no usable answer; ask again later */
};

/* What a poll, lookup, cancel or hang-up came to. */
struct provider_answer {
    enum provider_found found;
    /* lookup: how many calls carry the token, where more than one is a broken promise somewhere; by number, how many
     * fit and are not excluded */
    size_t matches;
    int http_status;
    int64_t retry_after_ms; /* -1 without one */
    char reason[LIMIT_REASON_BYTES + 1]; /* FAILED: why */
    struct provider_result result; /* kind PROVIDER_NONE unless FOUND by poll or lookup */
};

/* Judges such an exchange. Total, as provider_judge_start(). The caller clears `ret_answer->result`. A platform that is
 * asked for the calls of one time has none only where its clock and the one that the dial was begun by agree: a lookup
 * that finds nothing has otherwise FAILED. */
void provider_judge_poll(const struct provider_profile *profile, const struct provider_reply *reply,
                         struct provider_answer *ret_answer);
void provider_judge_lookup(const struct provider_profile *profile, const struct provider_lookup *lookup,
                           const struct provider_reply *reply, struct provider_answer *ret_answer);
void provider_judge_cancel(const struct provider_profile *profile, const struct provider_reply *reply,
                           struct provider_answer *ret_answer);
void provider_judge_hang_up(const struct provider_profile *profile, const struct provider_reply *reply,
                            struct provider_answer *ret_answer);

/* A callback as it arrived; all borrowed. */
struct provider_callback {
    const char *url; /* the public URL it was sent to, with its query; signature kinds may cover it */
    const char *path_token; /* the token in its path, or NULL */
    const char *body;
    size_t body_len;
    /* A header by case-insensitive name, or NULL where it was not sent. */
    const char *(*header_fn)(const char *name, void *arg);
    void *header_arg;
};

/* Reads a callback. What is well-formed but no concern of ours gives kind PROVIDER_NONE. */
int provider_read_callback(const struct provider_profile *profile, const struct provider_callback *callback,
                           struct provider_result *ret_result) MUST_CHECK;

/* ERR_AUTH unless the callback was signed with the trunk's key and is fresh at `now_ms` (Unix), as no callback of a
 * profile without a signature is. ERR_NOMEM. */
int provider_verify_callback(const struct provider_profile *profile, const struct provider_trunk *trunk,
                             const struct provider_callback *callback, int64_t now_ms) MUST_CHECK;

#endif
