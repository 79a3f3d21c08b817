/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_record.h"

#include <string.h>

#include "carillon/v1/contact.pb-c.h"
#include "common/base/utf8.h"
#include "common/domain/contact_draft.h"
#include "common/domain/contact_layout.h"
#include "common/domain/phone.h"

/* protobuf-c writes into this; its append cannot fail, so the error is remembered. */
struct record_sink {
    ProtobufCBuffer base;
    struct buf *out;
    int rc;
};

static void append_to_sink(ProtobufCBuffer *base, size_t len, const uint8_t *data)
{
    struct record_sink *sink = (struct record_sink *)base;
    if (sink->rc == 0)
        sink->rc = buf_append(sink->out, data, len);
}

int contact_record_pack(const struct contact *c, struct buf *record, bool *ret_metadata_elsewhere)
{
    Carillon__V1__Contact message = CARILLON__V1__CONTACT__INIT;
    message.phone = c->phone;
    /* The generated type is not const; packing only reads. */
    message.id = (char *)(uintptr_t)c->id;
    message.name = (char *)(uintptr_t)c->name;
    message.email = (char *)(uintptr_t)c->email;
    message.company = (char *)(uintptr_t)c->company;
    message.timezone = (char *)(uintptr_t)c->timezone;
    message.metadata.data = (uint8_t *)(uintptr_t)c->metadata;
    message.metadata.len = c->metadata_len;

    bool is_elsewhere =
        c->metadata_len > 0 && carillon__v1__contact__get_packed_size(&message) > LIMIT_RECORD_INLINE_BYTES;
    if (is_elsewhere) {
        message.metadata = (ProtobufCBinaryData){0};
        message.metadata_elsewhere = true;
    }
    buf_clear(record);
    struct record_sink sink = {.base = {.append = append_to_sink}, .out = record};
    carillon__v1__contact__pack_to_buffer(&message, &sink.base);
    if (sink.rc < 0)
        return sink.rc;
    *ret_metadata_elsewhere = is_elsewhere;
    return 0;
}

/* protobuf-c takes any bytes for a string. */
static int keep_text(struct contact_draft *d, enum contact_text which, const char *text)
{
    size_t len = strlen(text);
    return utf8_is_valid(text, len) ? contact_draft_keep(d, which, text, len) : ERR_INVALID;
}

static int keep_all(struct contact_draft *d, const Carillon__V1__Contact *m)
{
    int rc = keep_text(d, CONTACT_TEXT_ID, m->id);
    if (rc == 0)
        rc = keep_text(d, CONTACT_TEXT_NAME, m->name);
    if (rc == 0)
        rc = keep_text(d, CONTACT_TEXT_EMAIL, m->email);
    if (rc == 0)
        rc = keep_text(d, CONTACT_TEXT_COMPANY, m->company);
    if (rc == 0)
        rc = keep_text(d, CONTACT_TEXT_TIMEZONE, m->timezone);
    if (rc == 0)
        rc = contact_draft_keep_metadata(d, (const char *)m->metadata.data, m->metadata.len);
    if (rc == 0)
        rc = contact_draft_keep_values(d, (const char *)m->values.data, m->values.len);
    return rc;
}

int contact_record_unpack(struct contact *c, const void *record, size_t len, bool *ret_metadata_elsewhere)
{
    struct contact_draft draft;
    int rc = contact_draft_begin(&draft, c, NULL);
    if (rc < 0)
        return rc;
    Carillon__V1__Contact *message = carillon__v1__contact__unpack(NULL, len, record);
    if (!message)
        return ERR_INVALID;
    bool is_twice = message->values.len > 0 && (message->metadata.len > 0 || message->metadata_elsewhere);
    if (!phone_is_valid(message->phone) || is_twice) {
        rc = ERR_INVALID;
        goto cleanup;
    }
    draft.phone = message->phone;
    rc = keep_all(&draft, message);
    if (rc < 0)
        goto cleanup;
    rc = contact_draft_end(&draft);
    if (rc < 0)
        goto cleanup;
    *ret_metadata_elsewhere = message->metadata_elsewhere;
cleanup:
    carillon__v1__contact__free_unpacked(message, NULL);
    return rc;
}

int contact_record_attach_metadata(struct contact *c, const char *metadata, size_t len)
{
    /* The text may move when it grows: the pointers are set anew from where they were. */
    const char *old = buf_str(&c->text);
    struct contact_draft draft = {.contact = c, .phone = c->phone};
    draft.starts[CONTACT_TEXT_ID] = (size_t)(c->id - old);
    draft.starts[CONTACT_TEXT_NAME] = (size_t)(c->name - old);
    draft.starts[CONTACT_TEXT_EMAIL] = (size_t)(c->email - old);
    draft.starts[CONTACT_TEXT_COMPANY] = (size_t)(c->company - old);
    draft.starts[CONTACT_TEXT_TIMEZONE] = (size_t)(c->timezone - old);
    int rc = contact_draft_keep_metadata(&draft, metadata, len);
    if (rc < 0)
        draft.metadata_start = draft.metadata_len = 0;
    int end_rc = contact_draft_end(&draft);
    return rc < 0 ? rc : end_rc;
}

int contact_record_attach_columns(struct contact *c, const char *columns, size_t len)
{
    struct buf metadata;
    if (c->values_len == 0)
        return 0;
    buf_init(&metadata, LIMIT_METADATA_BYTES);
    int rc = contact_layout_restore(columns, len, c->values, c->values_len, &metadata);
    if (rc == 0)
        rc = contact_record_attach_metadata(c, buf_str(&metadata), buf_len(&metadata));
    buf_free(&metadata);
    return rc;
}
