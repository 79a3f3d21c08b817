/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/record_shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/domain/contact_record.h"
#include "common/json/json.h"
#include "producer/cli/shown.h"

/* common/lua/lib/call.lua writes these. */
static const struct shown_word STATE[] = {
    {"phase", "phase", SHOWN_TEXT},      {"a", "attempts", SHOWN_NUMBER},      {"d", "dials", SHOWN_NUMBER},
    {"l", "lastBegun", SHOWN_NUMBER},    {"w", "worker", SHOWN_TEXT},          {"q", "slotAt", SHOWN_US},
    {"t", "number", SHOWN_PHONE},        {"b", "begunAt", SHOWN_MS},           {"h", "deadlineAt", SHOWN_MS},
    {"p", "providerCallId", SHOWN_TEXT}, {"z", "absentSince", SHOWN_MS},       {"s", "answeredAt", SHOWN_MS},
    {"e", "endedAt", SHOWN_MS},          {"u", "seconds", SHOWN_NUMBER},       {"x", "outcome", SHOWN_TEXT},
    {"n", "nextAt", SHOWN_MS},           {"g", "isGivenBack", SHOWN_NUMBER},   {"m", "callerId", SHOWN_PHONE},
    {"k", "queueMs", SHOWN_NUMBER},      {"y", "isToBeStopped", SHOWN_NUMBER}, {"f", "firstInDoubt", SHOWN_NUMBER},
    {"c", "tailEpoch", SHOWN_NUMBER},    {"r", "creditSeconds", SHOWN_NUMBER}, {"v", "isUnsure", SHOWN_NUMBER},
    {"o", "strikes", SHOWN_NUMBER},      {"i", "highestDial", SHOWN_NUMBER},
};

static const struct shown_word ATTEMPT[] = {
    {"d", "dial", SHOWN_NUMBER},         {"a", "attempt", SHOWN_NUMBER}, {"q", "slotAt", SHOWN_US},
    {"b", "begunAt", SHOWN_US},          {"w", "worker", SHOWN_TEXT},    {"v", "verdict", SHOWN_TEXT},
    {"n", "nextAt", SHOWN_MS},           {"o", "outcome", SHOWN_TEXT},   {"e", "endedAt", SHOWN_MS},
    {"via", "source", SHOWN_TEXT},       {"then", "then", SHOWN_TEXT},   {"r", "reason", SHOWN_TEXT},
    {"p", "providerCallId", SHOWN_TEXT},
};

cJSON *record_shown_state(const char *text, size_t len, bool with_numbers)
{
    return shown_words(STATE, sizeof STATE / sizeof STATE[0], text, len, with_numbers);
}

cJSON *record_shown_attempts(const char *text, size_t len, bool with_numbers)
{
    cJSON *list = cJSON_CreateArray();
    const char *end = text + len;
    bool is_whole = list != NULL;
    while (text < end && is_whole) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        is_whole = stop == text || shown_add_take(list, NULL,
                                                  shown_words(ATTEMPT, sizeof ATTEMPT / sizeof ATTEMPT[0], text,
                                                              (size_t)(stop - text), with_numbers));
        text = newline ? newline + 1 : end;
    }
    if (is_whole)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text, bool with_numbers)
{
    return !text[0] || shown_add_take(object, name, shown_value(SHOWN_TEXT, text, strlen(text), with_numbers));
}

static cJSON *contact_json(const struct contact *c, bool is_elsewhere, bool with_numbers)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, c->phone);
    cJSON *object = cJSON_CreateObject();
    bool is_whole =
        shown_add_take(object, "number", shown_value(SHOWN_PHONE, digits, strlen(digits), with_numbers)) &&
        add_text(object, "id", c->id, with_numbers) && add_text(object, "name", c->name, with_numbers) &&
        add_text(object, "email", c->email, with_numbers) && add_text(object, "company", c->company, with_numbers) &&
        add_text(object, "timezone", c->timezone, with_numbers) &&
        (c->metadata_len == 0 ||
         shown_add_take(object, "metadata", shown_value(SHOWN_GUESS, c->metadata, c->metadata_len, with_numbers))) &&
        (!is_elsewhere || cJSON_AddTrueToObject(object, "metadataIsInExtra"));
    if (is_whole)
        return object;
    cJSON_Delete(object);
    return NULL;
}

/* Its metadata stays away where its columns do. */
static int read_contact(struct contact *contact, const char *record, size_t len, const struct buf *columns,
                        bool *ret_is_elsewhere)
{
    int err = contact_record_unpack(contact, record, len, ret_is_elsewhere);
    if (!err)
        err = contact_record_attach_columns(contact, buf_str(columns), buf_len(columns));
    return err == ERR_NOT_FOUND ? 0 : err;
}

cJSON *record_shown_contact(const char *record, size_t len, const struct buf *columns, bool with_numbers)
{
    struct contact contact;
    bool is_elsewhere = false;
    if (contact_init(&contact) != 0)
        return NULL;
    cJSON *value = read_contact(&contact, record, len, columns, &is_elsewhere) == 0
                       ? contact_json(&contact, is_elsewhere, with_numbers)
                       : shown_value(SHOWN_TEXT, record, len, with_numbers);
    contact_free(&contact);
    return value;
}
