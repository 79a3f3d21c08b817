/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/parse.h"

#define PREFIX "evt_"
#define PREFIX_LEN (sizeof PREFIX - 1)

struct type_row {
    const char *name;
    const char *in_id; /* without a dot */
    int numbers; /* in front of it: ordinal and attempt of a call's, nth of what a batch may do again */
};

static const struct type_row TYPES[EVENT_TYPE_COUNT] = {
    [EVENT_CALL_COMPLETED] = {"call.completed", "call_completed", 2},
    [EVENT_CALL_ATTEMPT] = {"call.attempt", "call_attempt", 2},
    [EVENT_BATCH_STARTED] = {"batch.started", "batch_started", 0},
    [EVENT_BATCH_PAUSED] = {"batch.paused", "batch_paused", 1},
    [EVENT_BATCH_CANCELLED] = {"batch.cancelled", "batch_cancelled", 0},
    [EVENT_BATCH_COMPLETED] = {"batch.completed", "batch_completed", 0},
    [EVENT_BATCH_FAILED] = {"batch.failed", "batch_failed", 1},
};

const char *event_type_name(enum event_type type)
{
    return TYPES[type].name;
}

static bool spells(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

int event_type_from_name(const char *name, size_t len, enum event_type *ret_type)
{
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (spells(TYPES[i].name, name, len)) {
            *ret_type = (enum event_type)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

bool event_type_is_call(enum event_type type)
{
    return TYPES[type].numbers == 2;
}

int event_id_make(const struct event_ref *ref, char ret_id[EVENT_ID_LEN + 1])
{
    const struct type_row *type = &TYPES[ref->type];
    if (!ident_is_valid(ref->batch, strnlen(ref->batch, sizeof ref->batch), LIMIT_BATCH_ID_LEN))
        return ERR_INVALID;
    if (type->numbers == 2)
        (void)snprintf(ret_id, EVENT_ID_LEN + 1, PREFIX "%s-%" PRIu64 "-%" PRIu32 "-%s", ref->batch, ref->ordinal,
                       ref->attempt, type->in_id);
    else if (type->numbers == 1)
        (void)snprintf(ret_id, EVENT_ID_LEN + 1, PREFIX "%s-%" PRIu32 "-%s", ref->batch, ref->nth, type->in_id);
    else
        (void)snprintf(ret_id, EVENT_ID_LEN + 1, PREFIX "%s-%s", ref->batch, type->in_id);
    return 0;
}

/* Takes "-<number>" off the end of text[0..*len). */
static int take_number(const char *text, size_t *len, uint64_t max, uint64_t *ret_value)
{
    size_t start = *len;
    while (start > 0 && text[start - 1] != '-')
        start--;
    if (start == 0 || (*len - start > 1 && text[start] == '0') ||
        parse_u64(text + start, *len - start, max, ret_value) < 0)
        return ERR_INVALID;
    *len = start - 1;
    return 0;
}

static int take_type(const char *text, size_t *len, enum event_type *ret_type)
{
    size_t start = *len;
    while (start > 0 && text[start - 1] != '-')
        start--;
    if (start == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (spells(TYPES[i].in_id, text + start, *len - start)) {
            *ret_type = (enum event_type)i;
            *len = start - 1;
            return 0;
        }
    }
    return ERR_INVALID;
}

int event_id_parse(const char *text, size_t len, struct event_ref *ret_ref)
{
    if (len > EVENT_ID_LEN || len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0)
        return ERR_INVALID;
    text += PREFIX_LEN;
    len -= PREFIX_LEN;

    struct event_ref ref = {0};
    if (take_type(text, &len, &ref.type) < 0)
        return ERR_INVALID;
    uint64_t number = 0;
    if (TYPES[ref.type].numbers > 0 && take_number(text, &len, UINT32_MAX, &number) < 0)
        return ERR_INVALID;
    if (TYPES[ref.type].numbers == 2 && take_number(text, &len, UINT64_MAX, &ref.ordinal) < 0)
        return ERR_INVALID;
    *(event_type_is_call(ref.type) ? &ref.attempt : &ref.nth) = (uint32_t)number;
    if (!ident_is_valid(text, len, LIMIT_BATCH_ID_LEN))
        return ERR_INVALID;
    memcpy(ref.batch, text, len);
    *ret_ref = ref;
    return 0;
}

size_t event_id_len(const char *delivery_id)
{
    const size_t len = strlen(delivery_id), mark_len = sizeof EVENT_DELIVERY_MARK - 1;
    if (len > mark_len && strcmp(delivery_id + len - mark_len, EVENT_DELIVERY_MARK) == 0)
        return len - mark_len;
    return len;
}
