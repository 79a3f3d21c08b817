/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/call_text.h"

#include <string.h>

#include "common/base/parse.h"

static int read_ms(const char *value, size_t len, int64_t *ret)
{
    return parse_i64(value, len, 0, LIMIT_INSTANT_MS, ret);
}

static int read_dial(const char *value, size_t len, uint32_t *ret)
{
    uint64_t number;
    int rc = parse_u64(value, len, UINT32_MAX, &number);
    if (rc == 0)
        *ret = (uint32_t)number;
    return rc;
}

static int read_attempts(const char *value, size_t len, int32_t *ret)
{
    int64_t number;
    int rc = parse_i64(value, len, 0, INT32_MAX, &number);
    if (rc == 0)
        *ret = (int32_t)number;
    return rc;
}

static int read_outcome(const char *value, size_t len, struct call_text *t)
{
    int rc = outcome_from_name(value, len, &t->outcome);
    t->has_outcome = rc == 0;
    return rc;
}

/* One field with a one-letter name. */
static int read_field(char name, const char *value, size_t len, struct call_text *t)
{
    switch (name) {
    case 'a':
        return read_attempts(value, len, &t->attempts);
    case 'd':
        return read_dial(value, len, &t->dials);
    case 'l':
        return read_dial(value, len, &t->last_begun);
    case 'g':
        t->was_given_back = true;
        return 0;
    case 'y':
        t->must_hang_up = len == 1 && *value == '2';
        t->must_stop = !t->must_hang_up;
        return 0;
    case 'x':
        return read_outcome(value, len, t);
    case 'b':
        return read_ms(value, len, &t->begin_ms);
    case 'h':
        return read_ms(value, len, &t->deadline_ms);
    case 'z':
        return read_ms(value, len, &t->absent_ms);
    case 's':
        return read_ms(value, len, &t->answered_ms);
    case 'e':
        return read_ms(value, len, &t->ended_ms);
    case 'n':
        return read_ms(value, len, &t->next_ms);
    case 'u':
        return read_ms(value, len, &t->duration_s);
    case 't':
        return parse_u64(value, len, UINT64_MAX, &t->phone);
    case 'm':
        return parse_u64(value, len, UINT64_MAX, &t->caller);
    case 'p':
        return parse_word(value, len, t->provider_id, sizeof t->provider_id);
    case 'w':
        return parse_word(value, len, t->worker, sizeof t->worker);
    default:
        return 0;
    }
}

void call_text_init(struct call_text *ret_text)
{
    *ret_text = (struct call_text){.state = CALL_STATE_DUE, .duration_s = -1};
}

int call_text_parse(const char *text, size_t len, struct call_text *ret_text)
{
    struct call_text t;
    call_text_init(&t);
    bool has_phase = false;
    const char *end = text + len;
    for (const char *at = text; at < end;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *stop = space ? space : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (!equals)
            return ERR_INVALID;
        const char *value = equals + 1;
        size_t name_len = (size_t)(equals - at), value_len = (size_t)(stop - value);
        int rc = 0;
        if (name_len == 5 && memcmp(at, "phase", 5) == 0) {
            rc = call_state_from_name(value, value_len, &t.state);
            has_phase = rc == 0;
        } else if (name_len == 1) {
            rc = read_field(*at, value, value_len, &t);
        }
        if (rc != 0)
            return ERR_INVALID;
        at = space ? space + 1 : end;
    }
    if (!has_phase)
        return ERR_INVALID;
    *ret_text = t;
    return 0;
}
