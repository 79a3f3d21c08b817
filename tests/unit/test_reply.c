/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

/* As the server would have sent it; the caller frees it. */
static redisReply *from_wire_mem(const char *wire, size_t len)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_non_null(reader);
    assert_int_equal(redisReaderFeed(reader, wire, len), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

static redisReply *from_wire(const char *wire)
{
    return from_wire_mem(wire, strlen(wire));
}

static void test_an_error_is_told_by_its_first_word(void **state)
{
    static const struct {
        const char *wire;
        int code;
    } cases[] = {
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", ERR_UNAVAILABLE},
        {"-LOADING Redis is loading the dataset in memory\r\n", ERR_UNAVAILABLE},
        {"-READONLY You can't write against a read only replica. script: abc, on @user_script:1.\r\n", ERR_UNAVAILABLE},
        {"-BUSY Redis is busy running a script.\r\n", ERR_UNAVAILABLE},
        {"-MASTERDOWN Link with MASTER is down\r\n", ERR_UNAVAILABLE},
        {"-CLUSTERDOWN The cluster is down\r\n", ERR_UNAVAILABLE},
        {"-MISCONF Errors writing to the AOF file: No space left on device\r\n", ERR_UNAVAILABLE},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", ERR_UNAVAILABLE},
        {"-NOPERM this user has no permissions\r\n", ERR_AUTH},
        {"-ERR The user executing the script can't run this command or subcommand script: 9a, on @user_script:1.\r\n",
         ERR_AUTH},
        {"-NOAUTH Authentication required.\r\n", ERR_AUTH},
        {"-WRONGPASS invalid username-password pair\r\n", ERR_AUTH},
        {"-ERR_NOMEM x\r\n", ERR_NOMEM},
        {"-ERR_INVALID x\r\n", ERR_INVALID},
        {"-ERR_RANGE x\r\n", ERR_RANGE},
        {"-ERR_TOO_LARGE x\r\n", ERR_TOO_LARGE},
        {"-ERR_NOT_FOUND no such batch\r\n", ERR_NOT_FOUND},
        {"-ERR_EXISTS\r\n", ERR_EXISTS},
        {"-ERR_STATE\r\n", ERR_STATE},
        {"-ERR_TIMEOUT x\r\n", ERR_TIMEOUT},
        {"-ERR_CLOSED x\r\n", ERR_CLOSED},
        {"-ERR_UNAVAILABLE closed until 5\r\n", ERR_UNAVAILABLE},
        {"-ERR_PROTOCOL x\r\n", ERR_PROTOCOL},
        {"-ERR_IO x\r\n", ERR_IO},
        {"-ERR_AUTH x\r\n", ERR_AUTH},
        {"-ERR_DENIED x\r\n", ERR_DENIED},
        {"-ERR unknown command\r\n", ERR_PROTOCOL},
        {"-ERR_STATES are many\r\n", ERR_PROTOCOL},
        {"-BUSYGROUP Consumer Group name already exists\r\n", ERR_PROTOCOL},
        {"-NOSCRIPT No matching script.\r\n", ERR_PROTOCOL},
        {"-\r\n", ERR_PROTOCOL},
        {"+OOM\r\n", 0},
        {"$-1\r\n", 0},
        {"*0\r\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        redisReply *reply = from_wire(cases[i].wire);
        if (reply_to_err(reply) != cases[i].code)
            fail_msg("%s: %s", cases[i].wire, err_name(reply_to_err(reply)));
        freeReplyObject(reply);
    }
    assert_int_equal(reply_to_err(NULL), ERR_CLOSED);
}

static void test_error_text_is_given_for_errors_alone(void **state)
{
    redisReply *error = from_wire("-NOSCRIPT No matching script.\r\n");
    redisReply *status = from_wire("+NOSCRIPT\r\n");
    (void)state;
    assert_string_equal(reply_error(error), "NOSCRIPT No matching script.");
    assert_true(reply_error_is(error, "NOSCRIPT"));
    assert_false(reply_error_is(error, "NO"));
    assert_false(reply_error_is(error, "NOSCRIPT No matching script. Really"));
    assert_null(reply_error(status));
    assert_false(reply_error_is(status, "NOSCRIPT"));
    assert_null(reply_error(NULL));
    assert_false(reply_error_is(NULL, "NOSCRIPT"));
    freeReplyObject(error);
    freeReplyObject(status);
}

static void test_text_may_hold_nuls_and_another_type_is_refused(void **state)
{
    static const char wire[] = "*5\r\n$3\r\na\0b\r\n+OK\r\n:7\r\n$-1\r\n*0\r\n";
    redisReply *reply = from_wire_mem(wire, sizeof wire - 1);
    const char *text = "untouched";
    size_t len = 4711;
    (void)state;
    for (size_t i = 2; i < 6; i++)
        assert_int_equal(reply_str(reply_at(reply, i), &text, &len), ERR_PROTOCOL);
    assert_string_equal(text, "untouched");
    assert_int_equal(len, 4711);
    assert_int_equal(reply_str(reply_at(reply, 0), &text, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(reply_str(reply_at(reply, 1), &text, &len), 0);
    assert_string_equal(text, "OK");
    assert_true(reply_is_nil(reply_at(reply, 3)));
    assert_false(reply_is_nil(reply_at(reply, 4)));
    assert_false(reply_is_nil(NULL));
    freeReplyObject(reply);
}

static void test_a_copy_is_whole_or_not_made(void **state)
{
    static const char wire[] = "*5\r\n$3\r\na\0b\r\n$4\r\nfour\r\n:7\r\n$0\r\n\r\n+OK\r\n";
    redisReply *reply = from_wire_mem(wire, sizeof wire - 1);
    char text[5] = "none";
    (void)state;
    assert_int_equal(reply_copy(reply_at(reply, 0), text, sizeof text), ERR_PROTOCOL);
    assert_int_equal(reply_copy(reply_at(reply, 1), text, 4), ERR_PROTOCOL);
    assert_int_equal(reply_copy(reply_at(reply, 2), text, sizeof text), ERR_PROTOCOL);
    assert_int_equal(reply_copy(NULL, text, sizeof text), ERR_PROTOCOL);
    assert_string_equal(text, "none");
    assert_int_equal(reply_copy(reply_at(reply, 1), text, sizeof text), 0);
    assert_string_equal(text, "four");
    assert_int_equal(reply_copy(reply_at(reply, 4), text, sizeof text), 0);
    assert_string_equal(text, "OK");
    assert_int_equal(reply_copy(reply_at(reply, 3), text, sizeof text), 0);
    assert_string_equal(text, "");
    freeReplyObject(reply);
}

static void test_numbers_come_as_integers_or_as_text(void **state)
{
    redisReply *reply = from_wire("*8\r\n:-5\r\n$20\r\n-9223372036854775808\r\n+12\r\n$19\r\n9223372036854775808\r\n"
                                  "$3\r\n1.5\r\n$0\r\n\r\n$2\r\n 1\r\n-1\r\n");
    int64_t value = 4711;
    (void)state;
    for (size_t i = 3; i < 9; i++)
        assert_int_equal(reply_i64(reply_at(reply, i), &value), ERR_PROTOCOL);
    assert_int_equal(value, 4711);
    assert_int_equal(reply_i64(reply_at(reply, 0), &value), 0);
    assert_int_equal(value, -5);
    assert_int_equal(reply_i64(reply_at(reply, 1), &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(reply_i64(reply_at(reply, 2), &value), 0);
    assert_int_equal(value, 12);
    freeReplyObject(reply);
}

static void test_elements_outside_an_array_are_absent(void **state)
{
    redisReply *array = from_wire("*2\r\n:1\r\n*1\r\n:2\r\n");
    redisReply *number = from_wire(":3\r\n");
    int64_t value;
    (void)state;
    assert_int_equal(reply_len(array), 2);
    assert_int_equal(reply_i64(reply_at(reply_at(array, 1), 0), &value), 0);
    assert_int_equal(value, 2);
    assert_null(reply_at(array, 2));
    assert_null(reply_at(reply_at(array, 0), 0));
    assert_int_equal(reply_len(number), 0);
    assert_null(reply_at(number, 0));
    assert_int_equal(reply_len(NULL), 0);
    assert_null(reply_at(NULL, 0));
    freeReplyObject(array);
    freeReplyObject(number);
}

static void test_a_field_is_found_by_its_whole_name_among_names_only(void **state)
{
    /* name -> state, state -> "due"; a number where a name should be; a name without a value */
    redisReply *reply = from_wire("*9\r\n$4\r\nname\r\n$5\r\nstate\r\n$5\r\nstate\r\n$3\r\ndue\r\n:1\r\n:2\r\n"
                                  "$6\r\nstate2\r\n$-1\r\n$4\r\nlast\r\n");
    const char *text;
    size_t len;
    (void)state;
    assert_int_equal(reply_str(reply_field(reply, "state"), &text, &len), 0);
    assert_string_equal(text, "due");
    assert_true(reply_is_nil(reply_field(reply, "state2")));
    assert_null(reply_field(reply, "stat"));
    assert_null(reply_field(reply, "due"));
    assert_null(reply_field(reply, "last"));
    assert_null(reply_field(NULL, "state"));
    freeReplyObject(reply);
}

static void test_a_line_of_info_is_found_by_its_whole_name(void **state)
{
    (void)state;
    redisReply *reply = from_wire("$51\r\n# Server\r\nrun_id:ab\r\nxrun:1\r\nrun:2\r\nempty:\r\nend:z\r\n\r\n");
    static const struct {
        const char *name, *value;
    } told[] = {{"run_id", "ab"}, {"run", "2"}, {"empty", ""}, {"end", "z"}};
    const char *value;
    size_t len;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        assert_int_equal(reply_info(reply, told[i].name, &value, &len), 0);
        assert_int_equal(len, strlen(told[i].value));
        assert_memory_equal(value, told[i].value, len);
    }
    assert_int_equal(reply_info(reply, "ru", &value, &len), ERR_NOT_FOUND);
    assert_int_equal(reply_info(reply, "z", &value, &len), ERR_NOT_FOUND);
    assert_int_equal(reply_info(NULL, "run", &value, &len), ERR_NOT_FOUND);
    freeReplyObject(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_of_info_is_found_by_its_whole_name),
        cmocka_unit_test(test_an_error_is_told_by_its_first_word),
        cmocka_unit_test(test_error_text_is_given_for_errors_alone),
        cmocka_unit_test(test_text_may_hold_nuls_and_another_type_is_refused),
        cmocka_unit_test(test_a_copy_is_whole_or_not_made),
        cmocka_unit_test(test_numbers_come_as_integers_or_as_text),
        cmocka_unit_test(test_elements_outside_an_array_are_absent),
        cmocka_unit_test(test_a_field_is_found_by_its_whole_name_among_names_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
