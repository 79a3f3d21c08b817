/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_body.h"

#include <stdlib.h>

#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "common/json/json.h"

struct ingest_body {
    struct json_cutter *cutter;
    struct batch_request request;
    struct contact contact; /* the one being read */
    struct ingest_pack *pack;
    struct faults faults;
    struct faults warnings;
    uint64_t n_contacts;
    bool is_draft;
    struct dry_run *dry_run;
};

static int on_member(const char *key, const char *value, size_t len, void *arg)
{
    struct ingest_body *b = arg;
    return batch_request_member(&b->request, key, value, len, &b->faults);
}

static int on_array(void *arg)
{
    struct ingest_body *b = arg;
    batch_request_contacts_begin(&b->request);
    return 0;
}

static int on_element(size_t index, const char *value, size_t len, void *arg)
{
    struct ingest_body *b = arg;
    if (index >= LIMIT_INLINE_CONTACTS)
        return ERR_DENIED; /* told from the cutter's own ERR_TOO_LARGE */
    b->n_contacts = index + 1;
    struct faults *faults = b->dry_run ? dry_run_faults(b->dry_run) : &b->faults;
    faults_at(faults, "contacts[%zu]", index);
    faults_at(&b->warnings, "contacts[%zu]", index);
    int err = contact_read_json(&b->contact, value, len, faults, &b->warnings);
    faults_at(faults, "%s", "");
    faults_at(&b->warnings, "%s", "");
    if (err == ERR_INVALID && b->dry_run)
        dry_run_reject(b->dry_run);
    if (err == ERR_INVALID)
        return 0;
    if (!err && b->dry_run)
        err = dry_run_take(b->dry_run, &b->contact, index, &b->warnings);
    else if (!err && faults_count(&b->faults) == 0)
        err = ingest_pack_add(b->pack, &b->contact, index + 1);
    return err;
}

int ingest_body_create(bool is_draft, struct dry_run *dry_run, struct ingest_body **ret_body)
{
    struct ingest_body *b = calloc(1, sizeof *b);
    if (!b)
        return ERR_NOMEM;
    b->is_draft = is_draft;
    b->dry_run = dry_run;
    faults_init(&b->faults, LIMIT_FAULTS);
    faults_init(&b->warnings, LIMIT_WARNINGS);
    const struct json_cutter_config config = {
        .array_key = "contacts",
        .element_max = LIMIT_CONTACT_JSON_BYTES,
        .member_max = LIMIT_OPTIONS_JSON_BYTES,
        .on_member = on_member,
        .on_array = on_array,
        .on_element = on_element,
        .arg = b,
    };
    int err = contact_init(&b->contact);
    if (!err)
        err = ingest_pack_create(&b->pack);
    if (!err)
        err = json_cutter_create(&config, &b->cutter);
    if (err) {
        ingest_body_free(b);
        return err;
    }
    *ret_body = b;
    return 0;
}

void ingest_body_free(struct ingest_body *b)
{
    if (!b)
        return;
    json_cutter_free(b->cutter);
    batch_request_free(&b->request);
    contact_free(&b->contact);
    ingest_pack_free(b->pack);
    faults_free(&b->faults);
    faults_free(&b->warnings);
    free(b);
}

/* With a fault nothing will be written any more: what waits for it can go. */
static void drop_useless(struct ingest_body *b)
{
    if (faults_count(&b->faults) > 0)
        ingest_pack_clear(b->pack);
}

static int cut(struct ingest_body *b, int err, const struct json_fault *fault)
{
    if (err == ERR_DENIED)
        return ERR_TOO_LARGE;
    if (err == ERR_INVALID || err == ERR_TOO_LARGE) {
        const char *code = err == ERR_INVALID ? FAULT_SYNTAX : FAULT_LENGTH;
        faults_add_path(&b->faults, code, fault->reason, "%s", fault->path);
        err = ERR_INVALID;
    }
    drop_useless(b);
    return err;
}

int ingest_body_feed(struct ingest_body *b, const char *data, size_t len)
{
    struct json_fault fault = {.path = "", .reason = "is too large"};
    return cut(b, json_cutter_feed(b->cutter, data, len, &fault), &fault);
}

int ingest_body_finish(struct ingest_body *b)
{
    struct json_fault fault = {.path = "", .reason = "is cut short"};
    int err = cut(b, json_cutter_finish(b->cutter, &fault), &fault);
    if (err)
        return err;
    batch_request_finish(&b->request, b->n_contacts, b->is_draft, &b->faults);
    drop_useless(b);
    return 0;
}

const struct batch_request *ingest_body_request(const struct ingest_body *b)
{
    return &b->request;
}

uint64_t ingest_body_contacts(const struct ingest_body *b)
{
    return b->n_contacts;
}

struct ingest_pack *ingest_body_pack(struct ingest_body *b)
{
    return b->pack;
}

struct faults *ingest_body_faults(struct ingest_body *b)
{
    return &b->faults;
}

struct faults *ingest_body_warnings(struct ingest_body *b)
{
    return &b->warnings;
}
