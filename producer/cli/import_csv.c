/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/import_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/domain/contact_csv.h"
#include "producer/cli/out.h"

#define PIECE 65536
#define FAULTS_TOLD 50

struct reading {
    const char *name;
    struct contact_columns *columns;
    struct contact contact;
    struct import_csv import;
    size_t n_told;
    bool is_told; /* why the reading ends */
};

/* ---- faults ---- */

static void tell(struct reading *r, uint64_t row, const char *field, const char *message, const char *code)
{
    if (r->n_told < FAULTS_TOLD)
        out_note("%s: row %" PRIu64 ": %s%s%s (%s)", r->name, row, field, field[0] ? " " : "", message, code);
    else if (r->n_told == FAULTS_TOLD)
        out_note("%s: further faults are not listed", r->name);
    r->n_told++;
}

static void reject(struct reading *r, uint64_t row, const struct faults *faults)
{
    r->import.n_rejected++;
    for (size_t i = 0; i < faults->n; i++)
        tell(r, row, faults->items[i].path, faults->items[i].message, faults->items[i].code);
    if (faults->n == 0)
        tell(r, row, "", "cannot be read", FAULT_ROW);
}

/* ---- rows ---- */

static void tell_columns(const char *name, struct csv_position at, const struct faults *faults,
                         const struct faults *warnings)
{
    for (size_t i = 0; i < faults->n; i++)
        out_note("%s: row %" PRIu64 ": %s %s (%s)", name, at.row, faults->items[i].path, faults->items[i].message,
                 faults->items[i].code);
    for (size_t i = 0; i < warnings->n; i++)
        out_note("%s: warning: %s %s", name, warnings->items[i].path, warnings->items[i].message);
}

int import_csv_header(const char *name, struct csv_position at, const struct csv_field *fields, size_t n,
                      struct contact_columns **ret_columns)
{
    struct faults faults, warnings;
    faults_init(&faults, LIMIT_FAULTS);
    faults_init(&warnings, LIMIT_WARNINGS);
    int rc = contact_columns_create(fields, n, &faults, &warnings, ret_columns);
    tell_columns(name, at, &faults, &warnings);
    faults_free(&warnings);
    faults_free(&faults);
    return rc;
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct reading *r = arg;
    int rc = import_csv_header(r->name, at, fields, n, &r->columns);
    r->is_told = rc == ERR_INVALID;
    return rc;
}

static int take_contact(struct reading *r, uint64_t row)
{
    struct import_csv *im = &r->import;
    if (im->n_contacts == LIMIT_INLINE_CONTACTS)
        return ERR_TOO_LARGE;
    int rc = im->n_contacts > 0 ? buf_append_char(&im->elements, ',') : 0;
    if (rc == 0)
        rc = contact_print_json(&r->contact, &im->elements);
    if (rc == ERR_NOMEM && buf_len(&im->elements) + LIMIT_CONTACT_JSON_BYTES > LIMIT_BODY_BYTES)
        return ERR_TOO_LARGE;
    if (rc == 0)
        im->rows[im->n_contacts++] = row;
    return rc;
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct reading *r = arg;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    int rc = contact_read_csv_row(&r->contact, r->columns, fields, n, &faults);
    if (rc == ERR_INVALID) {
        reject(r, at.row, &faults);
        rc = 0;
    } else if (rc == 0) {
        rc = take_contact(r, at.row);
    }
    faults_free(&faults);
    return rc;
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct reading *r = arg;
    r->import.n_rejected++;
    r->is_told = r->columns == NULL; /* the header's: it ends the reading */
    tell(r, at.row, "", detail, csv_fault_name(fault));
    return 0;
}

/* ---- the file ---- */

static int feed(struct csv_reader *reader, FILE *file)
{
    char *piece = malloc(PIECE);
    int rc = piece ? 0 : ERR_NOMEM;
    size_t len;
    while (rc == 0 && (len = fread(piece, 1, PIECE, file)) > 0)
        rc = csv_reader_feed(reader, piece, len);
    int read_errno = errno;
    if (rc == 0 && ferror(file))
        rc = ERR_IO;
    if (rc == 0)
        rc = csv_reader_finish(reader);
    free(piece);
    errno = read_errno;
    return rc;
}

static int read_file(struct reading *r, FILE *file)
{
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = r};
    struct csv_reader *reader;
    int rc = csv_reader_create(&config, &reader);
    if (rc != 0)
        return rc;
    rc = feed(reader, file);
    csv_reader_free(reader);
    return rc;
}

/* The end of the reading in words. */
static int conclude(struct reading *r, int rc)
{
    struct import_csv *im = &r->import;
    if (rc == ERR_NOT_FOUND) {
        out_complain("%s: is empty: its first row must name the columns, one of them phoneNumber", r->name);
        return ERR_INVALID;
    }
    if (rc == ERR_IO)
        out_complain("%s: %s", r->name, strerror(errno));
    else if (rc != 0 && rc != ERR_TOO_LARGE && !r->is_told)
        out_complain("%s: cannot be read: %s", r->name, err_name(rc));
    if (rc != 0)
        return rc;
    if (im->n_rejected > 0)
        out_note("%s: %zu %s left out, %zu %s", r->name, im->n_rejected, im->n_rejected == 1 ? "row" : "rows",
                 im->n_contacts, im->n_contacts == 1 ? "contact" : "contacts");
    if (im->n_contacts > 0)
        return 0;
    out_complain("%s: holds no contact", r->name);
    return ERR_INVALID;
}

int import_csv_read(const struct contacts_file *file, struct import_csv *ret_import)
{
    struct reading r = {.name = file->name};
    buf_init(&r.import.elements, LIMIT_BODY_BYTES);
    r.import.rows = calloc(LIMIT_INLINE_CONTACTS, sizeof *r.import.rows);
    int rc = r.import.rows ? contact_init(&r.contact) : ERR_NOMEM;
    if (rc == 0)
        rc = read_file(&r, file->file);
    rc = conclude(&r, rc);
    contact_columns_free(r.columns);
    contact_free(&r.contact);
    if (rc == 0)
        *ret_import = r.import;
    else
        import_csv_clear(&r.import);
    return rc;
}

void import_csv_clear(struct import_csv *import)
{
    buf_free(&import->elements);
    free(import->rows);
    import->rows = NULL;
}
