/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf.h"

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
#include "version.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct conf_option first_table[] = {
    {.name = "redis-url", .kind = CONF_STR, .flags = CONF_REQUIRED, .help = "Where Redis is"},
    {.name = "pace-ms", .kind = CONF_I64, .default_text = "250", .min = -5, .max = 1000, .help = "A pace"},
    {.name = "strict", .kind = CONF_BOOL, .help = "Be strict"},
};
static int check_no_exclamation(const char *text, const char **ret_why)
{
    *ret_why = "must not shout";
    return strchr(text, '!') ? ERR_INVALID : 0;
}

static const struct conf_option second_table[] = {
    {.name = "key-file", .kind = CONF_FILE, .help = "A key"},
    {.name = "log-level",
     .kind = CONF_CHOICE,
     .flags = CONF_RELOADABLE,
     .default_text = "info",
     .choices = "error|warn|info|debug",
     .help = "How much"},
    {.name = "fault", .kind = CONF_STR, .flags = CONF_REPEATABLE, .help = "Faults", .check = check_no_exclamation},
    {.name = "wipe", .kind = CONF_BOOL, .flags = CONF_FLAG_ONLY, .help = "Wipe it"},
};

static const char *program_name;

static char file_path[64];

/* The outcome of one load, with what it printed. */
struct loaded {
    struct conf *conf;
    enum conf_next next;
    int status;
    char out[8192];
    char err[8192];
};

static int capture(int fd, FILE **ret_file)
{
    int saved = dup(fd);
    *ret_file = tmpfile();
    assert_non_null(*ret_file);
    fflush(NULL);
    assert_true(dup2(fileno(*ret_file), fd) >= 0);
    return saved;
}

static void release(int fd, int saved, FILE *file, char *ret_text, size_t cap)
{
    fflush(NULL);
    assert_true(dup2(saved, fd) >= 0);
    close(saved);
    ssize_t n = pread(fileno(file), ret_text, cap - 1, 0);
    assert_true(n >= 0);
    ret_text[n] = '\0';
    fclose(file);
}

/* `line` holds the arguments, separated by one space. */
static struct loaded load(const char *line)
{
    static struct loaded l;
    static char words[1024], program[] = "prog";
    const struct conf_option *const tables[] = {first_table, second_table};
    const size_t lens[] = {COUNT(first_table), COUNT(second_table)};
    char *argv[32] = {program};
    int argc = 1;
    FILE *out, *err;
    l = (struct loaded){.status = -1};
    snprintf(words, sizeof words, "%s", line);
    for (char *at = words; *at;) {
        char *end = strchrnul(at, ' ');
        argv[argc++] = at;
        at = *end ? end + 1 : end;
        *end = '\0';
    }
    int saved_out = capture(STDOUT_FILENO, &out), saved_err = capture(STDERR_FILENO, &err);
    int result = conf_load(program_name, tables, lens, 2, argc, argv, &l.conf, &l.next, &l.status);
    release(STDERR_FILENO, saved_err, err, l.err, sizeof l.err);
    release(STDOUT_FILENO, saved_out, out, l.out, sizeof l.out);
    assert_int_equal(result, 0);
    assert_int_equal(l.next, l.conf ? CONF_RUN : CONF_EXIT);
    return l;
}

static struct conf *load_good(const char *line)
{
    struct loaded l = load(line);
    assert_string_equal(l.err, "");
    assert_string_equal(l.out, "");
    assert_non_null(l.conf);
    return l.conf;
}

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static const char *with_file(const char *args, const char *text)
{
    static char line[256];
    write_file(text, strlen(text));
    snprintf(line, sizeof line, "--config %s%s%s", file_path, *args ? " " : "", args);
    return line;
}

static int clear_environment(void **state)
{
    static const char *const names[] = {"CARILLON_REDIS_URL", "CARILLON_PACE_MS", "CARILLON_STRICT",
                                        "CARILLON_FAULT",     "CARILLON_CONFIG",  "CARILLON_LOG_LEVEL"};
    (void)state;
    program_name = "carillon-test";
    for (size_t i = 0; i < COUNT(names); i++)
        unsetenv(names[i]);
    return 0;
}

static void test_defaults_hold_where_nothing_is_given(void **state)
{
    struct conf *c = load_good("--redis-url redis://x");
    (void)state;
    assert_string_equal(conf_str(c, "redis-url"), "redis://x");
    assert_int_equal(conf_i64(c, "pace-ms"), 250);
    assert_false(conf_bool(c, "strict"));
    assert_false(conf_is_set(c, "strict"));
    assert_true(conf_is_set(c, "pace-ms"));
    assert_null(conf_str(c, "key-file"));
    assert_string_equal(conf_str(c, "log-level"), "info");
    assert_int_equal(conf_count(c, "fault"), 0);
    assert_int_equal(conf_rest_count(c), 0);
    conf_free(c);
    conf_free(NULL);
}

static void test_flags_and_arguments_may_be_mixed(void **state)
{
    struct conf *c = load_good("submit --redis-url=a=b --pace-ms -5 --strict - --key-file k --fault x=1,2 --fault y -- "
                               "--strict");
    (void)state;
    assert_string_equal(conf_str(c, "redis-url"), "a=b");
    assert_int_equal(conf_i64(c, "pace-ms"), -5);
    assert_true(conf_bool(c, "strict"));
    assert_string_equal(conf_str(c, "key-file"), "k");
    assert_int_equal(conf_count(c, "fault"), 2);
    assert_string_equal(conf_str_at(c, "fault", 0), "x=1,2");
    assert_string_equal(conf_str_at(c, "fault", 1), "y");
    assert_int_equal(conf_rest_count(c), 3);
    assert_string_equal(conf_rest(c, 0), "submit");
    assert_string_equal(conf_rest(c, 1), "-");
    assert_string_equal(conf_rest(c, 2), "--strict");
    conf_free(c);
    c = load_good("--redis-url a --strict=false");
    assert_false(conf_bool(c, "strict"));
    assert_true(conf_is_set(c, "strict"));
    conf_free(c);
}

static void test_a_flag_goes_before_the_environment_and_that_before_the_file(void **state)
{
    const char *file = "redis_url = file\npace_ms = 3\nfault = a, b\n";
    (void)state;
    struct conf *c = load_good(with_file("", file));
    assert_string_equal(conf_str(c, "redis-url"), "file");
    assert_int_equal(conf_i64(c, "pace-ms"), 3);
    assert_int_equal(conf_count(c, "fault"), 2);
    assert_string_equal(conf_str_at(c, "fault", 1), "b");
    conf_free(c);
    setenv("CARILLON_REDIS_URL", "env", 1);
    setenv("CARILLON_PACE_MS", "2", 1);
    setenv("CARILLON_FAULT", "c", 1);
    setenv("CARILLON_STRICT", "", 1);
    c = load_good(with_file("", file));
    assert_string_equal(conf_str(c, "redis-url"), "env");
    assert_int_equal(conf_i64(c, "pace-ms"), 2);
    assert_int_equal(conf_count(c, "fault"), 1);
    assert_false(conf_is_set(c, "strict"));
    conf_free(c);
    c = load_good(with_file("--redis-url flag", file));
    assert_string_equal(conf_str(c, "redis-url"), "flag");
    assert_int_equal(conf_i64(c, "pace-ms"), 2);
    conf_free(c);
    setenv("CARILLON_CONFIG", file_path, 1);
    unsetenv("CARILLON_PACE_MS");
    c = load_good("--strict");
    assert_int_equal(conf_i64(c, "pace-ms"), 3);
    conf_free(c);
}

static void test_a_file_has_comments_spaces_and_groups(void **state)
{
    struct conf *c = load_good(with_file("", "# one\r\n"
                                             "  ; two\r\n"
                                             "\t redis_url\t=  redis://a b = c # kept  \r\n"
                                             "[carillon-worker]\n"
                                             "unknown_here = 1\n"
                                             "[carillon-test]\n"
                                             "pace_ms=17"));
    (void)state;
    assert_string_equal(conf_str(c, "redis-url"), "redis://a b = c # kept");
    assert_int_equal(conf_i64(c, "pace-ms"), 17);
    conf_free(c);
}

/* Its settings would be nobody's, and nobody would be told. */
static void test_a_group_whose_name_is_misspelt_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"carillon-workers", "carillon-Worker", "carillon ", "carillon-",
                                        "carillonworker"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "redis_url = x\n[%s]\npace_ms = 17\n", names[i]);
        struct loaded l = load(with_file("", text));
        assert_null(l.conf);
        assert_non_null(strstr(l.err, "carillon-test: test.conf:2: group 'carillon"));
    }
    for (size_t i = 0; i < 3; i++) {
        static const char *const known[] = {"carillon-producer", "carillon-notifier", "carillon"};
        char text[128];
        (void)snprintf(text, sizeof text, "redis_url = x\n[%s]\nof_another = 17\n", known[i]);
        conf_free(load_good(with_file("", text)));
    }
}

static void test_a_byte_order_mark_in_front_of_a_file_is_passed_over(void **state)
{
    (void)state;
    struct conf *c = load_good(with_file("", "\xEF\xBB\xBFredis_url = a\r\npace_ms = 3\r\n"));
    assert_string_equal(conf_str(c, "redis-url"), "a");
    assert_int_equal(conf_i64(c, "pace-ms"), 3);
    conf_free(c);
}

static void test_what_a_command_is_to_do_is_said_by_flags_only(void **state)
{
    (void)state;
    setenv("CARILLON_WIPE", "true", 1);
    struct conf *c = load_good("--redis-url a");
    assert_false(conf_bool(c, "wipe"));
    conf_free(c);
    unsetenv("CARILLON_WIPE");
    c = load_good("--redis-url a --wipe");
    assert_true(conf_bool(c, "wipe"));
    conf_free(c);
    struct loaded l = load(with_file("--redis-url a", "wipe = true\n"));
    assert_null(l.conf);
    assert_string_equal(l.err, "carillon-test: test.conf:1: wipe: no such option\n");
}

static void test_the_tool_reads_its_group_whatever_the_verb_and_passes_over_what_only_daemons_know(void **state)
{
    static const char general[] = "drain_timeout_ms = 1\nredis_url = x\n[carillon]\npace_ms = 9\n";
    (void)state;
    program_name = "carillon frob create";
    struct conf *c = load_good(with_file("", general));
    assert_string_equal(conf_str(c, "redis-url"), "x");
    assert_int_equal(conf_i64(c, "pace-ms"), 9);
    conf_free(c);
    struct loaded l = load(with_file("", "[carillon]\nredis_url = x\nnonsense = 1\n"));
    assert_null(l.conf);
    assert_string_equal(l.err, "carillon frob create: test.conf:3: nonsense: no such option\n");
}

static void test_every_fault_is_told_at_once_with_its_place(void **state)
{
    (void)state;
    setenv("CARILLON_PACE_MS", "1001", 1);
    struct loaded l = load(with_file("--nonsense --strict=maybe --key-file= -x --pace-ms", "log_level = loud\n"
                                                                                           "redis-url = x\n"
                                                                                           "nonsense = 1\n"
                                                                                           "no equals\n"
                                                                                           "[carillon\n"
                                                                                           "[elsewhere]\n"));
    assert_null(l.conf);
    assert_int_equal(l.status, 2);
    assert_string_equal(l.err, "carillon-test: --nonsense: no such option\n"
                               "carillon-test: --strict: 'maybe' is neither true nor false\n"
                               "carillon-test: --key-file: must not be empty\n"
                               "carillon-test: -x: no such option\n"
                               "carillon-test: --pace-ms: needs a value\n"
                               "carillon-test: CARILLON_PACE_MS: '1001' is not a whole number from -5 to 1000\n"
                               "carillon-test: test.conf:1: log_level: 'loud' is none of error|warn|info|debug\n"
                               "carillon-test: test.conf:2: redis-url: no such option\n"
                               "carillon-test: test.conf:3: nonsense: no such option\n"
                               "carillon-test: test.conf:4: neither 'name = value' nor a comment\n"
                               "carillon-test: test.conf:5: a group ends with ']'\n"
                               "carillon-test: test.conf:6: group 'elsewhere' is no process of Carillon's\n"
                               "carillon-test: --help lists the options\n");
}

static void test_the_exit_status_tells_usage_from_configuration(void **state)
{
    static const struct {
        const char *args;
        const char *file;
        int status;
        const char *what;
    } cases[] = {
        {"", "", 2, "--redis-url: required (or CARILLON_REDIS_URL in the environment)"},
        {"--redis-url=", "", 2, "--redis-url: required"},
        {"--redis-url a --redis-url b", "", 2, "--redis-url: given twice"},
        {"--redis-url a --pace-ms 1x", "", 2, "--pace-ms: '1x' is not a whole number"},
        {"--redis-url --strict", "", 2, "--redis-url: needs a value"},
        {"--redis-url a --config b", "", 2, "--config: given twice"},
        {"--redis-url a --fault=", "", 2, "--fault: an empty value"},
        {"--redis-url a --fault ok --fault a!", "", 2, "--fault: must not shout"},
        {"--redis-url a", "fault = ok, a!, b\n", 3, "test.conf:1: fault: must not shout"},
        {"--redis-url a", "pace_ms = 1\npace_ms = 2\n", 3, "test.conf:2: pace_ms: given twice"},
        {"--redis-url a", "fault = x,,y\n", 3, "test.conf:1: fault: an empty value"},
        {"--redis-url a", "key_file =\n", 3, "test.conf:1: key_file: must not be empty"},
        {"--redis-url a", "key_file = \xff\n", 3, "not UTF-8 text"},
        {"--redis-url a --strict=2", "pace_ms = x\n", 2, "test.conf:1: pace_ms: 'x'"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct loaded l = load(with_file(cases[i].args, cases[i].file));
        assert_null(l.conf);
        assert_int_equal(l.status, cases[i].status);
        if (!strstr(l.err, cases[i].what))
            fail_msg("'%s' is not in '%s'", cases[i].what, l.err);
    }
}

static void test_a_file_that_cannot_be_read_is_a_fault_of_configuration(void **state)
{
    static char huge[LIMIT_CONF_FILE_BYTES + 2];
    (void)state;
    struct loaded l = load("--redis-url a --config /nonexistent/x.conf");
    assert_int_equal(l.status, 3);
    assert_string_equal(l.err, "carillon-test: /nonexistent/x.conf: No such file or directory\n");
    assert_int_equal(load("--redis-url a --config /").status, 3);
    memset(huge, '#', sizeof huge);
    write_file(huge, LIMIT_CONF_FILE_BYTES);
    conf_free(load_good(with_file("--redis-url a", "")));
    write_file(huge, LIMIT_CONF_FILE_BYTES + 1);
    char line[128];
    snprintf(line, sizeof line, "--redis-url a --config %s", file_path);
    assert_int_equal(load(line).status, 3);
    write_file("pace_ms = 1\0\n", 13);
    assert_int_equal(load(line).status, 3);
}

static void test_help_and_version_print_and_end_with_0(void **state)
{
    (void)state;
    struct loaded l = load("--pace-ms nonsense --help");
    assert_null(l.conf);
    assert_int_equal(l.status, 0);
    assert_string_equal(l.err, "");
    for (size_t i = 0; i < COUNT(first_table); i++)
        assert_non_null(strstr(l.out, first_table[i].name));
    for (size_t i = 0; i < COUNT(second_table); i++)
        assert_non_null(strstr(l.out, second_table[i].help));
    assert_non_null(strstr(l.out, "[-5 to 1000] [default: 250]"));
    l = load("--version");
    assert_int_equal(l.status, 0);
    assert_string_equal(l.out, "carillon-test " CARILLON_VERSION "\n");
}

static void test_a_reload_takes_over_what_is_reloadable_only(void **state)
{
    struct conf *c = load_good(with_file("", "redis_url = a\npace_ms = 1\nlog_level = warn\n"));
    struct buf why;
    (void)state;
    buf_init(&why, 1000);
    with_file("", "redis_url = b\npace_ms = 2\nlog_level = debug\n");
    assert_int_equal(conf_reload(c, &why), 0);
    assert_string_equal(conf_str(c, "log-level"), "debug");
    assert_string_equal(conf_str(c, "redis-url"), "a");
    assert_int_equal(conf_i64(c, "pace-ms"), 1);
    with_file("", "log_level = error\npace_ms = x\n");
    assert_int_equal(conf_reload(c, &why), ERR_INVALID);
    assert_string_equal(conf_str(c, "log-level"), "debug");
    assert_string_equal(buf_str(&why), "test.conf:2: pace_ms: 'x' is not a whole number from -5 to 1000\n");
    with_file("", "");
    assert_int_equal(conf_reload(c, &why), 0);
    assert_string_equal(conf_str(c, "log-level"), "info");
    buf_free(&why);
    conf_free(c);
    c = load_good(with_file("--redis-url a --log-level warn", "log_level = debug\n"));
    assert_int_equal(conf_reload(c, &why), 0);
    assert_string_equal(conf_str(c, "log-level"), "warn"); /* a flag still goes first */
    conf_free(c);
}

#define CASE(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_defaults_hold_where_nothing_is_given),
        CASE(test_flags_and_arguments_may_be_mixed),
        CASE(test_a_flag_goes_before_the_environment_and_that_before_the_file),
        CASE(test_a_file_has_comments_spaces_and_groups),
        CASE(test_a_group_whose_name_is_misspelt_is_refused),
        CASE(test_a_byte_order_mark_in_front_of_a_file_is_passed_over),
        CASE(test_what_a_command_is_to_do_is_said_by_flags_only),
        CASE(test_the_tool_reads_its_group_whatever_the_verb_and_passes_over_what_only_daemons_know),
        CASE(test_every_fault_is_told_at_once_with_its_place),
        CASE(test_the_exit_status_tells_usage_from_configuration),
        CASE(test_a_file_that_cannot_be_read_is_a_fault_of_configuration),
        CASE(test_help_and_version_print_and_end_with_0),
        CASE(test_a_reload_takes_over_what_is_reloadable_only),
    };
    char folder[] = "/tmp/carillon-conf-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    snprintf(file_path, sizeof file_path, "%s/test.conf", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file_path);
    rmdir(folder);
    return failed;
}
