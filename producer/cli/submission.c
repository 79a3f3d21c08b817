/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/submission.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/json/json.h"
#include "producer/cli/import_csv.h"
#include "producer/cli/input.h"
#include "producer/cli/out.h"

#define CONTACTS "contacts"

/* ---- the campaign ---- */

/* A campaign cut into its members, without a tree of its contacts. */
struct campaign {
    const char *name;
    char *text;
    size_t len;
    cJSON *members; /* every member but contacts, its value as it stands */
    bool has_contacts; /* anything but an empty list or null */
    size_t n_contacts;
};

static int on_member(const char *key, const char *value, size_t len, void *arg)
{
    struct campaign *c = arg;
    if (strcmp(key, CONTACTS) != 0)
        return json_add_raw(c->members, key, value, len) ? 0 : ERR_NOMEM;
    c->has_contacts = len != 4 || memcmp(value, "null", 4) != 0;
    return 0;
}

static int on_contact(size_t index, const char *value, size_t len, void *arg)
{
    struct campaign *c = arg;
    (void)index;
    (void)value;
    (void)len;
    c->has_contacts = true;
    c->n_contacts++;
    return 0;
}

/* The line of that byte, as an editor counts. */
static size_t line_of(const struct campaign *c, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < c->len; i++)
        line += c->text[i] == '\n';
    return line;
}

static void tell_fault(const struct campaign *c, int rc, const struct json_fault *fault)
{
    if (rc == ERR_NOMEM)
        out_complain("%s: out of memory", c->name);
    else
        out_complain("%s: line %zu, byte %zu%s%s: %s", c->name, line_of(c, fault->offset), fault->offset,
                     fault->path[0] ? ", " : "", fault->path, fault->reason);
}

static int cut(struct campaign *c)
{
    struct json_fault fault = {.offset = 0};
    struct json_cutter *cutter;
    /* No bounds on members but the file's own: it is the producer that refuses what is too long. */
    const struct json_cutter_config config = {
        .array_key = CONTACTS,
        .element_max = LIMIT_BODY_BYTES,
        .member_max = LIMIT_BODY_BYTES,
        .on_member = on_member,
        .on_element = on_contact,
        .arg = c,
    };
    c->members = cJSON_CreateObject();
    int rc = c->members ? json_cutter_create(&config, &cutter) : ERR_NOMEM;
    if (rc == 0) {
        rc = json_cutter_feed(cutter, c->text, c->len, &fault);
        if (rc == 0)
            rc = json_cutter_finish(cutter, &fault);
        json_cutter_free(cutter);
    }
    if (rc != 0)
        tell_fault(c, rc, &fault);
    return rc;
}

static int campaign_read(const char *path, struct campaign *ret_campaign)
{
    struct campaign c = {.name = input_name(path)};
    int rc = input_read(path, LIMIT_BODY_BYTES, &c.text, &c.len);
    if (rc == ERR_TOO_LARGE)
        out_complain("%s: more than the 32 MiB of one campaign: split it over several", c.name);
    else if (rc != 0)
        out_complain("%s: %s", c.name, rc == ERR_IO ? strerror(errno) : err_name(rc));
    else
        rc = cut(&c);
    *ret_campaign = c;
    return rc;
}

static void campaign_clear(struct campaign *c)
{
    cJSON_Delete(c->members);
    free(c->text);
}

/* ---- joining ---- */

/* The members up to the closing brace, then the contacts. */
static int append_all(const cJSON *members, const struct import_csv *import, struct buf *out)
{
    struct buf own;
    buf_init(&own, LIMIT_BODY_BYTES);
    int rc = json_print(members, &own);
    if (rc == 0)
        rc = buf_append(out, buf_str(&own), buf_len(&own) - 1);
    if (rc == 0)
        rc = buf_append_str(out, members->child ? ",\"" CONTACTS "\":[" : "\"" CONTACTS "\":[");
    if (rc == 0)
        rc = buf_append(out, buf_str(&import->elements), buf_len(&import->elements));
    if (rc == 0)
        rc = buf_append_str(out, "]}");
    buf_free(&own);
    return rc;
}

/* ERR_TOO_LARGE where it is more than one request takes. */
static int join(const struct campaign *c, const struct import_csv *import, struct submission *ret)
{
    struct buf out;
    buf_init(&out, LIMIT_BODY_BYTES);
    int rc = append_all(c->members, import, &out);
    if (rc == 0) {
        ret->body = buf_take(&out, &ret->len);
        rc = ret->body ? 0 : ERR_NOMEM;
    } else if (rc == ERR_NOMEM) {
        rc = ERR_TOO_LARGE;
    }
    buf_free(&out);
    return rc;
}

static int add_contacts(const struct campaign *c, const struct contacts_file *contacts, struct submission *ret)
{
    struct import_csv import;
    int rc = import_csv_read(contacts, &import);
    if (rc != 0)
        return rc;
    rc = join(c, &import, ret);
    if (rc == 0) {
        ret->contacts_name = contacts->name;
        ret->rows = import.rows;
        ret->n_contacts = import.n_contacts;
        ret->n_rejected = import.n_rejected;
        import.rows = NULL;
    }
    import_csv_clear(&import);
    return rc;
}

/* The campaign alone. */
static int leave_out(const struct campaign *c, struct submission *ret)
{
    struct buf out;
    buf_init(&out, LIMIT_BODY_BYTES);
    int rc = json_print(c->members, &out);
    ret->body = rc == 0 ? buf_take(&out, &ret->len) : NULL;
    ret->is_chunked = true;
    buf_free(&out);
    return ret->body ? 0 : ERR_NOMEM;
}

static bool fits(const struct contacts_file *contacts, size_t whole_bytes)
{
    bool is_short = contacts->lines <= LIMIT_INLINE_CONTACTS + 2; /* the header, and the end behind the last one */
    return contacts->bytes <= whole_bytes && is_short;
}

static int take_file(const struct campaign *c, struct contacts_file *contacts, size_t whole_bytes,
                     struct submission *ret)
{
    if (c->has_contacts) {
        out_complain("%s has contacts of its own: either these, or --contacts", c->name);
        return ERR_INVALID;
    }
    int rc = fits(contacts, whole_bytes) ? add_contacts(c, contacts, ret) : ERR_TOO_LARGE;
    if (rc == ERR_TOO_LARGE)
        rc = contacts_file_rewind(contacts) != 0 ? ERR_IO : leave_out(c, ret);
    return rc;
}

int submission_read(const char *campaign_path, struct contacts_file *contacts, size_t whole_bytes,
                    struct submission *ret_submission)
{
    struct submission result = {.body = NULL};
    struct campaign campaign;
    int rc = campaign_read(campaign_path, &campaign);
    if (rc == 0 && contacts) {
        rc = take_file(&campaign, contacts, whole_bytes, &result);
    } else if (rc == 0) {
        result.n_contacts = campaign.n_contacts;
        result.body = campaign.text;
        result.len = campaign.len;
        campaign.text = NULL;
    }
    campaign_clear(&campaign);
    if (rc == 0)
        *ret_submission = result;
    return rc;
}

void submission_clear(struct submission *submission)
{
    free(submission->body);
    free(submission->rows);
    submission->body = NULL;
    submission->rows = NULL;
}

/* ---- places ---- */

/* Reads "contacts[17]"; `ret_rest` is what follows. */
static bool read_index(const char *path, uint64_t *ret_index, const char **ret_rest)
{
    static const char before[] = CONTACTS "[";
    if (strncmp(path, before, sizeof before - 1) != 0)
        return false;
    const char *digits = path + sizeof before - 1, *end = strchr(digits, ']');
    if (!end || parse_u64(digits, (size_t)(end - digits), LIMIT_INLINE_CONTACTS, ret_index) != 0)
        return false;
    *ret_rest = end + 1;
    return true;
}

void submission_place(const char *path, char *ret, size_t cap, void *arg)
{
    const struct submission *s = arg;
    uint64_t index;
    const char *rest;
    if (!s->rows || !read_index(path, &index, &rest) || index >= s->n_contacts) {
        snprintf(ret, cap, "%s", path);
        return;
    }
    snprintf(ret, cap, "%s: row %" PRIu64 "%s%s", s->contacts_name, s->rows[index], rest[0] ? ": " : "",
             rest[0] == '.' ? rest + 1 : rest);
}
