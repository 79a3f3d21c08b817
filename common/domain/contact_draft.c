/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_draft.h"

#include <string.h>

#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/domain/timezone.h"

struct text_rule {
    const char *path;
    size_t max_chars;
    const char *length_message;
};

static const struct text_rule RULES[CONTACT_TEXT_COUNT] = {
    [CONTACT_TEXT_ID] = {"id", LIMIT_CONTACT_ID_LEN, "must not be longer than 128 characters"},
    [CONTACT_TEXT_NAME] = {"name", LIMIT_NAME_LEN, "must not be longer than 200 characters"},
    [CONTACT_TEXT_EMAIL] = {"email", LIMIT_EMAIL_LEN, "must not be longer than 254 characters"},
    [CONTACT_TEXT_COMPANY] = {"company", LIMIT_COMPANY_LEN, "must not be longer than 200 characters"},
    [CONTACT_TEXT_TIMEZONE] = {"timezone", LIMIT_TIMEZONE_LEN, "must not be longer than 64 characters"},
};

static void point_nowhere(struct contact *c)
{
    c->phone = 0;
    c->id = c->name = c->email = c->company = c->timezone = c->metadata = c->values = "";
    c->metadata_len = c->values_len = 0;
}

int contact_draft_begin(struct contact_draft *d, struct contact *c, struct faults *faults)
{
    *d = (struct contact_draft){.contact = c, .faults = faults};
    point_nowhere(c);
    buf_clear(&c->text);
    return buf_append_char(&c->text, '\0');
}

void contact_draft_fault(struct contact_draft *d, const char *path, const char *code, const char *message)
{
    d->is_bad = true;
    faults_add(d->faults, path, code, "%s", message);
}

void contact_draft_phone(struct contact_draft *d, const char *text, size_t len)
{
    if (len == 0)
        contact_draft_fault(d, "phoneNumber", FAULT_REQUIRED, "is required");
    else if (phone_parse(text, len, &d->phone) < 0)
        contact_draft_fault(d, "phoneNumber", FAULT_NUMBER,
                            "must be an international number like +15550001111: a plus sign and 7 to 15 digits");
}

static bool has_control_or_space(const char *text, size_t len, bool space_is_permitted)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || (c == ' ' && !space_is_permitted))
            return true;
    }
    return false;
}

/* Modest on purpose: an address is only handed on, never written to. */
static bool is_email(const char *text, size_t len)
{
    const char *at = memchr(text, '@', len);
    if (!at || at == text || has_control_or_space(text, len, false))
        return false;
    const char *domain = at + 1;
    size_t domain_len = len - (size_t)(domain - text);
    if (domain_len == 0 || memchr(domain, '@', domain_len) || domain[0] == '.' || domain[domain_len - 1] == '.')
        return false;
    return memchr(domain, '.', domain_len) && !memmem(domain, domain_len, "..", 2);
}

static void judge_text(struct contact_draft *d, enum contact_text field, const char *text, size_t len)
{
    const struct text_rule *rule = &RULES[field];
    if (utf8_count(text, len) > rule->max_chars) {
        contact_draft_fault(d, rule->path, FAULT_LENGTH, rule->length_message);
        return;
    }
    switch (field) {
    case CONTACT_TEXT_ID:
        if (has_control_or_space(text, len, true))
            contact_draft_fault(d, rule->path, FAULT_CHARACTERS, "must not hold control characters");
        break;
    case CONTACT_TEXT_EMAIL:
        if (!is_email(text, len))
            contact_draft_fault(d, rule->path, FAULT_EMAIL, "must be an e-mail address");
        break;
    case CONTACT_TEXT_TIMEZONE:
        if (!timezone_memo_is_valid(d->contact->zones, text, len))
            contact_draft_fault(d, rule->path, FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York");
        break;
    case CONTACT_TEXT_NAME:
    case CONTACT_TEXT_COMPANY:
        break;
    }
}

static int keep(struct contact_draft *d, const char *text, size_t len, size_t *ret_start)
{
    size_t start = buf_len(&d->contact->text);
    int rc = buf_append(&d->contact->text, text, len);
    if (rc < 0)
        return rc;
    rc = buf_append_char(&d->contact->text, '\0');
    if (rc < 0)
        return rc;
    *ret_start = start;
    return 0;
}

int contact_draft_keep(struct contact_draft *d, enum contact_text field, const char *text, size_t len)
{
    return len == 0 ? 0 : keep(d, text, len, &d->starts[field]);
}

int contact_draft_keep_metadata(struct contact_draft *d, const char *json, size_t len)
{
    if (len == 0)
        return 0;
    d->metadata_len = len;
    return keep(d, json, len, &d->metadata_start);
}

int contact_draft_keep_values(struct contact_draft *d, const char *values, size_t len)
{
    if (len == 0)
        return 0;
    d->values_len = len;
    return keep(d, values, len, &d->values_start);
}

int contact_draft_text(struct contact_draft *d, enum contact_text field, const char *text, size_t len)
{
    if (len == 0)
        return 0;
    judge_text(d, field, text, len);
    return d->is_bad ? 0 : contact_draft_keep(d, field, text, len);
}

/* How many containers are around the innermost of a sound JSON text. */
static size_t nesting_of(const char *json, size_t len)
{
    size_t depth = 0, most = 0;
    bool is_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = json[i];
        if (c == '"')
            is_string = !is_string;
        else if (is_string)
            i += c == '\\';
        else if (c == '{' || c == '[')
            most = ++depth > most ? depth : most;
        else if (c == '}' || c == ']')
            depth--;
    }
    return most;
}

int contact_draft_metadata(struct contact_draft *d, const char *json, size_t len)
{
    if (len > LIMIT_METADATA_BYTES) {
        contact_draft_fault(d, "metadata", FAULT_METADATA_SIZE, "must not be larger than 4096 bytes");
        return 0;
    }
    if (nesting_of(json, len) > LIMIT_METADATA_DEPTH) {
        contact_draft_fault(d, "metadata", FAULT_SYNTAX, "must not be nested more than 20 deep");
        return 0;
    }
    return d->is_bad ? 0 : contact_draft_keep_metadata(d, json, len);
}

int contact_draft_end(struct contact_draft *d)
{
    struct contact *c = d->contact;
    if (d->is_bad) {
        point_nowhere(c);
        return ERR_INVALID;
    }
    const char *text = buf_str(&c->text);
    c->phone = d->phone;
    c->id = text + d->starts[CONTACT_TEXT_ID];
    c->name = text + d->starts[CONTACT_TEXT_NAME];
    c->email = text + d->starts[CONTACT_TEXT_EMAIL];
    c->company = text + d->starts[CONTACT_TEXT_COMPANY];
    c->timezone = text + d->starts[CONTACT_TEXT_TIMEZONE];
    c->metadata = text + d->metadata_start;
    c->metadata_len = d->metadata_len;
    c->values = text + d->values_start;
    c->values_len = d->values_len;
    return 0;
}
