/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/submission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/domain/contact_csv.h"
#include "common/json/json.h"

#define READ_PIECE 65536
#define REJECTIONS_SHOWN 50

/* Reading a CSV file into the elements of contacts[]. */
struct import {
    const char *path;
    struct contact_columns *columns;
    struct contact contact;
    struct buf elements; /* JSON objects with commas between */
    size_t n_contacts;
    size_t n_rejected;
};

static void reject(struct import *im, uint64_t row, const char *code, const char *field, const char *message)
{
    im->n_rejected++;
    if (im->n_rejected > REJECTIONS_SHOWN)
        return;
    fprintf(stderr, "%s: row %" PRIu64 ": %s%s%s (%s)\n", im->path, row, field, field[0] ? " " : "", message, code);
    if (im->n_rejected == REJECTIONS_SHOWN)
        fprintf(stderr, "%s: further rejected rows are only counted\n", im->path);
}

static void reject_by(struct import *im, uint64_t row, const struct faults *faults)
{
    if (faults->n > 0)
        reject(im, row, faults->items[0].code, faults->items[0].path, faults->items[0].message);
    else
        reject(im, row, FAULT_ROW, "", "cannot be read");
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct import *im = arg;
    struct faults faults, warnings;
    faults_init(&faults, LIMIT_FAULTS);
    faults_init(&warnings, LIMIT_WARNINGS);
    int rc = contact_columns_create(fields, n, &faults, &warnings, &im->columns);
    for (size_t i = 0; i < faults.n; i++)
        fprintf(stderr, "%s: row %" PRIu64 ": %s %s (%s)\n", im->path, at.row, faults.items[i].path,
                faults.items[i].message, faults.items[i].code);
    for (size_t i = 0; i < warnings.n; i++)
        fprintf(stderr, "%s: warning: %s %s\n", im->path, warnings.items[i].path, warnings.items[i].message);
    faults_free(&warnings);
    faults_free(&faults);
    return rc;
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct import *im = arg;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    int rc = contact_read_csv_row(&im->contact, im->columns, fields, n, &faults);
    if (rc == ERR_INVALID) {
        reject_by(im, at.row, &faults);
        rc = 0;
    } else if (rc == 0 && im->n_contacts == LIMIT_INLINE_CONTACTS) {
        fprintf(stderr, "%s: more than %d contacts\n", im->path, LIMIT_INLINE_CONTACTS);
        rc = ERR_TOO_LARGE;
    } else if (rc == 0) {
        rc = im->n_contacts > 0 ? buf_append_char(&im->elements, ',') : 0;
        if (rc == 0)
            rc = contact_print_json(&im->contact, &im->elements);
        im->n_contacts++;
    }
    faults_free(&faults);
    return rc;
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    reject(arg, at.row, csv_fault_name(fault), "", detail);
    return 0;
}

static int read_pieces(struct csv_reader *reader, FILE *file)
{
    char *piece = malloc(READ_PIECE);
    int rc = piece ? 0 : ERR_NOMEM;
    size_t len;
    while (rc == 0 && (len = fread(piece, 1, READ_PIECE, file)) > 0)
        rc = csv_reader_feed(reader, piece, len);
    if (rc == 0 && ferror(file))
        rc = ERR_IO;
    if (rc == 0)
        rc = csv_reader_finish(reader);
    free(piece);
    return rc;
}

static int import_file(struct import *im)
{
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = im};
    struct csv_reader *reader = NULL;
    FILE *file = fopen(im->path, "rbe");
    if (!file) {
        fprintf(stderr, "carillon: %s: %s\n", im->path, strerror(errno));
        return ERR_IO;
    }
    int rc = csv_reader_create(&config, &reader);
    if (rc == 0)
        rc = read_pieces(reader, file);
    if (rc == ERR_NOT_FOUND)
        fprintf(stderr, "carillon: %s: holds no header\n", im->path);
    else if (rc != 0)
        fprintf(stderr, "carillon: %s: %s\n", im->path, err_name(rc));
    else if (im->n_rejected > 0)
        fprintf(stderr, "%s: %zu rows rejected, %zu contacts\n", im->path, im->n_rejected, im->n_contacts);
    csv_reader_free(reader);
    (void)fclose(file); /* only read from */
    return rc;
}

/* The campaign's own text up to its closing brace, then the imported contacts. */
static int join(cJSON *campaign, const struct import *im, struct submission *ret)
{
    struct buf own, out;
    buf_init(&own, LIMIT_BODY_BYTES);
    buf_init(&out, LIMIT_BODY_BYTES + 4096);
    cJSON_DeleteItemFromObjectCaseSensitive(campaign, "contacts");
    int rc = json_print(campaign, &own);
    if (rc == 0)
        rc = buf_append(&out, buf_str(&own), buf_len(&own) - 1);
    if (rc == 0)
        rc = buf_append_str(&out, campaign->child ? ",\"contacts\":[" : "\"contacts\":[");
    if (rc == 0)
        rc = buf_append(&out, buf_str(&im->elements), buf_len(&im->elements));
    if (rc == 0)
        rc = buf_append_str(&out, "]}");
    if (rc == 0) {
        ret->body = buf_take(&out, &ret->len);
        rc = ret->body ? 0 : ERR_NOMEM;
    }
    if (rc != 0)
        fprintf(stderr, "carillon: the campaign is too large: %s\n", err_name(rc));
    buf_free(&own);
    buf_free(&out);
    return rc;
}

static int with_contacts_of(const char *path, cJSON *campaign, struct submission *ret)
{
    struct import im = {.path = path};
    buf_init(&im.elements, LIMIT_BODY_BYTES);
    int rc = contact_init(&im.contact);
    if (rc == 0)
        rc = import_file(&im);
    if (rc == 0)
        rc = join(campaign, &im, ret);
    ret->n_contacts = im.n_contacts;
    ret->n_rejected = im.n_rejected;
    contact_columns_free(im.columns);
    contact_free(&im.contact);
    buf_free(&im.elements);
    return rc;
}

int submission_read(const char *campaign_path, const char *contacts_path, struct submission *ret_submission)
{
    struct submission result = {0};
    struct json_fault fault;
    cJSON *campaign = NULL;
    char *text = NULL;
    size_t len;
    int rc = file_read(campaign_path, LIMIT_BODY_BYTES, &text, &len);
    if (rc != 0) {
        fprintf(stderr, "carillon: %s: %s\n", campaign_path, rc == ERR_IO ? strerror(errno) : err_name(rc));
        return rc;
    }
    rc = json_parse(text, len, &campaign, &fault);
    if (rc != 0)
        fprintf(stderr, "carillon: %s: byte %zu%s%s: %s\n", campaign_path, fault.offset, fault.path[0] ? ", " : "",
                fault.path, fault.reason);
    if (rc == 0 && !cJSON_IsObject(campaign)) {
        fprintf(stderr, "carillon: %s: not a JSON object\n", campaign_path);
        rc = ERR_INVALID;
    }
    if (rc == 0 && contacts_path) {
        rc = with_contacts_of(contacts_path, campaign, &result);
    } else if (rc == 0) {
        result.n_contacts = (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(campaign, "contacts"));
        result.body = text;
        result.len = len;
        text = NULL;
    }
    cJSON_Delete(campaign);
    free(text);
    if (rc == 0)
        *ret_submission = result;
    return rc;
}

void submission_free(struct submission *submission)
{
    free(submission->body);
    submission->body = NULL;
}
