/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/submission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/limits.h"

static char folder[] = "/tmp/carillon-submission-XXXXXX";
static char campaign_path[64], contacts_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

#define WHOLE_BYTES (1u << 20)

static int read_within(const char *campaign, const char *contacts, size_t whole_bytes, struct submission *ret)
{
    struct contacts_file file = {.file = NULL};
    write_file(campaign_path, campaign);
    if (contacts) {
        write_file(contacts_path, contacts);
        assert_int_equal(contacts_file_open(contacts_path, &file), 0);
    }
    int rc = submission_read(campaign_path, contacts ? &file : NULL, whole_bytes, ret);
    contacts_file_close(&file);
    return rc;
}

static int read_both(const char *campaign, const char *contacts, struct submission *ret)
{
    return read_within(campaign, contacts, WHOLE_BYTES, ret);
}

static void check_body(const char *campaign, const char *contacts, const char *body)
{
    struct submission s;
    assert_int_equal(read_both(campaign, contacts, &s), 0);
    assert_int_equal(s.len, strlen(body));
    assert_memory_equal(s.body, body, s.len);
    submission_clear(&s);
}

static void test_a_campaign_with_its_own_contacts_keeps_every_byte(void **state)
{
    static const char text[] = " {\"agentId\" : \"a\",\n\"contacts\":[ {\"phoneNumber\":\"+1\"}, 7 ],\"x\":1e2}\n";
    struct submission s;
    (void)state;
    check_body(text, NULL, text);
    assert_int_equal(read_both(text, NULL, &s), 0);
    assert_int_equal(s.n_contacts, 2);
    submission_clear(&s);
    check_body("{}", NULL, "{}"); /* what is missing is the producer's to tell */
}

static void test_a_file_of_contacts_joins_the_campaign(void **state)
{
    static const char csv[] = "phoneNumber,id\n+15550001111,c1\n";
    (void)state;
    check_body("{\"agentId\":\"a\",\"options\":{\"x\": 12345678901234567890, \"y\":1.10}}", csv,
               "{\"agentId\":\"a\",\"options\":{\"x\": 12345678901234567890, \"y\":1.10},"
               "\"contacts\":[{\"phoneNumber\":\"+15550001111\",\"id\":\"c1\"}]}");
    check_body("{}", csv, "{\"contacts\":[{\"phoneNumber\":\"+15550001111\",\"id\":\"c1\"}]}");
    check_body("{\"contacts\":[]}", csv, "{\"contacts\":[{\"phoneNumber\":\"+15550001111\",\"id\":\"c1\"}]}");
    check_body("{\"contacts\":null,\"a\\\"\\u00e9\":\"\"}", csv,
               "{\"a\\\"\xC3\xA9\":\"\",\"contacts\":[{\"phoneNumber\":\"+15550001111\",\"id\":\"c1\"}]}");
}

static void test_contacts_from_two_places_are_refused(void **state)
{
    static const char csv[] = "phoneNumber\n+15550001111\n";
    struct submission s;
    (void)state;
    assert_int_equal(read_both("{\"contacts\":[{}]}", csv, &s), ERR_INVALID);
    assert_int_equal(read_both("{\"contacts\":\"x\"}", csv, &s), ERR_INVALID);
}

static void test_what_is_no_campaign_is_refused(void **state)
{
    static const char *const cases[] = {
        "", "[]", "7", "{", "{\"a\":1,\"a\":2}", "{\"contacts\":[{]}", "{} x", "{\"contacts\":[],\"contacts\":[]}"};
    struct submission s;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(read_both(cases[i], NULL, &s), ERR_INVALID);
    assert_int_equal(submission_read("/nonexistent", NULL, WHOLE_BYTES, &s), ERR_IO);
}

static void test_a_file_that_is_too_much_for_one_request_is_left_out(void **state)
{
    static const char csv[] = "phoneNumber\n+15550001111\n";
    static const char campaign[] = "{\"contacts\": null, \"agentId\": \"a\"}";
    char many[2 * LIMIT_INLINE_CONTACTS + 64];
    struct submission s;
    (void)state;
    assert_int_equal(read_within(campaign, csv, sizeof csv - 1, &s), 0);
    assert_false(s.is_chunked);
    assert_int_equal(s.n_contacts, 1);
    submission_clear(&s);
    assert_int_equal(read_within(campaign, csv, sizeof csv - 2, &s), 0);
    assert_true(s.is_chunked);
    assert_string_equal(s.body, "{\"agentId\":\"a\"}");
    submission_clear(&s);
    memset(many, '\n', sizeof many);
    memcpy(many, csv, sizeof csv - 1);
    many[LIMIT_INLINE_CONTACTS + sizeof csv] = '\0';
    assert_int_equal(read_within(campaign, many, WHOLE_BYTES, &s), 0);
    assert_true(s.is_chunked);
    submission_clear(&s);
    assert_int_equal(read_within("{\"contacts\":[{}]}", csv, 1, &s), ERR_INVALID);
}

static const char *place(const char *path, struct submission *s)
{
    static char text[512];
    submission_place(path, text, sizeof text, s);
    return text;
}

static void test_the_producers_paths_are_told_as_rows_of_the_file(void **state)
{
    struct submission s;
    char wanted[256];
    (void)state;
    assert_int_equal(read_both("{}", "phoneNumber,id\n\n+15550001111,a\nnonsense,b\n+15550001112,c\n", &s), 0);
    assert_int_equal(s.n_contacts, 2);
    assert_int_equal(s.n_rejected, 1);
    snprintf(wanted, sizeof wanted, "%s: row 5: phoneNumber", contacts_path);
    assert_string_equal(place("contacts[1].phoneNumber", &s), wanted);
    snprintf(wanted, sizeof wanted, "%s: row 3", contacts_path);
    assert_string_equal(place("contacts[0]", &s), wanted);
    static const char *const others[] = {"contacts",  "contacts[2].id",   "contacts[x]",
                                         "contacts[", "options.priority", "contacts[18446744073709551616]",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_string_equal(place(others[i], &s), others[i]);
    submission_clear(&s);
    assert_int_equal(read_both("{\"contacts\":[{}]}", NULL, &s), 0);
    assert_string_equal(place("contacts[0].id", &s), "contacts[0].id");
    submission_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_campaign_with_its_own_contacts_keeps_every_byte),
        cmocka_unit_test(test_a_file_of_contacts_joins_the_campaign),
        cmocka_unit_test(test_contacts_from_two_places_are_refused),
        cmocka_unit_test(test_what_is_no_campaign_is_refused),
        cmocka_unit_test(test_a_file_that_is_too_much_for_one_request_is_left_out),
        cmocka_unit_test(test_the_producers_paths_are_told_as_rows_of_the_file),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(campaign_path, sizeof campaign_path, "%s/campaign.json", folder);
    snprintf(contacts_path, sizeof contacts_path, "%s/contacts.csv", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(campaign_path);
    unlink(contacts_path);
    rmdir(folder);
    return failed;
}
