/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/completion.h"

#include <string.h>

#define FISH_QUOTE "\\'"

static const char head[] =
    "# Completion of carillon's command line in fish, written by 'carillon completion fish'.\n\n"
    "# The words so far that are neither options nor their values are these, and no others where the first is 'just'.\n"
    "function __carillon_at\n"
    "    set -l words\n"
    "    set -l tokens (commandline -opc)\n"
    "    while set -q tokens[2]\n"
    "        set -e tokens[1]\n"
    "        if contains -- $tokens[1] $__carillon_valued\n"
    "            set -e tokens[1]\n"
    "        else if not string match -q -- '-*' $tokens[1]\n"
    "            set -a words $tokens[1]\n"
    "        end\n"
    "    end\n"
    "    test \"$words[1]\" = help; and set -e words[1]\n"
    "    if test \"$argv[1]\" = just\n"
    "        test \"$words\" = \"$argv[2..-1]\"\n"
    "    else\n"
    "        set -l n (count $argv)\n"
    "        test \"$words[1..$n]\" = \"$argv\"\n"
    "    end\n"
    "end\n\n"
    "complete -c carillon -f\n";

static void put_help(FILE *out, const char *help)
{
    fputs(" -d ", out);
    completion_put_quoted(out, help, FISH_QUOTE);
    putc('\n', out);
}

static void put_spaced(FILE *out, const char *choices)
{
    fputs(" -a '", out);
    for (; *choices; choices++)
        putc(*choices == '|' ? ' ' : *choices, out);
    putc('\'', out);
}

static void put_options(FILE *out, const struct cli_verb *verb)
{
    struct completion_option option;
    for (size_t i = 0; completion_option(verb, i, &option); i++) {
        fputs("complete -c carillon", out);
        if (verb)
            fprintf(out, " -n '__carillon_at %s'", verb->words);
        fprintf(out, " -l %s", option.name);
        if (!option.is_flag)
            fputs(option.is_file ? " -r -F" : " -x", out);
        if (option.choices)
            put_spaced(out, option.choices);
        put_help(out, option.help);
    }
}

static void put_verb(FILE *out, size_t index, const struct cli_verb *verb)
{
    const char *space = strchr(verb->words, ' ');
    int first = (int)strcspn(verb->words, " ");
    if (completion_is_first(index)) {
        fprintf(out, "complete -c carillon -n '__carillon_at just' -a %.*s", first, verb->words);
        put_help(out, space ? "several verbs" : verb->help);
    }
    if (space) {
        fprintf(out, "complete -c carillon -n '__carillon_at just %.*s' -a %s", first, verb->words, space + 1);
        put_help(out, verb->help);
    }
}

static void put_subject(FILE *out, const struct cli_verb *verb)
{
    const char *subject = completion_subject(verb);
    if (!subject)
        return;
    fprintf(out, "complete -c carillon -n '__carillon_at just %s'", verb->words);
    if (subject[0] == '@')
        fputs(" -F", out);
    else
        put_spaced(out, subject);
    putc('\n', out);
}

static void put_valued(FILE *out, const struct cli_verb *verb)
{
    struct completion_option option;
    for (size_t i = 0; completion_option(verb, i, &option); i++) {
        if (!option.is_flag)
            fprintf(out, " --%s", option.name);
    }
}

void completion_fish(FILE *out)
{
    const struct cli_verb *verb;
    fputs(head, out);
    fputs("set -g __carillon_valued", out);
    put_valued(out, NULL);
    for (size_t i = 0; (verb = verbs_at(i)); i++)
        put_valued(out, verb);
    fputs("\n", out);
    put_options(out, NULL);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        put_verb(out, i, verb);
        put_subject(out, verb);
        put_options(out, verb);
    }
}
