/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon: submit, watch and control campaigns, administer tenants, keys and trunks, audit what lies in Redis.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "producer/cli/verbs.h"

static const struct conf_option common_options[] = {
    {.name = "json", .kind = CONF_BOOL, .default_text = "false", .help = "answer with JSON"},
    {.name = "redis-url",
     .kind = CONF_STR,
     .default_text = "redis://127.0.0.1:6379/0",
     .help = "Redis, for the verbs that talk to it"},
    {.name = "redis-user", .kind = CONF_STR, .help = "Redis user (default: the default user)"},
    {.name = "redis-password-file", .kind = CONF_FILE, .help = "file with the Redis password"},
    {.name = "cell", .kind = CONF_STR, .default_text = "c0", .help = "the cell that is meant"},
    {.name = "url", .kind = CONF_STR, .default_text = "http://127.0.0.1:8080", .help = "the producer"},
    {.name = "api-key-file",
     .kind = CONF_FILE,
     .help = "file with an API key, for the verbs that talk to the producer"},
};

typedef const struct cli_verb *(*verb_table)(size_t *ret_n);
static const verb_table tables[] = {cli_batch_verbs, cli_resource_verbs, cli_key_verbs, cli_audit_verbs};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: carillon VERB ... [--help]\n\n");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        size_t n;
        const struct cli_verb *verbs = tables[t](&n);
        for (size_t i = 0; i < n; i++)
            fprintf(out, "  carillon %-16s %-10s %s\n", verbs[i].words, verbs[i].subjects, verbs[i].help);
    }
}

/* How many of the arguments are the verb's words; 0 where they are another's. */
static int match(const struct cli_verb *verb, int argc, char **argv)
{
    const char *space = strchr(verb->words, ' ');
    size_t first = space ? (size_t)(space - verb->words) : strlen(verb->words);
    if (argc < 2 || strlen(argv[1]) != first || strncmp(argv[1], verb->words, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc >= 3 && strcmp(argv[2], space + 1) == 0 ? 2 : 0;
}

static const struct cli_verb *find_verb(int argc, char **argv, int *ret_words)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        size_t n;
        const struct cli_verb *verbs = tables[t](&n);
        for (size_t i = 0; i < n; i++) {
            *ret_words = match(&verbs[i], argc, argv);
            if (*ret_words > 0)
                return &verbs[i];
        }
    }
    return NULL;
}

static enum cli_exit run_verb(const struct cli_verb *verb, const struct conf *conf)
{
    if (conf_rest_count(conf) != verb->n_subjects) {
        fprintf(stderr, "usage: carillon %s %s ... [--help]\n", verb->words, verb->subjects);
        return CLI_USAGE;
    }
    struct session *session;
    if (session_create(conf, &session) != 0) {
        fprintf(stderr, "carillon: out of memory\n");
        return CLI_FAILED;
    }
    enum cli_exit status = verb->run(session);
    session_free(session);
    return status;
}

int main(int argc, char **argv)
{
    int words;
    const struct cli_verb *verb = find_verb(argc, argv, &words);
    if (!verb) {
        bool is_help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
        print_usage(is_help ? stdout : stderr);
        return is_help ? CLI_DONE : CLI_USAGE;
    }
    char program[64];
    snprintf(program, sizeof program, "carillon %s", verb->words);
    const struct conf_option *const option_tables[] = {common_options, verb->options};
    const size_t lens[] = {sizeof common_options / sizeof common_options[0], verb->n_options};
    struct conf *conf = NULL;
    enum conf_next next;
    int status = CLI_FAILED;
    log_configure("carillon", LOG_ERROR, LOG_FORMAT_TEXT);
    if (conf_load(program, option_tables, lens, verb->n_options > 0 ? 2 : 1, argc - words, argv + words, &conf, &next,
                  &status) != 0)
        return CLI_FAILED;
    if (next == CONF_RUN)
        status = (int)run_verb(verb, conf);
    conf_free(conf);
    return status;
}
