/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/dial.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/heap.h"
#include "common/base/log.h"

#define NOW_US INT64_C(1000000)

/* phone 15550000001, id "c1" */
static const uint8_t record[] = {0x08, 0x81, 0xd7, 0xe8, 0xf6, 0x39, 0x12, 0x02, 'c', '1'};
/* the same with its metadata elsewhere */
static const uint8_t record_elsewhere[] = {0x08, 0x81, 0xd7, 0xe8, 0xf6, 0x39, 0x12, 0x02, 'c', '1', 0x40, 0x01};

static struct dial *make_dial(void)
{
    struct dial *dial = NULL;
    bool is_elsewhere = true;
    assert_int_equal(dial_create(NULL, "batch_c0_1", 10, 7, 2, NOW_US, record, sizeof record, &is_elsewhere, &dial), 0);
    assert_false(is_elsewhere);
    return dial;
}

/* ---- the table ---- */

/* A dial's way, as it was meant; row: from, columns: to. */
static const char *const picture[DIAL_STATE_COUNT] = {
    /*                   L W B r b S T R O */
    [DIAL_LOADING] = "     . x . . . . . . x", [DIAL_WAITING] = "   . . x . . . . x .",
    [DIAL_BEGINNING] = "   . . . x x . . . x", [DIAL_REPLICATING] = ". . . . x . x . .",
    [DIAL_BEGUN] = "       . . . . . x . . .", [DIAL_SENDING] = "   . . . . . . x . .",
    [DIAL_TELLING] = "     . . . . . . . . x", [DIAL_RELEASING] = " . . . . . . . . x",
    [DIAL_OVER] = "        . . . . . . . . .",
};

static bool is_pictured(enum dial_state from, enum dial_state to)
{
    const char *at = picture[from] + strspn(picture[from], " ");
    return at[(size_t)to * 2] == 'x';
}

static void test_the_table_is_the_picture(void **state)
{
    (void)state;
    for (int from = 0; from < DIAL_STATE_COUNT; from++)
        for (int to = 0; to < DIAL_STATE_COUNT; to++)
            if (dial_state_may((enum dial_state)from, (enum dial_state)to) !=
                is_pictured((enum dial_state)from, (enum dial_state)to))
                fail_msg("%s -> %s", dial_state_name((enum dial_state)from), dial_state_name((enum dial_state)to));
}

static void test_a_request_is_sent_at_most_once(void **state)
{
    (void)state;
    /* From SENDING on nothing leads back to it. */
    bool is_reached[DIAL_STATE_COUNT] = {[DIAL_TELLING] = true};
    for (int round = 0; round < DIAL_STATE_COUNT; round++)
        for (int from = 0; from < DIAL_STATE_COUNT; from++)
            for (int to = 0; to < DIAL_STATE_COUNT; to++)
                if (is_reached[from] && dial_state_may((enum dial_state)from, (enum dial_state)to))
                    is_reached[to] = true;
    assert_false(is_reached[DIAL_SENDING]);
    assert_false(is_reached[DIAL_BEGINNING]);
    assert_true(is_reached[DIAL_OVER]);
}

static void test_every_state_leads_to_the_end(void **state)
{
    (void)state;
    for (int start = 0; start < DIAL_STATE_COUNT; start++) {
        bool is_reached[DIAL_STATE_COUNT] = {false};
        is_reached[start] = true;
        for (int round = 0; round < DIAL_STATE_COUNT; round++)
            for (int from = 0; from < DIAL_STATE_COUNT; from++)
                for (int to = 0; to < DIAL_STATE_COUNT; to++)
                    if (is_reached[from] && dial_state_may((enum dial_state)from, (enum dial_state)to))
                        is_reached[to] = true;
        assert_true(is_reached[DIAL_OVER]);
        assert_string_not_equal(dial_state_name((enum dial_state)start), "");
    }
}

static void test_a_permitted_change_is_made(void **state)
{
    (void)state;
    struct dial *dial = make_dial();
    static const enum dial_state way[] = {DIAL_WAITING, DIAL_BEGINNING, DIAL_BEGUN,
                                          DIAL_SENDING, DIAL_TELLING,   DIAL_OVER};
    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        dial_set_state(dial, way[i]);
        assert_int_equal(dial->state, way[i]);
    }
    dial_free(dial);
}

/* To go on could dial twice. */
static void test_an_impossible_change_ends_the_process(void **state)
{
    (void)state;
    struct dial *dial = make_dial();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        dial_set_state(dial, DIAL_SENDING);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_int_equal(dial->state, DIAL_LOADING);
    dial_free(dial);
}

/* ---- making ---- */

static void test_a_dial_knows_its_call(void **state)
{
    (void)state;
    struct dial *dial = make_dial();
    assert_string_equal(dial->batch_id, "batch_c0_1");
    assert_int_equal(dial->ordinal, 7);
    assert_int_equal(dial->number, 2);
    assert_int_equal(dial->slot_us, NOW_US);
    assert_int_equal(dial->state, DIAL_LOADING);
    assert_true(dial->place == HEAP_NOWHERE);
    assert_int_equal(dial->contact.phone, 15550000001);
    assert_string_equal(dial->contact.id, "c1");
    dial_free(dial);
}

static void test_a_dial_tells_where_its_metadata_lies(void **state)
{
    (void)state;
    struct dial *dial = NULL;
    bool is_elsewhere = false;
    assert_int_equal(dial_create(NULL, "batch_c0_1", 10, 7, 2, NOW_US, record_elsewhere, sizeof record_elsewhere,
                                 &is_elsewhere, &dial),
                     0);
    assert_true(is_elsewhere);
    dial_free(dial);
}

static void test_what_a_claim_cannot_mean_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *batch;
        const void *record;
        size_t len;
    } cases[] = {
        {"", record, sizeof record},
        {"batch c0", record, sizeof record},
        {"batch/c0", record, sizeof record},
        {"batch.c0", record, sizeof record},
        {"batch_c0_0123456789012345678901234567890123456789", record, sizeof record}, /* 49 characters */
        {"batch_c0_1", "", 0},
        {"batch_c0_1", record, 3},
        {"batch_c0_1", "\xff\xff\xff\xff", 4},
        {"batch_c0_1", "\x12\x02\x63\x31", 4}, /* no number */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dial *dial = NULL;
        bool is_elsewhere;
        if (dial_create(NULL, cases[i].batch, strlen(cases[i].batch), 0, 1, NOW_US, cases[i].record, cases[i].len,
                        &is_elsewhere, &dial) != ERR_INVALID)
            fail_msg("case %zu was taken", i);
        assert_null(dial);
    }
}

static void test_freeing_nothing_is_permitted(void **state)
{
    (void)state;
    dial_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_the_picture),
        cmocka_unit_test(test_a_request_is_sent_at_most_once),
        cmocka_unit_test(test_every_state_leads_to_the_end),
        cmocka_unit_test(test_a_permitted_change_is_made),
        cmocka_unit_test(test_an_impossible_change_ends_the_process),
        cmocka_unit_test(test_a_dial_knows_its_call),
        cmocka_unit_test(test_a_dial_tells_where_its_metadata_lies),
        cmocka_unit_test(test_what_a_claim_cannot_mean_is_refused),
        cmocka_unit_test(test_freeing_nothing_is_permitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
