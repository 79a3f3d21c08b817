/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of a profile with {{placeholders}} in them, inside the engine. A placeholder stands for one typed value; a
 * value is written once and never looked at again, so a "{{" in a contact's name is just that.
 */
#ifndef CARILLON_PROVIDER_TEMPLATE_H
#define CARILLON_PROVIDER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/timestamp.h"
#include "common/provider/provider.h"

struct cJSON;

/* Which request a template belongs to, as a bit: not every value exists in every request. */
enum request_kind {
    REQUEST_START = 1,
    REQUEST_POLL = 2,
    REQUEST_LOOKUP = 4,
    REQUEST_CANCEL = 8,
};

/* Where a template stands. What may stand there depends on whose value it is. */
enum template_place {
    PLACE_PATH, /* anything, percent-encoded; never absent */
    PLACE_FIELD, /* a query or form value: anything but JSON, percent-encoded */
    PLACE_JSON, /* anything; JSON only as the whole text */
    PLACE_HEADER, /* our own values and the operator's, no tenant's text */
    PLACE_MATCH, /* compared with a part of an answer: anything but JSON */
};

enum value_kind { VALUE_ABSENT, VALUE_TEXT, VALUE_NUMBER, VALUE_JSON };

struct value {
    enum value_kind kind;
    const char *text; /* TEXT: NUL-terminated; JSON: `len` bytes */
    size_t len;
    int64_t number;
};

/* Where the values of one rendering come from. Parts that its request has not are NULL. */
struct value_source {
    const struct provider_profile *profile;
    const struct provider_trunk *trunk;
    const struct dial_request *dial;
    const struct provider_lookup *lookup;
    const char *provider_id;
    /* Values that are put together, filled in by value_source_prepare(). */
    int ring_timeout_s;
    int max_call_duration_s;
    char callback_url[LIMIT_URL_LEN + 1];
    char begin_date[sizeof "9999-12-31"];
    char window_from[TIMESTAMP_LEN + 1];
    char window_until[TIMESTAMP_LEN + 1];
};

/* Fills in what depends on the rest. ERR_TOO_LARGE where the callback URL does not fit. */
int value_source_prepare(struct value_source *source) MUST_CHECK;

/* True where `text` is one placeholder and nothing else; `ret_name` is its name inside `text`. */
bool template_is_whole(const char *text, const char **ret_name, size_t *ret_len);

/* A variable of the trunk; NULL where it is missing or empty. */
const char *trunk_variable(const struct provider_trunk *trunk, const char *name, size_t len);

/* The value of one placeholder. VALUE_ABSENT for an empty or missing one. */
struct value template_value(const struct value_source *source, const char *name, size_t len);

/* Writes the text with its values, which are percent-encoded if asked. An absent value writes nothing and sets
 * `*ret_absent`. */
int template_expand(const char *text, const struct value_source *source, bool is_encoded, struct buf *out,
                    bool *ret_absent) MUST_CHECK;

/* Writes an object {"base": template, "query": {name: template}}: the base with what has a value as its query, behind a
 * query that it has already and before a fragment. */
int template_expand_url(const struct cJSON *url, const struct value_source *source, struct buf *out) MUST_CHECK;

/* Appends `len` bytes with all but RFC 3986's unreserved characters percent-encoded. */
int percent_encode(const char *text, size_t len, struct buf *out) MUST_CHECK;

/* Says what is wrong with a template of a profile: NULL where nothing is, otherwise a message, in part written to
 * `scratch`. `variables` holds the names that the profile asks of a trunk. */
const char *template_check(const char *text, unsigned request, enum template_place place, const struct cJSON *variables,
                           char *scratch, size_t scratch_cap);

#endif
