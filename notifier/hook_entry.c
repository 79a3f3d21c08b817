/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/hook_entry.h"

#include <string.h>

#include "common/base/ident.h"
#include "common/domain/contact_record.h"
#include "common/domain/webhook_url.h"
#include "common/redis/reply.h"

/* The places in an item, in its batch and in its call: hook_read.lua. */
enum { ITEM_SHARD, ITEM_STREAM_ID, ITEM_FIELDS, ITEM_BATCH, ITEM_CALL, ITEM_COUNT };
enum {
    BATCH_AGENT_ID,
    BATCH_USER_ID,
    BATCH_TAGS,
    BATCH_ON_CALL_COMPLETE,
    BATCH_ON_CALL_ATTEMPT,
    BATCH_ON_BATCH_COMPLETE,
    BATCH_ON_BATCH_FAILED,
    BATCH_ON_EVENT,
    BATCH_CREATED_MS,
    BATCH_STARTED_MS,
    BATCH_COMPLETED_MS,
    BATCH_TOTAL,
    BATCH_SUCCEEDED,
    BATCH_FAILED,
    BATCH_COLUMNS,
    BATCH_COUNT
};
enum { CALL_RECORD, CALL_EXTRA, CALL_STATE, CALL_SUMMARY, CALL_RECORDING, CALL_SUCCESS, CALL_COUNT };

static struct render_text text_of(const struct redisReply *reply)
{
    struct render_text text = {NULL, 0};
    if (reply_str(reply, &text.data, &text.len) < 0)
        return (struct render_text){NULL, 0};
    return text;
}

/* A count or an instant up to `most`; 0 where it is absent or makes no sense. */
static int64_t number_of(const struct redisReply *reply, int64_t most)
{
    int64_t value = 0;
    return reply_i64(reply, &value) == 0 && value >= 0 && value <= most ? value : 0;
}

static int64_t count_of(const struct redisReply *reply)
{
    return number_of(reply, LIMIT_COUNT);
}

static int64_t instant_of(const struct redisReply *reply)
{
    return number_of(reply, LIMIT_INSTANT_MS);
}

static int invalid(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_INVALID;
}

static int read_fields(const struct redisReply *fields, struct hook_entry *e, const char **ret_why)
{
    struct render_text tenant = text_of(reply_field(fields, "tenant"));
    struct render_text type = text_of(reply_field(fields, "type"));
    enum event_type named;
    e->event_id = text_of(reply_field(fields, "id"));
    if (!e->event_id.data || event_id_parse(e->event_id.data, e->event_id.len, &e->event.ref) < 0)
        return invalid(ret_why, "its id is not an event's");
    if (!type.data || event_type_from_name(type.data, type.len, &named) < 0 || named != e->event.ref.type)
        return invalid(ret_why, "its type is not its id's");
    if (!tenant.data || !ident_is_valid(tenant.data, tenant.len, LIMIT_ID_LEN))
        return invalid(ret_why, "its tenant is not one");
    e->tenant = tenant.data;
    e->again = text_of(reply_field(fields, "delivery"));
    e->again_endpoint = text_of(reply_field(fields, "endpoint"));
    e->event.at_ms = instant_of(reply_field(fields, "at"));
    e->event.seq = count_of(reply_field(fields, "seq"));
    e->event.error = text_of(reply_field(fields, "error"));
    e->event.code = text_of(reply_field(fields, "code"));
    e->event.reason = text_of(reply_field(fields, "reason"));
    return 0;
}

/* Where the URL for events of that type alone is; BATCH_COUNT: nowhere. */
static size_t url_place(enum event_type type)
{
    switch (type) {
    case EVENT_CALL_COMPLETED:
        return BATCH_ON_CALL_COMPLETE;
    case EVENT_CALL_ATTEMPT:
        return BATCH_ON_CALL_ATTEMPT;
    case EVENT_BATCH_STARTED:
    case EVENT_BATCH_PAUSED:
    case EVENT_BATCH_CANCELLED:
        return BATCH_COUNT;
    case EVENT_BATCH_COMPLETED:
        return BATCH_ON_BATCH_COMPLETE;
    case EVENT_BATCH_FAILED:
        return BATCH_ON_BATCH_FAILED;
    }
    return BATCH_COUNT;
}

/* Adds `text` where it is a URL and no target yet: a URL gets an event once, whatever it was named for. */
static int add_target(struct hook_entry *e, struct render_text text, const char **ret_why)
{
    struct webhook_url url;
    struct hook_target *target = &e->targets[e->n_targets];
    if (!text.data ||
        (e->n_targets > 0 && target[-1].url.len == text.len && memcmp(target[-1].url.data, text.data, text.len) == 0))
        return 0;
    if (webhook_url_parse(text.data, text.len, &url, NULL) < 0)
        return invalid(ret_why, "its batch's URL does not read");
    target->url = text;
    e->n_targets++;
    return endpoint_id_make(e->tenant, url.origin, target->endpoint_id);
}

static int read_targets(const struct redisReply *batch, struct hook_entry *e, const char **ret_why)
{
    int err = add_target(e, text_of(reply_at(batch, url_place(e->event.ref.type))), ret_why);
    if (!err)
        err = add_target(e, text_of(reply_at(batch, BATCH_ON_EVENT)), ret_why);
    if (!err && e->n_targets == 0)
        err = invalid(ret_why, "its batch has no URL for it");
    return err;
}

static int read_batch(const struct redisReply *batch, struct hook_entry *e, const char **ret_why)
{
    if (reply_len(batch) != BATCH_COUNT)
        return invalid(ret_why, "its batch is gone");
    e->event.batch = (struct render_batch){
        .agent_id = text_of(reply_at(batch, BATCH_AGENT_ID)),
        .user_id = text_of(reply_at(batch, BATCH_USER_ID)),
        .tags = text_of(reply_at(batch, BATCH_TAGS)),
        .created_ms = instant_of(reply_at(batch, BATCH_CREATED_MS)),
        .started_ms = instant_of(reply_at(batch, BATCH_STARTED_MS)),
        .completed_ms = instant_of(reply_at(batch, BATCH_COMPLETED_MS)),
        .statistics = {.total = count_of(reply_at(batch, BATCH_TOTAL)),
                       .succeeded = count_of(reply_at(batch, BATCH_SUCCEEDED)),
                       .failed = count_of(reply_at(batch, BATCH_FAILED))},
    };
    return read_targets(batch, e, ret_why);
}

static enum render_success success_of(struct render_text text)
{
    if (!text.data || text.len != 1)
        return RENDER_SUCCESS_UNSAID;
    return text.data[0] == '1' ? RENDER_SUCCESS_YES : RENDER_SUCCESS_NO;
}

static int read_contact(const struct redisReply *batch, const struct redisReply *call, struct contact *contact,
                        const char **ret_why)
{
    struct render_text columns = text_of(reply_at(batch, BATCH_COLUMNS));
    struct render_text record = text_of(reply_at(call, CALL_RECORD));
    struct render_text extra = text_of(reply_at(call, CALL_EXTRA));
    bool is_elsewhere = false;
    if (!record.data)
        return invalid(ret_why, "its contact is gone");
    int err = contact_record_unpack(contact, record.data, record.len, &is_elsewhere);
    if (!err && is_elsewhere && extra.data)
        err = contact_record_attach_metadata(contact, extra.data, extra.len);
    if (!err)
        err = contact_record_attach_columns(contact, columns.data ? columns.data : "", columns.len);
    return err == ERR_INVALID || err == ERR_NOT_FOUND ? invalid(ret_why, "its contact does not read") : err;
}

static bool read_state(struct render_text text, struct call_text *ret_state)
{
    return text.data && call_text_parse(text.data, text.len, ret_state) == 0;
}

/* An attempt is told as it was when it ended: its event carries that state. Where another dial has begun meanwhile, the
 * texts may be that one's, and are left out. */
static int read_call(const struct redisReply *item, struct contact *contact, struct hook_entry *e, const char **ret_why)
{
    struct call_text now;
    const struct redisReply *call = reply_at(item, ITEM_CALL);
    struct render_text kept = text_of(reply_field(reply_at(item, ITEM_FIELDS), "state"));
    if (reply_len(call) != CALL_COUNT)
        return invalid(ret_why, "it names no call");
    if (!read_state(text_of(reply_at(call, CALL_STATE)), &now))
        return invalid(ret_why, "its call's state does not read");
    e->event.call.state = now;
    if (e->event.ref.type == EVENT_CALL_ATTEMPT && !read_state(kept, &e->event.call.state))
        return invalid(ret_why, "its attempt's state does not read");
    if (now.last_begun == e->event.call.state.last_begun) {
        e->event.call.summary = text_of(reply_at(call, CALL_SUMMARY));
        e->event.call.recording_url = text_of(reply_at(call, CALL_RECORDING));
        e->event.call.success = success_of(text_of(reply_at(call, CALL_SUCCESS)));
    }
    e->event.call.contact = contact;
    return read_contact(reply_at(item, ITEM_BATCH), call, contact, ret_why);
}

int hook_entry_read(const struct redisReply *item, struct contact *contact, struct hook_entry *ret_entry,
                    const char **ret_why)
{
    struct hook_entry entry;
    memset(&entry, 0, sizeof entry);
    entry.shard = text_of(reply_at(item, ITEM_SHARD));
    entry.stream_id = text_of(reply_at(item, ITEM_STREAM_ID));
    if (reply_len(item) != ITEM_COUNT || !entry.shard.data || !entry.stream_id.data)
        return ERR_PROTOCOL;
    int err = read_fields(reply_at(item, ITEM_FIELDS), &entry, ret_why);
    if (!err)
        err = read_batch(reply_at(item, ITEM_BATCH), &entry, ret_why);
    if (!err && event_type_is_call(entry.event.ref.type))
        err = read_call(item, contact, &entry, ret_why);
    if (!err || err == ERR_INVALID)
        *ret_entry = entry;
    return err;
}
