/* SPDX-License-Identifier: Apache-2.0
 *
 * An element of contacts[] from a stranger. What is taken keeps its bounds, reads the same when it is written again,
 * and survives its record; bytes that are no record are refused without harm.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/contact.h"
#include "common/domain/contact_layout.h"
#include "common/domain/contact_record.h"
#include "common/domain/phone.h"
#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t max_chars)
{
    size_t len = strlen(text);
    demand(utf8_is_valid(text, len) && utf8_count(text, len) <= max_chars);
}

static void check_bounds(const struct contact *c)
{
    demand(phone_is_valid(c->phone));
    check_text(c->id, LIMIT_CONTACT_ID_LEN);
    check_text(c->name, LIMIT_NAME_LEN);
    check_text(c->email, LIMIT_EMAIL_LEN);
    check_text(c->company, LIMIT_COMPANY_LEN);
    check_text(c->timezone, LIMIT_TIMEZONE_LEN);
    demand(c->metadata_len <= LIMIT_METADATA_BYTES && strlen(c->metadata) == c->metadata_len);
    if (c->metadata_len > 0) {
        cJSON *tree;
        demand(json_parse(c->metadata, c->metadata_len, &tree, NULL) == 0 && cJSON_IsObject(tree));
        cJSON_Delete(tree);
    }
}

static void check_same(const struct contact *a, const struct contact *b)
{
    demand(a->phone == b->phone && strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0);
    demand(strcmp(a->email, b->email) == 0 && strcmp(a->company, b->company) == 0);
    demand(strcmp(a->timezone, b->timezone) == 0 && strcmp(a->metadata, b->metadata) == 0);
}

/* The same with a record without what its metadata has in common with others. */
static void check_shortened(const struct contact *c)
{
    struct contact_layout *layout = NULL;
    struct contact back;
    struct buf record, shortened;
    bool is_elsewhere;
    size_t len;
    buf_init(&record, 1 << 17);
    buf_init(&shortened, 1 << 17);
    demand(contact_init(&back) == 0 && contact_layout_create(&layout) == 0);
    demand(contact_record_pack(c, &record, &is_elsewhere) == 0);
    demand(contact_layout_shorten(layout, buf_str(&record), buf_len(&record), &shortened) == 0);
    demand(buf_len(&shortened) <= buf_len(&record));
    const char *columns = contact_layout_text(layout, &len);
    demand(contact_record_unpack(&back, buf_str(&shortened), buf_len(&shortened), &is_elsewhere) == 0);
    demand(contact_record_attach_columns(&back, columns, len) == 0);
    if (is_elsewhere)
        demand(contact_record_attach_metadata(&back, c->metadata, c->metadata_len) == 0);
    check_same(c, &back);
    contact_layout_free(layout);
    contact_free(&back);
    buf_free(&record);
    buf_free(&shortened);
}

static void check_taken(const struct contact *c)
{
    struct contact back;
    struct buf text;
    bool is_elsewhere;
    check_bounds(c);
    demand(contact_init(&back) == 0);
    buf_init(&text, 1 << 17);

    demand(contact_print_json(c, &text) == 0);
    demand(contact_read_json(&back, buf_str(&text), buf_len(&text), NULL, NULL) == 0);
    check_same(c, &back);

    demand(contact_record_pack(c, &text, &is_elsewhere) == 0);
    demand(contact_record_unpack(&back, buf_str(&text), buf_len(&text), &is_elsewhere) == 0);
    if (is_elsewhere)
        demand(contact_record_attach_metadata(&back, c->metadata, c->metadata_len) == 0);
    check_same(c, &back);
    check_shortened(c);
    buf_free(&text);
    contact_free(&back);
}

static void read_contact(const char *text, size_t len)
{
    struct contact contact;
    struct faults faults, warnings;
    faults_init(&faults, 5);
    faults_init(&warnings, 5);
    demand(contact_init(&contact) == 0);
    int rc = contact_read_json(&contact, text, len, &faults, &warnings);
    demand(rc == 0 || rc == ERR_INVALID);
    demand((rc == 0) == (faults_count(&faults) == 0));
    if (rc == 0)
        check_taken(&contact);
    contact_free(&contact);
    faults_free(&faults);
    faults_free(&warnings);
}

static void read_record(const char *bytes, size_t len)
{
    struct contact contact;
    bool is_elsewhere;
    demand(contact_init(&contact) == 0);
    if (contact_record_unpack(&contact, bytes, len, &is_elsewhere) == 0)
        demand(phone_is_valid(contact.phone));
    else
        demand(contact.phone == 0);
    contact_free(&contact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that reading behind it is noticed. */
    char *text = malloc(size + (size == 0));
    demand(text != NULL);
    memcpy(text, data, size);
    read_contact(text, size);
    read_record(text, size);
    free(text);
    return 0;
}
