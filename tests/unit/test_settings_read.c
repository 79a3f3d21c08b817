/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/base/buf.h"

#define WIRE_MAX 65536
#define LINE_MAX_LEN 8192
#define CREDENTIAL "key_3f9c1b2a7d"

/* ---- replies as the server would send them ---- */

static redisReply *from_wire(const struct buf *wire)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, buf_str(wire), buf_len(wire)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

/* An array of `n` texts; NULL stands for nil. `lens`, where given, are their lengths. */
static redisReply *array_of(const char *const *texts, const size_t *lens, size_t n)
{
    struct buf wire;
    buf_init(&wire, WIRE_MAX);
    assert_int_equal(buf_printf(&wire, "*%zu\r\n", n), 0);
    for (size_t i = 0; i < n; i++) {
        if (!texts[i]) {
            assert_int_equal(buf_append(&wire, "$-1\r\n", 5), 0);
            continue;
        }
        size_t len = lens && lens[i] ? lens[i] : strlen(texts[i]);
        assert_int_equal(buf_printf(&wire, "$%zu\r\n", len), 0);
        assert_int_equal(buf_append(&wire, texts[i], len), 0);
        assert_int_equal(buf_append(&wire, "\r\n", 2), 0);
    }
    redisReply *reply = from_wire(&wire);
    buf_free(&wire);
    return reply;
}

/* ---- batches ---- */

/* A whole batch, in the order of settings_batch_fields. */
static const char *const whole_batch[SETTINGS_BATCH_FIELDS] = {
    "acme",
    "main",
    "agent_7",
    "4",
    "61000",
    "21000",
    "41000",
    "31000",
    "hold",
    "25",
    "900",
    "45000",
    "[\"+15550001111\",\"+15550002222\"]",
    "processing",
};

static size_t field_index(const char *name)
{
    for (size_t i = 0; i < SETTINGS_BATCH_FIELDS; i++)
        if (strcmp(settings_batch_fields[i], name) == 0)
            return i;
    fail_msg("no field %s", name);
    return 0;
}

/* The batch with one field changed. */
static int read_changed(const char *name, const char *value, size_t len, struct batch_settings *ret_batch)
{
    const char *texts[SETTINGS_BATCH_FIELDS];
    size_t lens[SETTINGS_BATCH_FIELDS] = {0};
    char trunk[LIMIT_ID_LEN + 1];
    memcpy(texts, whole_batch, sizeof texts);
    texts[field_index(name)] = value;
    lens[field_index(name)] = len;
    redisReply *reply = array_of(texts, lens, SETTINGS_BATCH_FIELDS);
    int rc = settings_read_batch("batch_c0_1", reply, ret_batch, trunk);
    freeReplyObject(reply);
    return rc;
}

static void test_a_batch_is_read_field_by_field(void **state)
{
    (void)state;
    struct batch_settings batch;
    char trunk[LIMIT_ID_LEN + 1];
    redisReply *reply = array_of(whole_batch, NULL, SETTINGS_BATCH_FIELDS);
    assert_int_equal(settings_read_batch("batch_c0_1", reply, &batch, trunk), 0);
    assert_string_equal(batch.id, "batch_c0_1");
    assert_string_equal(batch.tenant, "acme");
    assert_string_equal(trunk, "main");
    assert_string_equal(batch.agent_id, "agent_7");
    assert_int_equal(batch.retry.max_attempts, 4);
    assert_int_equal(batch.retry.no_answer_delay_ms, 61000);
    assert_int_equal(batch.retry.busy_delay_ms, 21000);
    assert_int_equal(batch.retry.voicemail_delay_ms, 41000);
    assert_int_equal(batch.retry.failed_delay_ms, 31000);
    assert_int_equal(batch.retry.on_unknown, ON_UNKNOWN_HOLD);
    assert_int_equal(batch.ring_timeout_s, 25);
    assert_int_equal(batch.max_call_duration_s, 900);
    assert_int_equal(batch.summary_wait_ms, 45000);
    assert_int_equal(batch.n_caller_ids, 2);
    assert_int_equal(batch.caller_ids[0], 15550001111);
    assert_int_equal(batch.caller_ids[1], 15550002222);
    assert_null(batch.trunk);
    settings_batch_clear(&batch);
    freeReplyObject(reply);
}

static void test_what_a_batch_does_not_say_has_its_default(void **state)
{
    (void)state;
    struct batch_settings batch;
    char trunk[LIMIT_ID_LEN + 1];
    const char *texts[SETTINGS_BATCH_FIELDS] = {NULL};
    texts[field_index("tenant")] = "acme";
    texts[field_index("trunk")] = "main";
    texts[field_index("agent_id")] = "a";
    texts[field_index("state")] = "pending";
    texts[field_index("no_answer_delay_ms")] = "7000";
    redisReply *reply = array_of(texts, NULL, SETTINGS_BATCH_FIELDS);
    assert_int_equal(settings_read_batch("batch_c0_1", reply, &batch, trunk), 0);
    assert_int_equal(batch.retry.max_attempts, 3);
    assert_int_equal(batch.retry.busy_delay_ms, 300000);
    assert_int_equal(batch.retry.voicemail_delay_ms, 0);
    assert_int_equal(batch.retry.failed_delay_ms, 7000); /* as after no answer */
    assert_int_equal(batch.retry.on_unknown, ON_UNKNOWN_RETRY);
    assert_int_equal(batch.ring_timeout_s, 30);
    assert_int_equal(batch.max_call_duration_s, 1800);
    assert_int_equal(batch.summary_wait_ms, 120000);
    assert_int_equal(batch.n_caller_ids, 0);
    settings_batch_clear(&batch);
    freeReplyObject(reply);
}

static void test_a_batch_that_is_not_there_is_told_apart(void **state)
{
    (void)state;
    struct batch_settings batch;
    char trunk[LIMIT_ID_LEN + 1];
    const char *const texts[SETTINGS_BATCH_FIELDS] = {NULL};
    redisReply *reply = array_of(texts, NULL, SETTINGS_BATCH_FIELDS);
    assert_int_equal(settings_read_batch("batch_c0_1", reply, &batch, trunk), ERR_NOT_FOUND);
    freeReplyObject(reply);
    reply = array_of(texts, NULL, SETTINGS_BATCH_FIELDS - 1);
    assert_int_equal(settings_read_batch("batch_c0_1", reply, &batch, trunk), ERR_PROTOCOL);
    freeReplyObject(reply);
    assert_int_equal(settings_read_batch("batch_c0_1", NULL, &batch, trunk), ERR_PROTOCOL);
}

static void test_a_batch_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *field, *value;
        size_t len; /* 0: to the NUL */
    } cases[] = {
        {"tenant", NULL, 0},
        {"tenant", "", 0},
        {"tenant", "a/b", 0},
        {"tenant", "0123456789012345678901234567890123456789012345678901234567890123x", 0},
        {"trunk", NULL, 0},
        {"trunk", "main}:x", 0},
        {"trunk", "ma\0in", 5},
        {"agent_id", NULL, 0},
        {"agent_id", "a\0b", 3},
        {"max_attempts", "0", 0},
        {"max_attempts", "101", 0},
        {"max_attempts", "3x", 0},
        {"max_attempts", "", 0},
        {"max_attempts", "99999999999999999999", 0},
        {"no_answer_delay_ms", "-1", 0},
        {"busy_delay_ms", "1e3", 0},
        {"voicemail_delay_ms", "soon", 0},
        {"failed_delay_ms", "-9223372036854775809", 0},
        {"on_unknown", "Retry", 0},
        {"on_unknown", "", 0},
        {"ring_s", "0", 0},
        {"ring_s", "601", 0},
        {"talk_s", "0", 0},
        {"talk_s", "86401", 0},
        {"summary_wait_ms", "-1", 0},
        {"summary_wait_ms", "86400001", 0},
        {"caller_ids", "", 0},
        {"caller_ids", "+15550001111", 0},
        {"caller_ids", "{}", 0},
        {"caller_ids", "[15550001111]", 0},
        {"caller_ids", "[\"15550001111\"]", 0},
        {"caller_ids", "[\"+1555000111a\"]", 0},
        {"caller_ids", "[\"+15550001111\", null]", 0},
        {"caller_ids", "[\"+15550001111\"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct batch_settings batch;
        int rc = read_changed(cases[i].field, cases[i].value, cases[i].len, &batch);
        if (rc != ERR_INVALID)
            fail_msg("%s = %s: %s", cases[i].field, cases[i].value ? cases[i].value : "(nil)", err_name(rc));
    }
}

static void test_more_caller_ids_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct buf list;
    struct batch_settings batch;
    for (size_t n = LIMIT_CALLER_IDS; n <= LIMIT_CALLER_IDS + 1; n++) {
        buf_init(&list, LINE_MAX_LEN);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf_printf(&list, "%c\"+1555000%04zu\"", i ? ',' : '[', i), 0);
        assert_int_equal(buf_printf(&list, "]"), 0);
        int rc = read_changed("caller_ids", buf_str(&list), 0, &batch);
        assert_int_equal(rc, n <= LIMIT_CALLER_IDS ? 0 : ERR_INVALID);
        if (rc == 0) {
            assert_int_equal(batch.n_caller_ids, n);
            settings_batch_clear(&batch);
        }
        buf_free(&list);
    }
}

/* ---- trunks ---- */

struct keys {
    struct seal_keys *ours, *others;
    char *sealed; /* the credential, for trunk/main */
};

static int set_up(void **state)
{
    static struct keys keys;
    static const uint8_t ours[32] = {1}, others[32] = {2};
    assert_int_equal(seal_keys_create(ours, &keys.ours), 0);
    assert_int_equal(seal_keys_create(others, &keys.others), 0);
    assert_int_equal(seal_secret(keys.ours, "trunk/main", CREDENTIAL, sizeof CREDENTIAL - 1, &keys.sealed), 0);
    *state = &keys;
    return 0;
}

static int tear_down(void **state)
{
    struct keys *keys = *state;
    seal_keys_free(keys->ours);
    seal_keys_free(keys->others);
    free(keys->sealed);
    return 0;
}

#define TRUNK_FIELDS ((size_t)8)

static void whole_trunk(const struct keys *keys, const char *fields[2 * TRUNK_FIELDS])
{
    const char *const whole[2 * TRUNK_FIELDS] = {
        "profile",
        "retell",
        "credential",
        keys->sealed,
        "base_url",
        "http://127.0.0.1:9000",
        "caller_ids",
        "[\"+15550001111\"]",
        "poll_after_ms",
        "500",
        "lookup_absent_after_ms",
        "700",
        "var:region",
        "eu",
        "cps",
        "30",
    };
    memcpy(fields, whole, sizeof whole);
}

static int read_trunk(const struct keys *keys, const char *const *fields, size_t n, struct trunk_settings *ret_trunk)
{
    redisReply *reply = array_of(fields, NULL, n);
    int rc = settings_read_trunk("main", reply, keys->ours, "http://callbacks.example", ret_trunk);
    freeReplyObject(reply);
    return rc;
}

static void test_a_trunk_is_read_field_by_field(void **state)
{
    struct trunk_settings trunk;
    const char *fields[2 * TRUNK_FIELDS];
    whole_trunk(*state, fields);
    assert_int_equal(read_trunk(*state, fields, 2 * TRUNK_FIELDS, &trunk), 0);
    assert_string_equal(trunk.id, "main");
    assert_string_equal(provider_profile_name(trunk.profile), "retell");
    assert_string_equal(trunk.provider.credential, CREDENTIAL);
    assert_int_equal(trunk.provider.credential_len, sizeof CREDENTIAL - 1);
    assert_string_equal(trunk.provider.base_url, "http://127.0.0.1:9000");
    assert_string_equal(trunk.provider.callback_base, "http://callbacks.example");
    assert_int_equal(trunk.n_caller_ids, 1);
    assert_int_equal(trunk.poll_after_ms, 500);
    assert_int_equal(trunk.lookup_absent_after_ms, 700);
    assert_int_equal(trunk.provider.n_variables, 1);
    assert_string_equal(trunk.provider.variables[0].name, "region");
    assert_string_equal(trunk.provider.variables[0].value, "eu");
    settings_trunk_clear(&trunk);
}

static void test_what_a_trunk_does_not_say_has_its_default(void **state)
{
    struct trunk_settings trunk;
    const struct keys *keys = *state;
    const char *const fields[] = {"profile", "retell", "credential", keys->sealed};
    assert_int_equal(read_trunk(keys, fields, 4, &trunk), 0);
    assert_null(trunk.provider.base_url);
    assert_int_equal(trunk.n_caller_ids, 0);
    assert_int_equal(trunk.poll_after_ms, 0);
    assert_int_equal(trunk.lookup_absent_after_ms, 0);
    settings_trunk_clear(&trunk);
}

static void test_a_trunk_that_is_not_there_is_told_apart(void **state)
{
    struct trunk_settings trunk;
    assert_int_equal(read_trunk(*state, NULL, 0, &trunk), ERR_NOT_FOUND);
}

static void test_a_trunk_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        size_t field;
        const char *value;
        int err;
    } cases[] = {
        {0, "nobody", ERR_INVALID}, /* no profile of that name */
        {0, "", ERR_INVALID},         {1, "", ERR_AUTH},
        {1, "v1.AAAA", ERR_AUTH},     {1, CREDENTIAL, ERR_AUTH}, /* a credential that nobody sealed */
        {3, "[1]", ERR_INVALID},      {4, "-1", ERR_INVALID},
        {4, "86400001", ERR_INVALID}, {5, "x", ERR_INVALID},
        {5, "86400001", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trunk_settings trunk;
        const char *fields[2 * TRUNK_FIELDS];
        whole_trunk(*state, fields);
        fields[2 * cases[i].field + 1] = cases[i].value;
        int rc = read_trunk(*state, fields, 2 * TRUNK_FIELDS, &trunk);
        if (rc != cases[i].err)
            fail_msg("case %zu: %s", i, err_name(rc));
    }
}

static void test_a_trunk_needs_a_profile_and_a_credential(void **state)
{
    struct trunk_settings trunk;
    const struct keys *keys = *state;
    const char *const no_credential[] = {"profile", "retell"};
    const char *const no_profile[] = {"credential", keys->sealed};
    assert_int_equal(read_trunk(keys, no_credential, 2, &trunk), ERR_INVALID);
    assert_int_equal(read_trunk(keys, no_profile, 2, &trunk), ERR_INVALID);
}

static void test_a_credential_opens_with_its_key_for_its_trunk_alone(void **state)
{
    struct trunk_settings trunk;
    const struct keys *keys = *state;
    const char *const fields[] = {"profile", "retell", "credential", keys->sealed};
    redisReply *reply = array_of(fields, NULL, 4);
    assert_int_equal(settings_read_trunk("main", reply, keys->others, "http://x", &trunk), ERR_AUTH);
    assert_int_equal(settings_read_trunk("other", reply, keys->ours, "http://x", &trunk), ERR_AUTH);
    assert_int_equal(settings_read_trunk("ma/in", reply, keys->ours, "http://x", &trunk), ERR_INVALID);
    freeReplyObject(reply);
}

static void test_more_variables_than_there_is_room_for_are_refused(void **state)
{
    const struct keys *keys = *state;
    char names[LIMIT_TRUNK_VARIABLES + 1][16];
    const char *fields[4 + 2 * (LIMIT_TRUNK_VARIABLES + 1)] = {"profile", "retell", "credential", keys->sealed};
    struct trunk_settings trunk;
    for (size_t i = 0; i <= LIMIT_TRUNK_VARIABLES; i++) {
        snprintf(names[i], sizeof names[i], "var:v%zu", i);
        fields[4 + 2 * i] = names[i];
        fields[5 + 2 * i] = "x";
    }
    assert_int_equal(read_trunk(keys, fields, 4 + 2 * (size_t)LIMIT_TRUNK_VARIABLES, &trunk), 0);
    assert_int_equal(trunk.provider.n_variables, LIMIT_TRUNK_VARIABLES);
    settings_trunk_clear(&trunk);
    assert_int_equal(read_trunk(keys, fields, 4 + 2 * (size_t)(LIMIT_TRUNK_VARIABLES + 1), &trunk), ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_is_read_field_by_field),
        cmocka_unit_test(test_what_a_batch_does_not_say_has_its_default),
        cmocka_unit_test(test_a_batch_that_is_not_there_is_told_apart),
        cmocka_unit_test(test_a_batch_that_makes_no_sense_is_refused),
        cmocka_unit_test(test_more_caller_ids_than_there_is_room_for_are_refused),
        cmocka_unit_test(test_a_trunk_is_read_field_by_field),
        cmocka_unit_test(test_what_a_trunk_does_not_say_has_its_default),
        cmocka_unit_test(test_a_trunk_that_is_not_there_is_told_apart),
        cmocka_unit_test(test_a_trunk_that_makes_no_sense_is_refused),
        cmocka_unit_test(test_a_trunk_needs_a_profile_and_a_credential),
        cmocka_unit_test(test_a_credential_opens_with_its_key_for_its_trunk_alone),
        cmocka_unit_test(test_more_variables_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
