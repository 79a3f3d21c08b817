/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/redis/redis_options.h"
#include "common/redis/redis_url.h"
#include "producer/cli/api_client.h"

static int check_redis_url(const char *text, const char **ret_why)
{
    struct redis_url url;
    return redis_url_parse(text, &url, ret_why);
}

static int check_cell(const char *text, const char **ret_why)
{
    *ret_why = "a cell is 1 to 8 characters of a-z and 0-9";
    return ident_is_cell(text, strlen(text)) ? 0 : ERR_INVALID;
}

static const struct conf_option common_options[] = {
    {.name = "json", .kind = CONF_BOOL, .default_text = "false", .help = "answer with JSON"},
    {.name = "redis-url",
     .kind = CONF_STR,
     .default_text = "redis://127.0.0.1:6379/0",
     .check = check_redis_url,
     .help = "Redis, for tenants, trunks, keys, stop, start and audit"},
    REDIS_OPTION_ROWS,
    {.name = "secrets-key-file",
     .kind = CONF_FILE,
     .help = "a file with the 32 bytes, as hexadecimal or base64, that seal secrets in Redis"},
    {.name = "cell", .kind = CONF_STR, .default_text = "c0", .check = check_cell, .help = "the cell that is meant"},
    {.name = "url",
     .kind = CONF_STR,
     .default_text = "http://127.0.0.1:8080",
     .check = api_client_check_url,
     .help = "the producer, for campaigns"},
    {.name = "api-key-file", .kind = CONF_FILE, .help = "a file with an API key, for campaigns"},
};
#define COMMON (sizeof common_options / sizeof common_options[0])

const struct conf_option *arguments_common(size_t *ret_n)
{
    *ret_n = COMMON;
    return common_options;
}

static bool is_any(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] != '\0';
}

/* The common option that is written there, with or without its value; NULL for any other. */
static const struct conf_option *common_of(const char *text)
{
    static const struct conf_option config = {.name = "config", .kind = CONF_FILE};
    size_t len = strcspn(text, "=");
    for (size_t i = 0; i <= COMMON; i++) {
        const struct conf_option *option = i < COMMON ? &common_options[i] : &config;
        if (len == strlen(option->name) + 2 && strncmp(text, "--", 2) == 0 &&
            strncmp(text + 2, option->name, len - 2) == 0)
            return option;
    }
    return NULL;
}

/* How many arguments the option at argv[0] takes up. What is no common option counts as one. */
static int option_len(int argc, char **argv)
{
    const struct conf_option *option = common_of(argv[0]);
    bool has_value = option && option->kind != CONF_BOOL && !strchr(argv[0], '=');
    return has_value && argc > 1 ? 2 : 1;
}

/* Whether one of two spellings stands among the options. */
static bool has(int argc, char **argv, const char *a, const char *b)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_any(argv[i], a, b))
            return true;
    }
    return false;
}

static enum arguments_request judge(const struct arguments *args, int argc, char **argv)
{
    if (has(argc, argv, "--help", "-h"))
        return ARGUMENTS_HELP;
    if (has(argc, argv, "--version", "-V"))
        return ARGUMENTS_VERSION;
    return args->verb ? ARGUMENTS_RUN : ARGUMENTS_UNKNOWN;
}

int arguments_read(int argc, char **argv, struct arguments *ret_args)
{
    struct arguments args = {.verb = NULL};
    int at = 1, used = 0;
    while (at < argc && is_option(argv[at]) && strcmp(argv[at], "--") != 0) {
        if (!common_of(argv[at]) && !args.stray)
            args.stray = argv[at];
        at += option_len(argc - at, argv + at);
    }
    bool is_help = at < argc && strcmp(argv[at], "help") == 0;
    args.words = argv + at + is_help;
    while (args.n_words < 2 && args.words + args.n_words < argv + argc && !is_option(args.words[args.n_words]))
        args.n_words++;
    args.verb = verbs_find(args.n_words, args.words, &used);
    args.request = is_help ? ARGUMENTS_HELP : judge(&args, argc - 1, argv + 1);
    args.argv = calloc((size_t)argc + 1, sizeof *args.argv);
    if (!args.argv)
        return ERR_NOMEM;
    for (int i = 0; i < argc; i++) {
        if (i < at || argv + i >= args.words + used)
            args.argv[args.argc++] = argv[i];
    }
    *ret_args = args;
    return 0;
}

void arguments_clear(struct arguments *args)
{
    free(args->argv);
}
