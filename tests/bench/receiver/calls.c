/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/receiver/calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/parse.h"

#define FIRST_CALLS 4096
#define ID_PREFIX "call_"
#define ID_DIGITS 10

struct call {
    int64_t came_us; /* of clock_mono_us() */
    int64_t start_ms; /* of clock_wall_ms() */
    char *metadata;
};

struct calls {
    struct call *items;
    size_t n, cap;
};

int calls_create(struct calls **ret_calls)
{
    *ret_calls = calloc(1, sizeof **ret_calls);
    return *ret_calls ? 0 : ERR_NOMEM;
}

void calls_free(struct calls *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free(c->items[i].metadata);
    free(c->items);
    free(c);
}

int calls_add(struct calls *c, const char *metadata, size_t len, size_t *ret_number)
{
    if (c->n == c->cap) {
        size_t cap = c->cap > 0 ? 2 * c->cap : FIRST_CALLS;
        struct call *grown = reallocarray(c->items, cap, sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        c->items = grown;
        c->cap = cap;
    }
    char *copy = strndup(metadata, len);
    if (!copy)
        return ERR_NOMEM;
    c->items[c->n] = (struct call){.came_us = clock_mono_us(), .start_ms = clock_wall_ms(), .metadata = copy};
    *ret_number = c->n++;
    return 0;
}

size_t calls_count(const struct calls *c)
{
    return c->n;
}

/* About as long as the real one's answer to a create. */
#define KNOWN_AT_ONCE                                                                                                  \
    "{\"call_id\":\"" ID_PREFIX "%0*zu\",\"call_type\":\"phone_call\",\"agent_id\":\"agent_1\",\"agent_version\":1,"   \
    "\"call_status\":\"%s\",\"metadata\":%s,\"data_storage_setting\":\"everything\",\"opt_in_signed_url\":false,"      \
    "\"from_number\":\"+15550009999\",\"to_number\":\"+15550000001\",\"direction\":\"outbound\""
#define KNOWN_AFTERWARDS                                                                                               \
    ",\"start_timestamp\":%" PRId64 ",\"end_timestamp\":%" PRId64 ",\"duration_ms\":%" PRId64                          \
    ",\"disconnection_reason\":\"user_hangup\",\"recording_url\":\"https://recordings.invalid/%zu/recording.wav\","    \
    "\"transcript\":\"Agent: Good day.\\nUser: Good day.\\n\",\"transcript_object\":[],"                               \
    "\"call_cost\":{\"product_costs\":[],\"combined_cost\":0}"
#define KNOWN_AT_LAST                                                                                                  \
    ",\"call_analysis\":{\"call_summary\":\"The callee answered, and the agent said what it had to say.\","            \
    "\"in_voicemail\":false,\"user_sentiment\":\"Neutral\",\"call_successful\":true,\"custom_analysis_data\":{}}"

static const char *const statuses[] = {
    [CALL_REGISTERED] = "registered",
    [CALL_ONGOING] = "ongoing",
    [CALL_ENDED] = "ended",
    [CALL_ANALYZED] = "ended",
};

int calls_show(const struct calls *c, size_t number, enum call_phase phase, struct buf *out)
{
    if (number >= c->n)
        return ERR_NOT_FOUND;
    const struct call *call = &c->items[number];
    int64_t end_ms = clock_wall_ms();
    int rc = buf_printf(out, KNOWN_AT_ONCE, ID_DIGITS, number, statuses[phase], call->metadata);
    if (rc == 0 && phase >= CALL_ENDED)
        rc = buf_printf(out, KNOWN_AFTERWARDS, call->start_ms, end_ms, end_ms - call->start_ms, number);
    if (rc == 0 && phase == CALL_ANALYZED)
        rc = buf_append_str(out, KNOWN_AT_LAST);
    return rc == 0 ? buf_append_char(out, '}') : rc;
}

int calls_find(const struct calls *c, const char *id, size_t len, size_t *ret_number)
{
    const size_t prefix = sizeof ID_PREFIX - 1;
    uint64_t number;
    if (len <= prefix || memcmp(id, ID_PREFIX, prefix) != 0 ||
        parse_u64(id + prefix, len - prefix, SIZE_MAX, &number) != 0 || number >= c->n)
        return ERR_NOT_FOUND;
    *ret_number = (size_t)number;
    return 0;
}

int64_t calls_middle_us(const struct calls *c)
{
    return c->n >= 10 ? c->items[c->n * 9 / 10].came_us - c->items[c->n / 10].came_us : 0;
}
