/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies in Redis, which is input like any other: a newer fleet, an older one, an operator with redis-cli, or a bug
 * may have written it. The first byte chooses the reader, the rest is what it finds (tests/support/reply_text.h).
 * What is taken keeps its bounds, comes out as sound JSON, and reads the same when it is written again.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/call_text.h"
#include "common/domain/contact_record.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "notifier/hook_entry.h"
#include "producer/batch_report.h"
#include "tests/support/reply_text.h"
#include "worker/settings_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)1 << 20)
#define NOW_MS INT64_C(1764000000000)

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* What goes out to a tenant is JSON for the strictest reader. */
static void check_json(const char *text, size_t len)
{
    cJSON *tree;
    demand(json_parse(text, len, &tree, NULL) == 0);
    cJSON_Delete(tree);
}

static void check_tree(cJSON *tree)
{
    struct buf text;
    demand(tree != NULL);
    buf_init(&text, TEXT_MAX);
    demand(json_print(tree, &text) == 0);
    check_json(buf_str(&text), buf_len(&text));
    buf_free(&text);
}

/* ---- a call's state ---- */

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text > 0x7E)
            return false;
    }
    return true;
}

static void check_same_call(const struct call_text *a, const struct call_text *b)
{
    demand(a->state == b->state && a->attempts == b->attempts && a->dials == b->dials);
    demand(a->last_begun == b->last_begun && a->was_given_back == b->was_given_back);
    demand(a->has_outcome == b->has_outcome && a->outcome == b->outcome);
    demand(a->begin_ms == b->begin_ms && a->deadline_ms == b->deadline_ms && a->absent_ms == b->absent_ms);
    demand(a->answered_ms == b->answered_ms && a->ended_ms == b->ended_ms && a->next_ms == b->next_ms);
    demand(a->duration_s == b->duration_s && a->phone == b->phone && a->caller == b->caller);
    demand(a->must_stop == b->must_stop);
    demand(strcmp(a->provider_id, b->provider_id) == 0 && strcmp(a->worker, b->worker) == 0);
}

static void read_call(const struct redisReply *reply)
{
    const char *text;
    size_t len;
    struct call_text call, again;
    char written[1024];
    if (reply_str(reply, &text, &len) != 0 || call_text_parse(text, len, &call) != 0)
        return;
    demand(call_state_name(call.state) != NULL && outcome_name(call.outcome) != NULL);
    demand(call.attempts >= 0 && call.begin_ms >= 0 && call.deadline_ms >= 0 && call.next_ms >= 0);
    demand(call.duration_s >= -1);
    demand(is_plain(call.provider_id) && is_plain(call.worker));
    int n = snprintf(written, sizeof written,
                     "phase=%s a=%" PRId32 " d=%" PRIu32 " l=%" PRIu32 " b=%" PRId64 " h=%" PRId64 " z=%" PRId64
                     " s=%" PRId64 " e=%" PRId64 " n=%" PRId64 " t=%" PRIu64 " p=%s w=%s%s",
                     call_state_name(call.state), call.attempts, call.dials, call.last_begun, call.begin_ms,
                     call.deadline_ms, call.absent_ms, call.answered_ms, call.ended_ms, call.next_ms, call.phone,
                     call.provider_id, call.worker, call.was_given_back ? " g=1" : "");
    if (call.caller > 0)
        n += snprintf(written + n, sizeof written - (size_t)n, " m=%" PRIu64, call.caller);
    if (call.must_stop)
        n += snprintf(written + n, sizeof written - (size_t)n, " y=1");
    if (call.has_outcome)
        n += snprintf(written + n, sizeof written - (size_t)n, " x=%s", outcome_name(call.outcome));
    if (call.duration_s >= 0)
        n += snprintf(written + n, sizeof written - (size_t)n, " u=%" PRId64, call.duration_s);
    demand(call_text_parse(written, (size_t)n, &again) == 0);
    check_same_call(&call, &again);
}

/* ---- a contact ---- */

static void read_contact(const struct redisReply *reply)
{
    const char *bytes;
    size_t len;
    struct contact contact, again;
    struct buf record;
    bool is_elsewhere, is_elsewhere_again;
    if (reply_str(reply, &bytes, &len) != 0)
        return;
    demand(contact_init(&contact) == 0 && contact_init(&again) == 0);
    buf_init(&record, TEXT_MAX);
    static const char columns[] = "{\"a\":\n,\"b\":\n";
    if (contact_record_unpack(&contact, bytes, len, &is_elsewhere) == 0 && contact.values_len > 0) {
        int err = contact_record_attach_columns(&contact, columns, sizeof columns - 1);
        demand(err == 0 || err == ERR_INVALID || err == ERR_NOT_FOUND || err == ERR_NOMEM);
        demand(err != 0 || (contact.values_len == 0 && contact.metadata_len <= LIMIT_METADATA_BYTES));
    } else if (contact.phone != 0) {
        demand(contact_record_attach_columns(&contact, "", 0) == 0);
    }
    if (contact_record_unpack(&contact, bytes, len, &is_elsewhere) == 0) {
        demand(phone_is_valid(contact.phone));
        demand(utf8_is_valid(contact.id, strlen(contact.id)) && utf8_is_valid(contact.name, strlen(contact.name)));
        demand(utf8_is_valid(contact.email, strlen(contact.email)));
        demand(contact_record_pack(&contact, &record, &is_elsewhere_again) == 0);
        demand(contact_record_unpack(&again, buf_str(&record), buf_len(&record), &is_elsewhere_again) == 0);
        demand(contact.phone == again.phone && strcmp(contact.id, again.id) == 0);
        demand(strcmp(contact.name, again.name) == 0 && strcmp(contact.email, again.email) == 0);
        demand(strcmp(contact.company, again.company) == 0 && strcmp(contact.timezone, again.timezone) == 0);
        demand(is_elsewhere_again || strcmp(contact.metadata, again.metadata) == 0);
    } else {
        demand(contact.phone == 0);
    }
    buf_free(&record);
    contact_free(&contact);
    contact_free(&again);
}

/* ---- settings ---- */

static void check_numbers(const uint64_t *ids, size_t n)
{
    demand(n <= LIMIT_CALLER_IDS);
    for (size_t i = 0; i < n; i++)
        demand(phone_is_valid(ids[i]));
}

static void read_batch_settings(const struct redisReply *reply)
{
    struct batch_settings batch;
    char trunk_id[LIMIT_ID_LEN + 1];
    char from[PHONE_TEXT_LEN + 1];
    int rc = settings_read_batch("batch_c0_1", reply, &batch, trunk_id);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_PROTOCOL || rc == ERR_NOT_FOUND);
    if (rc != 0)
        return;
    demand(ident_is_valid(trunk_id, strlen(trunk_id), LIMIT_ID_LEN));
    demand(ident_is_valid(batch.tenant, strlen(batch.tenant), LIMIT_ID_LEN) && batch.agent_id != NULL);
    demand(utf8_is_valid(batch.agent_id, strlen(batch.agent_id)));
    demand(batch.retry.max_attempts >= 1 && batch.retry.no_answer_delay_ms >= 0 && batch.retry.busy_delay_ms >= 0);
    demand(batch.ring_timeout_s >= 1 && batch.max_call_duration_s >= 1 && batch.summary_wait_ms >= 0);
    check_numbers(batch.caller_ids, batch.n_caller_ids);
    /* The rule is asked with whatever was read. */
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        struct retry_decision next = retry_decide(&batch.retry, (enum outcome)outcome, 1, NOW_MS, NOW_MS, NOW_MS);
        demand(next.is_final || next.retry_at_ms >= NOW_MS);
    }
    static const struct trunk_settings no_trunk;
    batch.trunk = &no_trunk;
    settings_caller_id(&batch, 7, from);
    demand((from[0] == '\0') == (batch.n_caller_ids == 0));
    settings_batch_clear(&batch);
}

static void read_trunk_settings(const struct redisReply *reply)
{
    static const uint8_t key[32] = {1, 2, 3};
    static struct seal_keys *keys;
    struct trunk_settings trunk;
    demand(keys != NULL || seal_keys_create(key, &keys) == 0);
    int rc = settings_read_trunk("main", reply, keys, "https://callbacks.example", &trunk);
    demand(rc == 0 || rc == ERR_INVALID || rc == ERR_PROTOCOL || rc == ERR_NOT_FOUND || rc == ERR_AUTH ||
           rc == ERR_TOO_LARGE);
    if (rc != 0)
        return;
    demand(strcmp(trunk.id, "main") == 0 && trunk.profile != NULL);
    demand(trunk.provider.n_variables <= LIMIT_TRUNK_VARIABLES && trunk.provider.credential != NULL);
    for (size_t i = 0; i < trunk.provider.n_variables; i++)
        demand(trunk.provider.variables[i].name != NULL && trunk.provider.variables[i].value != NULL);
    demand(trunk.poll_after_ms >= 0 && trunk.lookup_absent_after_ms >= 0);
    check_numbers(trunk.caller_ids, trunk.n_caller_ids);
    settings_trunk_clear(&trunk);
}

/* ---- a batch, as the API tells it ---- */

static void read_batch_report(const struct redisReply *reply)
{
    struct batch_report report;
    const struct batch_pulse pulse = {.now_ms = NOW_MS, .calls_per_second = 12.5, .last_retry_ms = NOW_MS + 5000};
    int rc = batch_report_read(reply, "batch_c0_1", &report);
    demand(rc == 0 || rc == ERR_PROTOCOL || rc == ERR_NOT_FOUND);
    if (rc != 0)
        return;
    demand(report.tenant != NULL && batch_state_name(report.state) != NULL);
    cJSON *status = batch_report_status_json(&report, &pulse);
    demand(status != NULL && batch_report_add_more(&report, status) == 0);
    check_tree(status);
    cJSON *summary = batch_report_summary_json(&report);
    check_tree(summary);
    cJSON_Delete(status);
    cJSON_Delete(summary);
}

static void read_begins(const struct redisReply *reply)
{
    double rate = batch_report_rate(reply, NOW_MS * 1000);
    demand(rate >= 0.0 && rate <= (double)REPLY_TEXT_ELEMENTS);
}

/* ---- an event, as the notifier tells it ---- */

static void read_event(const struct redisReply *reply)
{
    struct contact contact;
    struct hook_entry entry;
    struct buf body;
    const char *why = NULL;
    demand(contact_init(&contact) == 0);
    buf_init(&body, RENDER_BUF_BYTES);
    int rc = hook_entry_read(reply, &contact, &entry, &why);
    demand(rc == 0 || rc == ERR_PROTOCOL || (rc == ERR_INVALID && why != NULL && entry.stream_id.data != NULL));
    if (rc == 0) {
        demand(ident_is_valid(entry.tenant, strlen(entry.tenant), LIMIT_ID_LEN));
        demand(entry.n_targets >= 1 && entry.n_targets <= HOOK_TARGETS);
        for (size_t i = 0; i < entry.n_targets; i++)
            demand(entry.targets[i].url.len <= LIMIT_URL_LEN && entry.targets[i].endpoint_id[0] != '\0');
        rc = render_body(&entry.event, &body);
        demand(rc == 0 || rc == ERR_INVALID || rc == ERR_TOO_LARGE);
    }
    if (rc == 0) {
        demand(buf_len(&body) <= LIMIT_WEBHOOK_BODY_BYTES);
        check_json(buf_str(&body), buf_len(&body));
    }
    buf_free(&body);
    contact_free(&contact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const struct redisReply *) = {
        read_call, read_contact, read_batch_settings, read_trunk_settings, read_batch_report, read_begins, read_event,
    };
    if (size < 1)
        return 0;
    redisReply *reply = reply_from_text((const char *)data + 1, size - 1);
    readers[(uint8_t)(data[0] - '0') % (sizeof readers / sizeof readers[0])](reply);
    freeReplyObject(reply);
    return 0;
}
