/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define WORDS_MOST 16

/* A command line of words separated by one space, behind the program's name. */
struct command {
    char text[256];
    char *argv[WORDS_MOST];
    int argc;
};

static void command_make(struct command *c, const char *line)
{
    static char program[] = "carillon";
    c->argc = 0;
    c->argv[c->argc++] = program;
    snprintf(c->text, sizeof c->text, "%s", line);
    for (char *at = c->text; *at;) {
        char *end = strchrnul(at, ' ');
        c->argv[c->argc++] = at;
        at = *end ? end + 1 : end;
        *end = '\0';
    }
}

static void test_the_verb_is_found_behind_common_options(void **state)
{
    static const struct {
        const char *line;
        const char *verb; /* NULL: none */
        const char *rest; /* what conf_load() is given */
    } cases[] = {
        {"watch b", "watch", "b"},
        {"watch --json b", "watch", "--json b"},
        {"--json watch b", "watch", "--json b"},
        {"--json=false --cell c1 --config f tenant create acme --cps 5", "tenant create",
         "--json=false --cell c1 --config f acme --cps 5"},
        {"--redis-url=x key list", "key list", "--redis-url=x"},
        {"submit - --contacts -", "submit", "- --contacts -"},
        {"tenant --json list", NULL, NULL},
        {"tenant", NULL, NULL},
        {"--cps 5 tenant set x", NULL, NULL}, /* a verb's own option belongs behind it */
        {"", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command c;
        struct arguments args;
        char rest[256] = "";
        command_make(&c, cases[i].line);
        assert_int_equal(arguments_read(c.argc, c.argv, &args), 0);
        assert_int_equal(args.request, cases[i].verb ? ARGUMENTS_RUN : ARGUMENTS_UNKNOWN);
        if (cases[i].verb) {
            assert_string_equal(args.verb->words, cases[i].verb);
            for (int a = 1; a < args.argc; a++) {
                strncat(rest, a > 1 ? " " : "", sizeof rest - strlen(rest) - 1);
                strncat(rest, args.argv[a], sizeof rest - strlen(rest) - 1);
            }
            assert_string_equal(rest, cases[i].rest);
        }
        arguments_clear(&args);
    }
}

static void test_help_and_version_go_before_everything(void **state)
{
    static const struct {
        const char *line;
        enum arguments_request request;
        const char *verb;
    } cases[] = {
        {"--help", ARGUMENTS_HELP, NULL},
        {"-h", ARGUMENTS_HELP, NULL},
        {"help", ARGUMENTS_HELP, NULL},
        {"help trunk set", ARGUMENTS_HELP, "trunk set"},
        {"trunk set main --cps x --help", ARGUMENTS_HELP, "trunk set"},
        {"--help trunk set", ARGUMENTS_HELP, "trunk set"},
        {"tenant --help", ARGUMENTS_HELP, NULL},
        {"--version", ARGUMENTS_VERSION, NULL},
        {"audit -V", ARGUMENTS_VERSION, "audit"},
        {"audit -- --help", ARGUMENTS_RUN, "audit"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command c;
        struct arguments args;
        command_make(&c, cases[i].line);
        assert_int_equal(arguments_read(c.argc, c.argv, &args), 0);
        assert_int_equal(args.request, cases[i].request);
        if (cases[i].verb)
            assert_string_equal(args.verb->words, cases[i].verb);
        else
            assert_null(args.verb);
        arguments_clear(&args);
    }
}

static void test_typing_errors_find_the_verb_that_was_meant(void **state)
{
    static const struct {
        const char *line;
        const char *meant; /* NULL: nobody can tell */
    } cases[] = {
        {"wacth b", "watch"},
        {"sumbit f", "submit"},
        {"tenat create x", "tenant create"},
        {"tenant creat", "tenant create"},
        {"create tenant", "tenant create"},
        {"list keys", "key list"},
        {"resum b", "resume"},
        {"key revok x", "key revoke"},
        {"frobnicate", NULL},
        {"trunk dance", NULL},
        {"x", NULL},
        {"a_word_much_longer_than_any_verb_could_ever_be", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command c;
        command_make(&c, cases[i].line);
        const char *meant = verbs_suggest(c.argc - 1, c.argv + 1);
        if (cases[i].meant)
            assert_string_equal(meant, cases[i].meant);
        else
            assert_null(meant);
    }
}

/* What the overview and the helps are made of. */
static void test_every_verb_is_complete(void **state)
{
    const struct cli_verb *verb;
    size_t n = 0;
    (void)state;
    for (; (verb = verbs_at(n)); n++) {
        struct command c;
        int used = 0;
        command_make(&c, verb->words);
        assert_ptr_equal(verbs_find(c.argc - 1, c.argv + 1, &used), verb);
        assert_int_equal(used, c.argc - 1);
        assert_true(verb->help[0] >= 'a' && verb->help[0] <= 'z');
        assert_true(strlen(verb->words) + 1 + strlen(verb->subjects) <= 28); /* the overview's column */
        for (size_t i = 0; i < verb->n_options; i++)
            assert_true(verb->options[i].flags & CONF_FLAG_ONLY);
    }
    assert_true(n > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_verb_is_found_behind_common_options),
        cmocka_unit_test(test_help_and_version_go_before_everything),
        cmocka_unit_test(test_typing_errors_find_the_verb_that_was_meant),
        cmocka_unit_test(test_every_verb_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
