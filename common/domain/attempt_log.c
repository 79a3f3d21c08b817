/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/attempt_log.h"

#include <string.h>

#include "common/base/parse.h"

/* What a line has told so far. */
struct line {
    struct attempt_fact fact;
    bool has_dial;
    bool has_begin;
    bool has_outcome;
};

static int read_number(const char *value, size_t len, int64_t most, int64_t *ret)
{
    return parse_i64(value, len, 0, most, ret);
}

static int read_one_letter(char name, const char *value, size_t len, struct line *line)
{
    struct attempt_fact *fact = &line->fact;
    int64_t number = 0;
    int rc;
    switch (name) {
    case 'd':
        rc = read_number(value, len, UINT32_MAX, &number);
        fact->dial = (uint32_t)number;
        line->has_dial = rc == 0 && number > 0;
        return rc;
    case 'a':
        rc = read_number(value, len, INT32_MAX, &number);
        fact->attempt = (int32_t)number;
        return rc;
    case 'q':
        return read_number(value, len, LIMIT_INSTANT_MS * 1000, &fact->slot_us);
    case 'b':
        line->has_begin = true;
        return read_number(value, len, LIMIT_INSTANT_MS * 1000, &fact->begin_us);
    case 'o':
        line->has_outcome = true;
        return outcome_from_name(value, len, &fact->outcome);
    case 'e':
        return read_number(value, len, LIMIT_INSTANT_MS, &fact->ended_ms);
    case 'n':
        return read_number(value, len, LIMIT_INSTANT_MS, &fact->next_ms);
    case 'v':
        return parse_word(value, len, fact->verdict, sizeof fact->verdict);
    case 'r':
        return parse_word(value, len, fact->reason, sizeof fact->reason);
    case 'p':
        return parse_word(value, len, fact->provider_id, sizeof fact->provider_id);
    default:
        return 0;
    }
}

static int read_word(const char *name, size_t name_len, const char *value, size_t len, struct line *line)
{
    if (len == 0)
        return 0; /* written where there is nothing to tell */
    if (name_len == 1)
        return read_one_letter(*name, value, len, line);
    if (name_len == 3 && memcmp(name, "via", 3) == 0)
        return parse_word(value, len, line->fact.source, sizeof line->fact.source);
    if (name_len == 4 && memcmp(name, "then", 4) == 0)
        return parse_word(value, len, line->fact.then, sizeof line->fact.then);
    return 0;
}

static int read_line(const char *text, const char *end, struct attempt_fact *ret_fact)
{
    struct line line = {.has_dial = false};
    for (const char *at = text; at < end;) {
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *stop = space ? space : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (!equals || read_word(at, (size_t)(equals - at), equals + 1, (size_t)(stop - equals - 1), &line) != 0)
            return ERR_INVALID;
        at = space ? space + 1 : end;
    }
    bool is_given_back = line.fact.verdict[0] != '\0';
    if (!line.has_dial || line.has_begin + line.has_outcome + is_given_back != 1)
        return ERR_INVALID;
    line.fact.kind = line.has_begin     ? ATTEMPT_FACT_BEGUN
                     : line.has_outcome ? ATTEMPT_FACT_RESULT
                                        : ATTEMPT_FACT_GIVEN_BACK;
    *ret_fact = line.fact;
    return 0;
}

int attempt_log_parse(const char *text, size_t len, struct attempt_fact ret_facts[LIMIT_ATTEMPT_LOG], size_t *ret_n)
{
    const char *end = text + len;
    size_t n = 0;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        if (n == LIMIT_ATTEMPT_LOG || read_line(at, stop, &ret_facts[n]) != 0)
            return ERR_INVALID;
        n++;
        at = newline ? newline + 1 : end;
    }
    *ret_n = n;
    return 0;
}
