/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/completion.h"

#include <string.h>

#include "producer/cli/arguments.h"

#define POSIX_QUOTE "'\\''"

/* ---- what is completed ---- */

static const struct completion_option always[] = {
    {.name = "config", .help = "an INI file of options", .is_file = true},
    {.name = "help", .help = "tell what can be said here, and end", .is_flag = true},
    {.name = "version", .help = "tell the version, and end", .is_flag = true},
};
#define ALWAYS (sizeof always / sizeof always[0])

bool completion_option(const struct cli_verb *verb, size_t index, struct completion_option *ret_option)
{
    size_t n;
    const struct conf_option *common = arguments_common(&n);
    const struct conf_option *rows = verb ? verb->options : common;
    n = verb ? verb->n_options : n;
    if (index >= n) {
        bool is_one = !verb && index - n < ALWAYS;
        if (is_one)
            *ret_option = always[index - n];
        return is_one;
    }
    *ret_option = (struct completion_option){
        .name = rows[index].name,
        .help = rows[index].help,
        .choices = rows[index].kind == CONF_CHOICE ? rows[index].choices : NULL,
        .is_flag = rows[index].kind == CONF_BOOL,
        .is_file = rows[index].kind == CONF_FILE,
    };
    return true;
}

const char *completion_subject(const struct cli_verb *verb)
{
    if (verb->choices)
        return verb->choices;
    bool is_path = strcmp(verb->subjects, "FILE") == 0 || strcmp(verb->subjects, "TARGET") == 0;
    return is_path ? "@file" : NULL;
}

static size_t first_len(const struct cli_verb *verb)
{
    return strcspn(verb->words, " ");
}

static bool has_same_first(const struct cli_verb *a, const struct cli_verb *b)
{
    return first_len(a) == first_len(b) && strncmp(a->words, b->words, first_len(a)) == 0;
}

bool completion_is_first(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (has_same_first(verbs_at(i), verbs_at(index)))
            return false;
    }
    return true;
}

/* The inside of what stands in single quotes. */
static void put_inside(FILE *out, const char *text, const char *quote)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs(quote, out);
        else
            putc(*text, out);
    }
}

void completion_put_quoted(FILE *out, const char *text, const char *quote)
{
    putc('\'', out);
    put_inside(out, text, quote);
    putc('\'', out);
}

/* ---- the tables, for bash and zsh ---- */

/* The inside of a single-quoted answer: "<word>:<help>" and the end of its line. */
static void put_line(FILE *out, const char *before, const char *word, size_t word_len, const char *help)
{
    fprintf(out, "%s%.*s:", before, (int)word_len, word);
    put_inside(out, help, POSIX_QUOTE);
    putc('\n', out);
}

static void put_choices(FILE *out, const char *choices)
{
    putc('\'', out);
    for (; *choices; choices++)
        putc(*choices == '|' ? '\n' : *choices, out);
    fputs("' ;;\n", out);
}

static void put_group(FILE *out, const struct cli_verb *first)
{
    const struct cli_verb *verb;
    fprintf(out, "    %.*s) _carillon_reply='", (int)first_len(first), first->words);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        const char *second = verb->words + first_len(verb);
        if (has_same_first(first, verb))
            put_line(out, "", second + 1, strlen(second + 1), verb->help);
    }
    fputs("' ;;\n", out);
}

static void put_words(FILE *out)
{
    const struct cli_verb *verb;
    fputs("_carillon_words() { # behind a first word, or none\n    case $1 in\n    '') _carillon_reply='", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        bool is_group = verb->words[first_len(verb)] != '\0';
        if (completion_is_first(i))
            put_line(out, "", verb->words, first_len(verb), is_group ? "several verbs" : verb->help);
    }
    put_line(out, "", "help", 4, "tell what a verb is for");
    fputs("' ;;\n", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        if (verb->words[first_len(verb)] && completion_is_first(i))
            put_group(out, verb);
    }
    fputs("    *) _carillon_reply='' ;;\n    esac\n}\n\n", out);
}

static void put_option_lines(FILE *out, const struct cli_verb *verb)
{
    struct completion_option option;
    for (size_t i = 0; completion_option(verb, i, &option); i++)
        put_line(out, "--", option.name, strlen(option.name), option.help);
}

static void put_options(FILE *out)
{
    const struct cli_verb *verb;
    fputs("_carillon_options() { # of a verb, or before it; nothing for what is no verb\n    local common='", out);
    put_option_lines(out, NULL);
    fputs("'\n    case $1 in\n    '') _carillon_reply=$common ;;\n", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        fprintf(out, "    '%s') _carillon_reply='", verb->words);
        put_option_lines(out, verb);
        fputs("'$common ;;\n", out);
    }
    fputs("    *) _carillon_reply='' ;;\n    esac\n}\n\n", out);
}

static void put_value(FILE *out, const char *verb, const struct completion_option *option)
{
    if (!option->choices && !option->is_flag && !option->is_file)
        return;
    if (verb)
        fprintf(out, "    '%s --%s') _carillon_reply=", verb, option->name);
    else
        fprintf(out, "    *' --%s') _carillon_reply=", option->name);
    if (option->choices)
        put_choices(out, option->choices);
    else
        fprintf(out, "%s ;;\n", option->is_flag ? "@flag" : "@file");
}

static void put_values(FILE *out)
{
    const struct cli_verb *verb;
    struct completion_option option;
    fputs("_carillon_value() { # of a verb's option\n    case \"$1 $2\" in\n", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        for (size_t k = 0; completion_option(verb, k, &option); k++)
            put_value(out, verb->words, &option);
    }
    for (size_t k = 0; completion_option(NULL, k, &option); k++)
        put_value(out, NULL, &option);
    fputs("    *' -h' | *' -V') _carillon_reply=@flag ;;\n    *) _carillon_reply='' ;;\n    esac\n}\n\n", out);
}

static void put_subjects(FILE *out)
{
    const struct cli_verb *verb;
    fputs("_carillon_subject() { # of a verb, the first of them being number 0\n    case \"$1 $2\" in\n", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        const char *subject = completion_subject(verb);
        if (!subject)
            continue;
        fprintf(out, "    '%s 0') _carillon_reply=", verb->words);
        put_choices(out, subject);
    }
    fputs("    *) _carillon_reply='' ;;\n    esac\n}\n\n", out);
}

/* ---- what both shells do with them ---- */

static const char parse[] = "# The words before the one that is completed: the verb, how many subjects, and an option "
                            "that waits for its value.\n"
                            "_carillon_parse() {\n"
                            "    local word\n"
                            "    _carillon_verb='' _carillon_first='' _carillon_pending='' _carillon_n=0\n"
                            "    for word in \"$@\"; do\n"
                            "        if [[ $word == '=' ]]; then # bash cuts --name=value there\n"
                            "            [[ -n $_carillon_pending ]] || _carillon_pending='='\n"
                            "        elif [[ -n $_carillon_pending ]]; then\n"
                            "            _carillon_pending=''\n"
                            "        elif [[ $word == --*=* ]]; then\n"
                            "            continue\n"
                            "        elif [[ $word == -* ]]; then\n"
                            "            _carillon_value \"$_carillon_verb\" \"$word\"\n"
                            "            [[ $_carillon_reply == @flag ]] || _carillon_pending=$word\n"
                            "        elif [[ -n $_carillon_verb ]]; then\n"
                            "            _carillon_n=$((_carillon_n + 1))\n"
                            "        elif [[ $word != help || -n $_carillon_first ]]; then\n"
                            "            _carillon_first=${_carillon_first:+$_carillon_first }$word\n"
                            "            _carillon_options \"$_carillon_first\"\n"
                            "            [[ -z $_carillon_reply ]] || _carillon_verb=$_carillon_first\n"
                            "        fi\n"
                            "    done\n"
                            "}\n\n"
                            "_carillon_answer() { # for a word that begins so\n"
                            "    if [[ -n $_carillon_pending ]]; then\n"
                            "        _carillon_value \"$_carillon_verb\" \"$_carillon_pending\"\n"
                            "    elif [[ $1 == -* ]]; then\n"
                            "        _carillon_options \"$_carillon_verb\"\n"
                            "    elif [[ -n $_carillon_verb ]]; then\n"
                            "        _carillon_subject \"$_carillon_verb\" \"$_carillon_n\"\n"
                            "    else\n"
                            "        _carillon_words \"$_carillon_first\"\n"
                            "    fi\n"
                            "}\n\n";

void completion_tables(FILE *out)
{
    put_words(out);
    put_options(out);
    put_values(out);
    put_subjects(out);
    fputs(parse, out);
}
