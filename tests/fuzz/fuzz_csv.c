/* SPDX-License-Identifier: Apache-2.0
 *
 * A CSV file from a stranger, as it is read for a campaign: rows to contacts to records. The first byte says in which
 * pieces it arrives; that must change nothing.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/contact_csv.h"
#include "common/domain/contact_layout.h"
#include "common/domain/contact_record.h"
#include "common/domain/csv.h"
#include "common/domain/phone.h"
#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

struct reading {
    struct contact contact;
    struct contact_columns *columns;
    struct faults faults;
    size_t n_columns;
    struct csv_position last;
    /* What came out, to be compared between two ways of cutting. */
    uint64_t sum;
};

static void add_to_sum(struct reading *r, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        r->sum = (r->sum ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
    r->sum = (r->sum ^ len) * UINT64_C(1099511628211);
}

static void check_position(struct reading *r, struct csv_position at)
{
    demand(at.row > r->last.row && at.line > r->last.line && at.line >= at.row);
    r->last = at;
}

static void check_fields(struct reading *r, const struct csv_field *fields, size_t n)
{
    demand(n >= 1 && n <= CSV_MAX_FIELDS);
    for (size_t i = 0; i < n; i++) {
        demand(fields[i].len <= CSV_MAX_FIELD_BYTES && strlen(fields[i].text) == fields[i].len);
        demand(utf8_is_valid(fields[i].text, fields[i].len));
        add_to_sum(r, fields[i].text, fields[i].len);
    }
}

/* A record without what its metadata has in common with others gives the same contact. */
static void check_shortened(const struct contact *c, const struct buf *record)
{
    struct contact_layout *layout = NULL;
    struct contact back;
    struct buf shortened;
    bool is_elsewhere;
    size_t len;
    buf_init(&shortened, 1 << 16);
    demand(contact_init(&back) == 0 && contact_layout_create(&layout) == 0);
    demand(contact_layout_shorten(layout, buf_str(record), buf_len(record), &shortened) == 0);
    const char *columns = contact_layout_text(layout, &len);
    demand(contact_record_unpack(&back, buf_str(&shortened), buf_len(&shortened), &is_elsewhere) == 0);
    demand(contact_record_attach_columns(&back, columns, len) == 0);
    demand(back.phone == c->phone && strcmp(back.id, c->id) == 0 && strcmp(back.name, c->name) == 0);
    demand(back.metadata_len == c->metadata_len && memcmp(back.metadata, c->metadata, c->metadata_len) == 0);
    contact_layout_free(layout);
    contact_free(&back);
    buf_free(&shortened);
}

/* A contact that was taken survives its record, and its metadata is JSON. */
static void check_contact(const struct contact *c)
{
    struct buf record;
    struct contact back;
    bool is_elsewhere;
    demand(phone_is_valid(c->phone));
    if (c->metadata_len > 0) {
        cJSON *tree;
        demand(c->metadata_len <= LIMIT_METADATA_BYTES);
        demand(json_parse(c->metadata, c->metadata_len, &tree, NULL) == 0 && cJSON_IsObject(tree));
        cJSON_Delete(tree);
    }
    buf_init(&record, 1 << 16);
    demand(contact_init(&back) == 0);
    demand(contact_record_pack(c, &record, &is_elsewhere) == 0);
    demand(contact_record_unpack(&back, buf_str(&record), buf_len(&record), &is_elsewhere) == 0);
    demand(back.phone == c->phone && strcmp(back.id, c->id) == 0 && strcmp(back.name, c->name) == 0);
    demand(is_elsewhere || strcmp(back.metadata, c->metadata) == 0);
    check_shortened(&back, &record);
    contact_free(&back);
    buf_free(&record);
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct reading *r = arg;
    check_position(r, at);
    check_fields(r, fields, n);
    r->n_columns = n;
    return contact_columns_create(fields, n, &r->faults, &r->faults, &r->columns);
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct reading *r = arg;
    check_position(r, at);
    check_fields(r, fields, n);
    demand(n == r->n_columns);
    uint64_t before = faults_count(&r->faults);
    int rc = contact_read_csv_row(&r->contact, r->columns, fields, n, &r->faults);
    demand(rc == 0 || (rc == ERR_INVALID && faults_count(&r->faults) > before));
    if (rc == 0)
        check_contact(&r->contact);
    return 0;
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct reading *r = arg;
    check_position(r, at);
    demand(csv_fault_name(fault) != NULL && detail[0] != '\0');
    add_to_sum(r, detail, strlen(detail));
    return 0;
}

static uint64_t read_file(const char *text, size_t len, size_t piece, int *ret_rc)
{
    struct reading r = {0};
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = &r};
    struct csv_reader *reader;
    faults_init(&r.faults, 10);
    demand(contact_init(&r.contact) == 0);
    demand(csv_reader_create(&config, &reader) == 0);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len; at += piece)
        rc = csv_reader_feed(reader, text + at, len - at < piece ? len - at : piece);
    if (rc == 0)
        rc = csv_reader_finish(reader);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_NOT_FOUND);
    csv_reader_free(reader);
    contact_columns_free(r.columns);
    contact_free(&r.contact);
    faults_free(&r.faults);
    *ret_rc = rc;
    return r.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    /* A copy of exactly this size, so that reading behind it is noticed. */
    size_t len = size - 1;
    char *text = malloc(len);
    demand(text != NULL);
    memcpy(text, data + 1, len);
    int whole_rc, cut_rc;
    uint64_t whole = read_file(text, len, len, &whole_rc);
    uint64_t cut = read_file(text, len, 1 + data[0] % 7, &cut_rc);
    demand(whole == cut && whole_rc == cut_rc);
    free(text);
    return 0;
}
