/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/row_error.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/base/utf8.h"
#include "common/domain/faults.h"
#include "common/json/json.h"

#define TEXT_MAX ((size_t)512)

/* What people are told; codes are what programs read. */
static const struct {
    const char *code;
    const char *message;
} MESSAGES[] = {
    {FAULT_DUPLICATE, "An earlier contact of this batch has the same: this one was left out."},
    {FAULT_NUMBER, "Must be an international number like +15550001111: a plus sign and 7 to 15 digits."},
    {FAULT_REQUIRED, "Is required."},
    {FAULT_TYPE, "Is of the wrong type."},
    {FAULT_LENGTH, "Is too long."},
    {FAULT_EMAIL, "Must be an e-mail address."},
    {FAULT_TIMEZONE, "Must be an IANA time zone such as America/New_York."},
    {FAULT_CHARACTERS, "Must not hold control characters."},
    {FAULT_METADATA_SIZE, "Must not be larger than 4096 bytes."},
    {FAULT_SYNTAX, "Is not valid JSON."},
    {"WRONG_FIELD_COUNT", "Has another number of fields than the header."},
    {"FIELD_TOO_LONG", "Has a field of more than 16,384 bytes."},
    {"ROW_TOO_LONG", "Is too long."},
    {"TOO_MANY_FIELDS", "Has more than 256 fields."},
    {"MISPLACED_QUOTE", "Has text behind a closing quote."},
    {"OPEN_QUOTE", "Has a quote that is never closed."},
    {"NUL_BYTE", "Has a NUL byte."},
    {"INVALID_UTF8", "Is not valid UTF-8."},
};

/* The next word; what follows begins behind one space. */
static int take_word(const char **at, const char *end, struct row_text *ret)
{
    const char *space = memchr(*at, ' ', (size_t)(end - *at));
    if (!space || space == *at)
        return ERR_INVALID;
    *ret = (struct row_text){*at, (size_t)(space - *at)};
    *at = space + 1;
    return 0;
}

static int take_number(const char **at, const char *end, uint64_t *ret)
{
    struct row_text word;
    int err = take_word(at, end, &word);
    return err ? err : parse_u64(word.text, word.len, UINT64_MAX, ret);
}

int row_error_read(const char *line, size_t len, struct row_error *ret_error)
{
    const char *at = line, *end = line + len;
    struct row_error e;
    if (take_number(&at, end, &e.chunk) != 0 || take_number(&at, end, &e.row) != 0 ||
        take_word(&at, end, &e.code) != 0 || take_word(&at, end, &e.field) != 0)
        return ERR_INVALID;
    if (e.field.len == 1 && e.field.text[0] == '-')
        e.field.len = 0;
    e.value = (struct row_text){at, (size_t)(end - at)};
    *ret_error = e;
    return 0;
}

static const char *message_of(const struct row_text *code)
{
    for (size_t i = 0; i < sizeof MESSAGES / sizeof MESSAGES[0]; i++) {
        if (strlen(MESSAGES[i].code) == code->len && memcmp(MESSAGES[i].code, code->text, code->len) == 0)
            return MESSAGES[i].message;
    }
    return "Is no contact.";
}

static cJSON *add_text(cJSON *object, const char *name, const struct row_text *text)
{
    char copy[TEXT_MAX];
    bool is_text = text->len > 0 && text->len < sizeof copy && !memchr(text->text, '\0', text->len) &&
                   utf8_is_valid(text->text, text->len);
    if (!is_text)
        return json_add_str(object, name, NULL);
    memcpy(copy, text->text, text->len);
    copy[text->len] = '\0';
    return json_add_str(object, name, copy);
}

cJSON *row_error_json(const struct row_error *e)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = json_add_i64(object, "chunk", (int64_t)e->chunk) && json_add_i64(object, "row", (int64_t)e->row) &&
                    add_text(object, "field", &e->field) && add_text(object, "value", &e->value) &&
                    add_text(object, "code", &e->code) && json_add_str(object, "message", message_of(&e->code));
    if (is_whole)
        return object;
    cJSON_Delete(object);
    return NULL;
}
