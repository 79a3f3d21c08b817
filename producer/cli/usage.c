/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/usage.h"

#include <string.h>

#include "producer/cli/out.h"

static void put_usage(FILE *out, const struct cli_verb *verb)
{
    fprintf(out, "usage: carillon %s%s%s [OPTION]...\n", verb->words, verb->subjects[0] ? " " : "", verb->subjects);
}

void usage_line(const struct cli_verb *verb)
{
    put_usage(stderr, verb);
}

static bool is_of_group(const struct cli_verb *verb, const char *group)
{
    size_t len = strcspn(verb->words, " ");
    return !group || (strlen(group) == len && strncmp(verb->words, group, len) == 0);
}

void usage_overview(FILE *out, const char *group)
{
    const struct cli_verb *verb;
    fputs("usage: carillon VERB [OPTION]...\n\n", out);
    for (size_t i = 0; (verb = verbs_at(i)); i++) {
        char call[64];
        if (!is_of_group(verb, group))
            continue;
        snprintf(call, sizeof call, "%s %s", verb->words, verb->subjects);
        fprintf(out, "  %-29s %s\n", call, verb->help);
    }
    fputs("\n'carillon VERB --help' tells the options of a verb, 'carillon --version' the version.\n", out);
}

void usage_verb(const struct cli_verb *verb, const struct conf_option *common, size_t n_common)
{
    put_usage(stdout, verb);
    printf("\n%c%s.\n", verb->help[0] - 'a' + 'A', verb->help + 1);
    if (verb->about)
        printf("%s\n", verb->about);
    if (verb->n_options > 0) {
        puts("\nOptions:");
        conf_print_options(verb->options, verb->n_options);
    }
    puts("\nOptions of every verb:");
    conf_print_options(common, n_common);
    puts("  --config FILE\n        an INI file with lines such as 'redis_url = redis://127.0.0.1:6379/0'\n\n"
         "An option of every verb is also an environment variable (--redis-url is CARILLON_REDIS_URL) and a line of\n"
         "the file. A flag goes before the environment, the environment before the file.");
}

void usage_unknown(int n_words, char **words)
{
    bool is_group = n_words > 0 && verbs_is_group(words[0]);
    const char *meant = n_words > 0 ? verbs_suggest(n_words, words) : NULL;
    if (n_words == 0 || (is_group && n_words == 1)) {
        usage_overview(stderr, is_group ? words[0] : NULL);
        return;
    }
    out_complain("there is no verb '%s%s%s'", words[0], is_group ? " " : "", is_group ? words[1] : "");
    if (meant)
        out_note("Did you mean 'carillon %s'? 'carillon --help' tells all verbs.", meant);
    else if (is_group)
        usage_overview(stderr, words[0]);
    else
        out_note("'carillon --help' tells all verbs.");
}
