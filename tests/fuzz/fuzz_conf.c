/* SPDX-License-Identifier: Apache-2.0
 *
 * Options from a stranger. The input is a file, then the environment, then the flags, each behind a line "--env--" or
 * "--args--", one a line. What is taken lies within its row's bounds and reads the same when it is given again as
 * flags; what is refused is told in short printable lines.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/conf/conf.h"
#include "producer/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 64
#define TEXT_MAX 65536
#define FAULT_LINE_MAX 512

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the options ---- */

static int check_even(const char *text, const char **ret_why)
{
    *ret_why = "has an odd number of letters";
    return strlen(text) % 2 == 0 ? 0 : ERR_INVALID;
}

static const struct conf_option own_options[] = {
    {.name = "redis-url", .kind = CONF_STR, .flags = CONF_REQUIRED, .default_text = "redis://127.0.0.1"},
    {.name = "cells", .kind = CONF_STR, .default_text = "c0c1", .check = check_even},
    {.name = "pace-ms", .kind = CONF_I64, .flags = CONF_RELOADABLE, .default_text = "5", .min = -10, .max = 1000},
    {.name = "huge", .kind = CONF_I64, .default_text = "0", .min = INT64_MIN, .max = INT64_MAX},
    {.name = "strict", .kind = CONF_BOOL, .default_text = "false"},
    {.name = "key-file", .kind = CONF_FILE},
    {.name = "log-level", .kind = CONF_CHOICE, .default_text = "info", .choices = "error|warn|info|debug"},
    {.name = "fault", .kind = CONF_STR, .flags = CONF_REPEATABLE | CONF_RELOADABLE, .check = check_even},
    {.name = "verb", .kind = CONF_STR, .flags = CONF_FLAG_ONLY},
};
#define OWN_OPTIONS (sizeof own_options / sizeof own_options[0])

static const struct conf_option *option_at(size_t i)
{
    if (i < OWN_OPTIONS)
        return &own_options[i];
    return i - OWN_OPTIONS < api_option_count ? &api_options[i - OWN_OPTIONS] : NULL;
}

/* ---- the input, cut ---- */

struct input {
    char text[TEXT_MAX + 1];
    const char *file;
    size_t file_len;
    char *env[LINES_MAX + 1];
    char *args[LINES_MAX + 1];
    int n_args;
};

/* The lines between `at` and its end, NULs ending them early. */
static size_t cut_lines(char *at, char **lines, size_t most)
{
    size_t n = 0;
    while (at != NULL && *at != '\0' && n < most) {
        char *end = strchr(at, '\n');
        if (end != NULL)
            *end++ = '\0';
        lines[n++] = at;
        at = end;
    }
    lines[n] = NULL;
    return n;
}

/* The text behind the line `mark`, which is cut off what stands before it; NULL where there is none. */
static char *cut_at(char *text, size_t len, const char *mark)
{
    char *found = memmem(text, len, mark, strlen(mark));
    if (found == NULL)
        return NULL;
    *found = '\0';
    return found + strlen(mark);
}

static void cut_input(struct input *in, const uint8_t *data, size_t size)
{
    static char program[] = "carillon-worker";
    size_t len = size < TEXT_MAX ? size : TEXT_MAX;
    memcpy(in->text, data, len);
    in->text[len] = '\0';
    char *args = cut_at(in->text, len, "--args--\n");
    char *env = cut_at(in->text, args != NULL ? (size_t)(args - in->text) : len, "--env--\n");
    in->file = in->text;
    in->file_len = env != NULL ? (size_t)(env - in->text) - 8 : args != NULL ? (size_t)(args - in->text) - 9 : len;
    cut_lines(env, in->env, LINES_MAX);
    in->args[0] = program;
    in->n_args = 1 + (int)cut_lines(args, in->args + 1, LINES_MAX - 1);
}

/* ---- loading, with what is printed caught ---- */

struct outcome {
    struct conf *conf;
    enum conf_next next;
    int status;
    char said[2][TEXT_MAX]; /* on stdout, on stderr */
    size_t said_len[2];
};

static void load(int argc, char **argv, char **env, struct outcome *o)
{
    static const struct conf_option *tables[2];
    const size_t lens[] = {OWN_OPTIONS, api_option_count};
    FILE *real[] = {stdout, stderr};
    tables[0] = own_options;
    tables[1] = api_options;
    stdout = fmemopen(o->said[0], sizeof o->said[0] - 1, "w");
    stderr = fmemopen(o->said[1], sizeof o->said[1] - 1, "w");
    demand(stdout != NULL && stderr != NULL);
    char **own_env = environ;
    environ = env;
    int err = conf_load("carillon-worker", tables, lens, 2, argc, argv, &o->conf, &o->next, &o->status);
    environ = own_env;
    FILE *caught[] = {stdout, stderr};
    stdout = real[0];
    stderr = real[1];
    for (size_t i = 0; i < 2; i++) {
        fflush(caught[i]);
        long len = ftell(caught[i]);
        o->said_len[i] = len > 0 ? (size_t)len : 0;
        fclose(caught[i]);
    }
    demand(err == 0);
}

/* ---- what must hold ---- */

static void check_said(const char *text, size_t len)
{
    size_t line = 0;
    for (size_t i = 0; i < len; i++) {
        line = text[i] == '\n' ? 0 : line + 1;
        demand(line <= FAULT_LINE_MAX);
        demand(text[i] == '\n' || ((unsigned char)text[i] >= 0x20 && text[i] != 0x7F));
    }
    demand(len == 0 || text[len - 1] == '\n');
    demand(utf8_is_valid(text, len));
}

static void check_exit(const struct outcome *o)
{
    demand(o->conf == NULL);
    if (o->status == 0) {
        demand(o->said_len[0] > 0 && o->said_len[1] == 0);
        return;
    }
    demand((o->status == 2 || o->status == 3) && o->said_len[0] == 0 && o->said_len[1] > 0);
    if (o->said_len[1] < sizeof o->said[1] - 1)
        check_said(o->said[1], o->said_len[1]);
}

static void check_text(const struct conf_option *row, const char *text)
{
    const char *why;
    if (text != NULL && row->check != NULL)
        demand(row->check(text, &why) >= 0);
}

static void check_value(const struct conf *conf, const struct conf_option *row)
{
    if (row->flags & CONF_REPEATABLE) {
        demand(conf_count(conf, row->name) <= LIMIT_CONF_VALUES);
        for (size_t i = 0; i < conf_count(conf, row->name); i++) {
            demand(conf_str_at(conf, row->name, i)[0] != '\0');
            check_text(row, conf_str_at(conf, row->name, i));
        }
        return;
    }
    switch (row->kind) {
    case CONF_I64:
        demand(!conf_is_set(conf, row->name) ||
               (conf_i64(conf, row->name) >= row->min && conf_i64(conf, row->name) <= row->max));
        break;
    case CONF_BOOL:
        (void)conf_bool(conf, row->name);
        break;
    case CONF_CHOICE:
        demand(strstr(row->choices, conf_str(conf, row->name)) != NULL);
        break;
    case CONF_FILE:
    case CONF_STR:
        check_text(row, conf_str(conf, row->name));
        demand(conf_str(conf, row->name) == NULL || row->kind == CONF_STR || conf_str(conf, row->name)[0] != '\0');
        break;
    }
    demand(!(row->flags & CONF_REQUIRED) || conf_is_set(conf, row->name));
}

/* The value of an option as a flag says it; the caller frees it. NULL where it has none. */
static char *flag_of(const struct conf *conf, const struct conf_option *row, size_t index)
{
    char number[32];
    const char *text = NULL;
    if (row->flags & CONF_REPEATABLE) {
        text = conf_str_at(conf, row->name, index);
    } else if (!conf_is_set(conf, row->name)) {
        return NULL;
    } else if (row->kind == CONF_I64) {
        snprintf(number, sizeof number, "%lld", (long long)conf_i64(conf, row->name));
        text = number;
    } else if (row->kind == CONF_BOOL) {
        text = conf_bool(conf, row->name) ? "true" : "false";
    } else {
        text = conf_str(conf, row->name);
    }
    char *flag = NULL;
    demand(asprintf(&flag, "--%s=%s", row->name, text) > 0);
    return flag;
}

static size_t values_of(const struct conf *conf, const struct conf_option *row)
{
    return row->flags & CONF_REPEATABLE ? conf_count(conf, row->name) : 1;
}

/* Every value as flags, in a list that ends with NULL. */
static char **list_flags(const struct conf *conf, int *ret_n)
{
    static char program[] = "carillon-worker";
    const struct conf_option *row;
    char **flags = calloc(2 + OWN_OPTIONS + api_option_count + (size_t)4 * LIMIT_CONF_VALUES, sizeof(char *));
    int n = 0;
    demand(flags != NULL);
    flags[n++] = program;
    for (size_t i = 0; (row = option_at(i)) != NULL; i++) {
        for (size_t value = 0; value < values_of(conf, row); value++) {
            char *flag = flag_of(conf, row, value);
            if (flag != NULL)
                flags[n++] = flag;
        }
    }
    *ret_n = n;
    return flags;
}

static void free_flags(char **flags)
{
    for (size_t i = 1; flags[i] != NULL; i++)
        free(flags[i]);
    free(flags);
}

/* What was read is read again from flags alone, and nothing is lost or added on the way. */
static void check_again(const struct conf *conf)
{
    static struct outcome again;
    char *no_env[] = {NULL};
    int n, n_again;
    char **flags = list_flags(conf, &n);
    load(n, flags, no_env, &again);
    demand(again.next == CONF_RUN && again.conf != NULL);
    char **flags_again = list_flags(again.conf, &n_again);
    demand(n == n_again);
    for (int i = 0; i < n; i++)
        demand(strcmp(flags[i], flags_again[i]) == 0);
    conf_free(again.conf);
    free_flags(flags);
    free_flags(flags_again);
}

static void check_run(struct conf *conf)
{
    const struct conf_option *row;
    struct buf why;
    for (size_t i = 0; (row = option_at(i)) != NULL; i++)
        check_value(conf, row);
    for (size_t i = 0; i < conf_rest_count(conf); i++)
        demand(conf_rest(conf, i) != NULL);
    check_again(conf);
    buf_init(&why, TEXT_MAX);
    demand(conf_reload(conf, &why) == 0);
    buf_free(&why);
    check_again(conf);
}

/* The path of a file with this text: always the same file. */
static char *write_file(const char *text, size_t len)
{
    static char setting[64];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("carillon.conf", 0);
    demand(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
    snprintf(setting, sizeof setting, "CARILLON_CONFIG=/proc/self/fd/%d", fd);
    return setting;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input in;
    static struct outcome o;
    cut_input(&in, data, size);
    size_t n = 0;
    while (in.env[n] != NULL)
        n++;
    if (n == LINES_MAX)
        n--;
    in.env[n] = write_file(in.file, in.file_len);
    in.env[n + 1] = NULL;
    load(in.n_args, in.args, in.env, &o);
    if (o.next == CONF_EXIT)
        check_exit(&o);
    else
        check_run(o.conf);
    conf_free(o.conf);
    return 0;
}
