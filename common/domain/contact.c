/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/domain/contact_draft.h"
#include "common/domain/phone.h"
#include "common/domain/timezone.h"
#include "common/json/json.h"
#include "common/json/span.h"

/* All texts at their longest, a NUL behind each, and the empty one. */
#define TEXT_MAX                                                                                                       \
    (4u * (LIMIT_CONTACT_ID_LEN + LIMIT_NAME_LEN + LIMIT_EMAIL_LEN + LIMIT_COMPANY_LEN + LIMIT_TIMEZONE_LEN) +         \
     LIMIT_METADATA_BYTES + 16u)

int contact_init(struct contact *c)
{
    memset(c, 0, sizeof *c);
    c->id = c->name = c->email = c->company = c->timezone = c->metadata = "";
    buf_init(&c->text, TEXT_MAX);
    c->zones = timezone_memo_create();
    return c->zones ? 0 : ERR_NOMEM;
}

void contact_free(struct contact *c)
{
    buf_free(&c->text);
    timezone_memo_free(c->zones);
    memset(c, 0, sizeof *c);
}

const char *contact_display_name(const struct contact *c)
{
    return c->name[0] ? c->name : CONTACT_DEFAULT_NAME;
}

/* ---- reading an element of contacts[] ---- */

struct text_member {
    const char *name;
    enum contact_text field;
};

static const struct text_member TEXT_MEMBERS[] = {
    {"id", CONTACT_TEXT_ID},           {"name", CONTACT_TEXT_NAME},         {"email", CONTACT_TEXT_EMAIL},
    {"company", CONTACT_TEXT_COMPANY}, {"timezone", CONTACT_TEXT_TIMEZONE},
};

static const struct text_member *find_text_member(const char *name)
{
    for (size_t i = 0; i < sizeof TEXT_MEMBERS / sizeof TEXT_MEMBERS[0]; i++) {
        if (strcmp(TEXT_MEMBERS[i].name, name) == 0)
            return &TEXT_MEMBERS[i];
    }
    return NULL;
}

static bool is_known(const char *name)
{
    return strcmp(name, "phoneNumber") == 0 || strcmp(name, "metadata") == 0 || find_text_member(name);
}

static void read_phone(struct contact_draft *d, const cJSON *value)
{
    if (!value || cJSON_IsNull(value))
        contact_draft_phone(d, "", 0);
    else if (cJSON_IsString(value))
        contact_draft_phone(d, value->valuestring, strlen(value->valuestring));
    else
        contact_draft_fault(d, "phoneNumber", FAULT_TYPE, "must be a string like \"+15550001111\"");
}

static int read_texts(struct contact_draft *d, const cJSON *element)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, element)
    {
        const struct text_member *member = find_text_member(value->string);
        if (!member || cJSON_IsNull(value))
            continue;
        if (!cJSON_IsString(value)) {
            contact_draft_fault(d, member->name, FAULT_TYPE, "must be a string");
            continue;
        }
        int rc = contact_draft_text(d, member->field, value->valuestring, strlen(value->valuestring));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The element's text and its tree, walked side by side: the tree says what a member is, the text how it was written. */
struct element {
    const char *json;
    size_t len;
    const cJSON *tree;
    const cJSON *metadata; /* the metadata member's object, or NULL */
};

/* The metadata's text; an empty object's where there is none. */
static struct json_span find_metadata_text(const struct element *e)
{
    struct json_members members;
    struct json_span key, value;
    if (e->metadata && json_members_begin(&members, e->json, e->len)) {
        while (json_members_next(&members, &key, &value)) {
            if (json_key_equals(key, "metadata"))
                return value;
        }
    }
    return (struct json_span){"{}", 2};
}

/* Appends the member as it was written, behind a comma where others are in front. */
static int append_member(struct buf *out, struct json_span key, struct json_span value)
{
    int rc = 0;
    if (buf_str(out)[buf_len(out) - 1] != '{')
        rc = buf_append_char(out, ',');
    if (rc == 0)
        rc = buf_append(out, key.text, key.len);
    if (rc == 0)
        rc = buf_append_char(out, ':');
    return rc < 0 ? rc : buf_append(out, value.text, value.len);
}

/* Appends '{' and the members of an object's text, without what is around them. */
static int open_object(struct buf *out, struct json_span object)
{
    const char *start = object.text + 1, *end = object.text + object.len - 1;
    while (start < end && strchr(" \t\r\n", *start))
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]))
        end--;
    int rc = buf_append_char(out, '{');
    return rc < 0 ? rc : buf_append(out, start, (size_t)(end - start));
}

static int append_unknown_members(const struct element *e, struct faults *warnings, struct buf *out)
{
    struct json_members members;
    struct json_span key, value;
    if (!json_members_begin(&members, e->json, e->len))
        return ERR_INVALID;
    const cJSON *child;
    cJSON_ArrayForEach(child, e->tree)
    {
        if (!json_members_next(&members, &key, &value))
            return ERR_INVALID;
        if (is_known(child->string))
            continue;
        if (e->metadata && cJSON_GetObjectItemCaseSensitive(e->metadata, child->string)) {
            faults_add(warnings, child->string, WARNING_IGNORED,
                       "is not a field of a contact, and its metadata has a value of that name: that one is kept");
            continue;
        }
        faults_add(warnings, child->string, WARNING_MOVED_TO_METADATA,
                   "is not a field of a contact: it is kept in its metadata");
        int rc = append_member(out, key, value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int merge_metadata(struct contact_draft *d, const struct element *e, struct faults *warnings)
{
    struct buf merged;
    buf_init(&merged, e->len + 2);
    int rc = open_object(&merged, find_metadata_text(e));
    if (rc == 0)
        rc = append_unknown_members(e, warnings, &merged);
    if (rc == 0)
        rc = buf_append_char(&merged, '}');
    if (rc == 0)
        rc = contact_draft_metadata(d, buf_str(&merged), buf_len(&merged));
    buf_free(&merged);
    return rc;
}

static int read_metadata(struct contact_draft *d, struct element *e, struct faults *warnings)
{
    bool has_unknown = false;
    const cJSON *child;
    cJSON_ArrayForEach(child, e->tree)
    {
        has_unknown |= !is_known(child->string);
    }

    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(e->tree, "metadata");
    if (metadata && !cJSON_IsNull(metadata)) {
        if (!cJSON_IsObject(metadata)) {
            contact_draft_fault(d, "metadata", FAULT_TYPE, "must be an object");
            return 0;
        }
        e->metadata = metadata;
    }
    if (has_unknown)
        return merge_metadata(d, e, warnings);
    if (!e->metadata)
        return 0;
    struct json_span text = find_metadata_text(e);
    return contact_draft_metadata(d, text.text, text.len);
}

static int read_element(struct contact_draft *d, struct element *e, struct faults *warnings)
{
    if (!cJSON_IsObject(e->tree)) {
        contact_draft_fault(d, "", FAULT_TYPE, "must be an object");
        return 0;
    }
    read_phone(d, cJSON_GetObjectItemCaseSensitive(e->tree, "phoneNumber"));
    int rc = read_texts(d, e->tree);
    return rc < 0 ? rc : read_metadata(d, e, warnings);
}

int contact_read_json(struct contact *c, const char *json, size_t len, struct faults *faults, struct faults *warnings)
{
    struct contact_draft draft;
    int rc = contact_draft_begin(&draft, c, faults);
    if (rc < 0)
        return rc;
    cJSON *tree = NULL;
    struct json_fault fault;
    rc = json_parse(json, len, &tree, &fault);
    if (rc == ERR_INVALID) {
        contact_draft_fault(&draft, fault.path, FAULT_SYNTAX, fault.reason);
    } else if (rc < 0) {
        return rc;
    } else {
        struct element element = {.json = json, .len = len, .tree = tree};
        rc = read_element(&draft, &element, warnings);
        cJSON_Delete(tree);
        if (rc < 0)
            return rc;
    }
    return contact_draft_end(&draft);
}

/* ---- writing one ---- */

static bool add_text(cJSON *object, const char *key, const char *text)
{
    return text[0] == '\0' || json_add_str(object, key, text);
}

int contact_print_json(const struct contact *c, struct buf *out)
{
    char phone[PHONE_TEXT_LEN + 1];
    phone_format(c->phone, phone);
    cJSON *object = cJSON_CreateObject();
    int rc = ERR_NOMEM;
    if (json_add_str(object, "phoneNumber", phone) && add_text(object, "id", c->id) &&
        add_text(object, "name", c->name) && add_text(object, "email", c->email) &&
        add_text(object, "company", c->company) && add_text(object, "timezone", c->timezone) &&
        (c->metadata_len == 0 || json_add_raw(object, "metadata", c->metadata, c->metadata_len)))
        rc = json_print(object, out);
    cJSON_Delete(object);
    return rc;
}
