/* SPDX-License-Identifier: Apache-2.0
 *
 * A profile as the engine holds it, inside the engine. Every text and sub-tree is borrowed from `tree`, was checked
 * when the profile was loaded, and is NULL where the profile says nothing.
 *
 * Where something is in an answer, the profile says by a JSON pointer, or by a list of them, of which the first counts
 * that names something: a platform's callbacks and answers may tell the same under different names. What is marked
 * "where" below is such a text or array.
 */
#ifndef CARILLON_PROVIDER_FORMAT_H
#define CARILLON_PROVIDER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/base/limits.h"
#include "common/provider/provider.h"

/* What a word of the platform means for a dial: a verdict, and with ACCEPTED and REJECTED an outcome. */
struct provider_target {
    enum verdict verdict;
    enum outcome outcome;
};

/* Reads "BUSY", "THROTTLED", ...: the name of an outcome that a platform can report, or of the verdicts THROTTLED and
 * ACCOUNT. ERR_NOT_FOUND otherwise. */
int provider_target_from_name(const char *name, struct provider_target *ret_target) MUST_CHECK;

/* Reads "none", "ringing", "ongoing", "ended", "analyzed". ERR_NOT_FOUND otherwise. */
int provider_kind_from_name(const char *name, enum provider_kind *ret_kind) MUST_CHECK;

/* A part of an answer, and what its words mean: an object of patterns. */
struct word_map {
    const cJSON *at; /* where */
    const cJSON *map;
};

enum time_unit { TIME_MS, TIME_S, TIME_RFC3339, TIME_RFC2822 };

struct time_field {
    const cJSON *at; /* where */
    enum time_unit unit;
};

enum auth_kind { AUTH_NONE, AUTH_BEARER, AUTH_HEADER, AUTH_BASIC };

struct profile_auth {
    enum auth_kind kind;
    const char *header; /* HEADER: its name */
    const char *user; /* BASIC: a template; the credential is the password */
};

struct profile_request {
    const char *method; /* NULL: the profile has no such request */
    const char *path;
    const cJSON *query;
    const cJSON *headers;
    const cJSON *json;
    const cJSON *form;
};

/* The first rule whose status matches, and whose word is in its map if it has one, decides about a create. */
struct start_rule {
    const char *status; /* a pattern over the three digits */
    struct word_map words;
    const char *target; /* where there are no words */
};

struct profile_start {
    struct profile_request request;
    const cJSON *id; /* where */
    const cJSON *reason; /* where */
    struct time_field queue; /* how long the platform lets the call wait before it rings; no RFC unit */
    int64_t dedup_window_ms;
    struct start_rule rules[LIMIT_PROFILE_RULES];
    size_t n_rules;
};

/* How the platform's call object reads, wherever it comes from. */
struct profile_call {
    const cJSON *id; /* where */
    const cJSON *token; /* where */
    struct word_map state;
    const cJSON *analysis; /* where; the call is analysed once there is something */
    struct word_map outcomes[LIMIT_PROFILE_RULES];
    size_t n_outcomes;
    const char *outcome_default;
    const cJSON *reason; /* where */
    struct time_field start;
    struct time_field end;
    struct time_field duration;
    const cJSON *summary; /* where */
    const cJSON *recording_url; /* where */
    const cJSON *success; /* where */
};

/* A poll, a lookup, a cancel, a hang-up: the request, where the call is in the answer, which statuses say that there is
 * none. */
struct profile_ask {
    struct profile_request request;
    const cJSON *call; /* where */
    const cJSON *absent; /* array of patterns over the three digits */
};

struct profile_lookup {
    struct profile_ask ask; /* `call`: inside one item */
    const cJSON *items; /* where */
    const cJSON *more; /* where; true or a text: the list goes on */
    const cJSON *match; /* pointer -> template: what a call must say to be ours */
    bool is_by_token; /* `match` asks for the token: no call of another dial can match */
    bool is_exact; /* the platform filters by `match`: a call that does not match proves nothing */
    struct time_field created;
    int64_t window_ms[2]; /* created - begin lies within; 0, 0: any */
    int64_t page; /* how many items are a full list, behind which there may be more; 0: `more` alone tells */
};

struct profile_callback {
    bool is_form;
    const cJSON *call; /* where */
    struct word_map event; /* nowhere: the call's state tells */
    bool is_token_in_path;
    const char *signature_kind; /* NULL: not signed */
    const char *signature_header;
    const cJSON *signature_suffixes; /* array of texts: what the URL may have had behind it when it was signed */
};

struct provider_profile {
    cJSON *tree; /* owned */
    const char *name;
    const char *base_url;
    int ring_timeout_s[2];
    int max_call_duration_s[2];
    struct profile_auth auth;
    const cJSON *variables;
    struct profile_start start;
    struct profile_call call;
    struct profile_ask poll;
    struct profile_lookup lookup;
    struct profile_ask cancel;
    struct profile_ask hang_up;
    bool has_callback;
    struct profile_callback callback;
};

/* ---- reading answers (provider_pointer.c) ---- */

/* True for "" and for "/a/b~1c" (RFC 6901). */
bool pointer_is_valid(const char *pointer);
/* The part of `value` that `pointer` names, or NULL. */
const cJSON *pointer_text_get(const cJSON *value, const char *pointer);
/* The same for the pointers of a profile: of a list, the first that is there and not null. NULL names nothing. */
const cJSON *pointer_get(const cJSON *value, const cJSON *at);

/* "*" stands for any run of characters, everything else for itself. */
bool pattern_matches(const char *pattern, const char *text);

/* The length of the longest prefix of a valid UTF-8 text that fits into `max` bytes without cutting a character. */
size_t text_prefix(const char *text, size_t max);

/* A string, number or boolean as text in `ret`, cut to its size on a whole character; false for anything else. Control
 * characters become spaces. */
bool scalar_text(const cJSON *value, char *ret, size_t cap);

/* What the word at map->at in `value` means: the map's exact entry, else its first pattern that matches, else
 * NULL. Its own text is copied to `ret_word`. */
const char *word_lookup(const struct word_map *map, const cJSON *value, char *ret_word, size_t cap);

/* Milliseconds in [0, max_ms], rounded up; -1 where there is no such value. */
int64_t time_read_ms(const struct time_field *field, const cJSON *value, int64_t max_ms);

/* Replaces in a JSON text what people and models bring into a transcript and no text can hold: halves of a character
 * that was cut (an escaped surrogate without its other half), NULs, and bytes that are no UTF-8. Its length stays.
 * False where there was nothing of that. */
bool json_mend(char *text, size_t len);

/* Parses a bounded answer of either format into a tree. A form becomes an object of strings; a JSON text that is broken
 * in its characters alone is mended: what it says of the call is not to be lost for what was said on it. */
int provider_parse_body(bool is_form, const char *body, size_t len, cJSON **ret_value) MUST_CHECK;

/* Printable ASCII without spaces, not empty, not longer than `max`: fit for an id in our records and in URLs. */
bool id_is_fit(const char *text, size_t max);

/* ---- signature kinds (provider_signature.c) ---- */

bool signature_kind_exists(const char *kind);

#endif
