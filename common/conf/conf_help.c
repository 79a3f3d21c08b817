/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf_internal.h"

#include <inttypes.h>
#include <stdio.h>

static void print_spelling(const struct conf_option *row)
{
    switch (row->kind) {
    case CONF_STR:
        printf("  --%s TEXT\n", row->name);
        break;
    case CONF_I64:
        printf("  --%s NUMBER\n", row->name);
        break;
    case CONF_BOOL:
        printf("  --%s[=false]\n", row->name);
        break;
    case CONF_FILE:
        printf("  --%s FILE\n", row->name);
        break;
    case CONF_CHOICE:
        printf("  --%s %s\n", row->name, row->choices);
        break;
    }
}

static void print_row(const struct conf_option *row)
{
    print_spelling(row);
    printf("        %s", row->help);
    if (row->kind == CONF_I64)
        printf(" [%" PRId64 " to %" PRId64 "]", row->min, row->max);
    if (row->default_text)
        printf(" [default: %s]", row->default_text);
    if (row->flags & CONF_REQUIRED)
        fputs(" [required]", stdout);
    if (row->flags & CONF_REPEATABLE)
        fputs(" [repeatable]", stdout);
    if (row->flags & CONF_RELOADABLE)
        fputs(" [read again at SIGHUP]", stdout);
    putchar('\n');
}

void conf_print_options(const struct conf_option *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_row(&rows[i]);
}

void conf_print_help(const struct conf *conf)
{
    printf("Usage: %s [OPTION]...\n\n", conf->program);
    for (size_t i = 0; i < conf->n_rows; i++)
        print_row(conf->rows[i]);
    fputs(
        "  --config FILE\n        an INI file with lines such as 'listen = 127.0.0.1:8080'\n"
        "  --help\n        print this and exit\n"
        "  --version\n        print the version and exit\n\n"
        "Each option is also an environment variable (--listen is CARILLON_LISTEN) and a line of the file of --config\n"
        "(listen = ...). A flag goes before the environment, the environment before the file. Several values of a\n"
        "repeatable option are separated by commas there.\n",
        stdout);
}
