/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf_internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/base/utf8.h"
#include "version.h"

#define FAULTS_MAX_BYTES ((size_t)64 << 10)
#define ENV_PREFIX "CARILLON_"

/* ---- faults ---- */

void conf_fault(struct conf_faults *faults, enum conf_source source, const char *where, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (n < 0)
        what[0] = '\0';
    if (source == CONF_FROM_FLAGS)
        faults->has_usage = true;
    else
        faults->has_config = true;
    /* Beyond the bound the exit status still tells. */
    (void)!buf_printf(&faults->text, "%s: %s\n", where, what);
}

/* The bytes of the character at `text` that a terminal may be shown; 0 for what it may not: broken UTF-8, and control
 * characters, those of two bytes (U+0080 to U+009F) as well. */
static size_t shown_len(const char *text, size_t len)
{
    size_t n = utf8_sequence_len(text, len);
    unsigned char first = (unsigned char)text[0];
    bool is_control =
        (n == 1 && (first < 0x20 || first == 0x7F)) || (n == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0);
    return is_control ? 0 : n;
}

struct conf_shown conf_show_most(const char *text, size_t len, size_t most)
{
    struct conf_shown shown;
    size_t at = 0, n = 0;
    if (most > sizeof shown.text - 4)
        most = sizeof shown.text - 4;
    while (at < len) {
        size_t taken = shown_len(text + at, len - at);
        size_t written = taken > 0 ? taken : 1;
        if (n + written > most)
            break;
        memcpy(shown.text + n, taken > 0 ? text + at : "?", written);
        n += written;
        at += written;
    }
    memcpy(shown.text + n, at < len ? "..." : "", at < len ? 4 : 1);
    return shown;
}

struct conf_shown conf_show(const char *text, size_t len)
{
    return conf_show_most(text, len, sizeof((struct conf_shown *)NULL)->text);
}

/* ---- texts ---- */

static void texts_clear(struct conf_texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct conf_texts){0};
}

static void source_free(struct conf_texts *source, size_t n_rows)
{
    if (!source)
        return;
    for (size_t i = 0; i < n_rows; i++)
        texts_clear(&source[i]);
    free(source);
}

static int texts_push(struct conf_texts *texts, const char *text, size_t len)
{
    char **items = reallocarray(texts->items, texts->n + 1, sizeof *items);
    if (!items)
        return ERR_NOMEM;
    texts->items = items;
    items[texts->n] = strndup(text, len);
    if (!items[texts->n])
        return ERR_NOMEM;
    texts->n++;
    return 0;
}

/* ---- checking ---- */

static bool is_choice(const char *choices, const char *text, size_t len)
{
    for (const char *at = choices;;) {
        const char *bar = strchrnul(at, '|');
        if ((size_t)(bar - at) == len && memcmp(at, text, len) == 0)
            return true;
        if (*bar == '\0')
            return false;
        at = bar + 1;
    }
}

/* The row's own judgement of a text. */
static int check_text(const struct conf_option *row, enum conf_source source, const char *text, const char *where,
                      struct conf_faults *faults)
{
    const char *why = "not permitted";
    if (!row->check || row->check(text, &why) >= 0)
        return 0;
    conf_fault(faults, source, where, "%s", why);
    return ERR_INVALID;
}

/* False, and noted, where `text` is no value for a row of its kind. */
static bool check_kind(const struct conf_option *row, enum conf_source source, const char *text, size_t len,
                       const char *where, struct conf_faults *faults)
{
    struct conf_shown shown = conf_show(text, len);
    int64_t number;
    bool truth;
    switch (row->kind) {
    case CONF_STR:
        return true;
    case CONF_FILE:
        if (len == 0)
            conf_fault(faults, source, where, "must not be empty");
        return len > 0;
    case CONF_I64:
        if (parse_i64(text, len, row->min, row->max, &number) == 0)
            return true;
        conf_fault(faults, source, where, "'%s' is not a whole number from %" PRId64 " to %" PRId64, shown.text,
                   row->min, row->max);
        return false;
    case CONF_BOOL:
        if (parse_bool(text, len, &truth) == 0)
            return true;
        conf_fault(faults, source, where, "'%s' is neither true nor false", shown.text);
        return false;
    case CONF_CHOICE:
        if (is_choice(row->choices, text, len))
            return true;
        conf_fault(faults, source, where, "'%s' is none of %s", shown.text, row->choices);
        return false;
    }
    return false;
}

static int add_one(const struct conf_option *row, enum conf_source source, struct conf_texts *texts, const char *value,
                   size_t len, const char *where, struct conf_faults *faults)
{
    bool is_repeatable = row->flags & CONF_REPEATABLE;
    if (texts->n > 0 && !is_repeatable) {
        conf_fault(faults, source, where, "given twice");
        return 0;
    }
    if (texts->n >= LIMIT_CONF_VALUES) {
        conf_fault(faults, source, where, "given more than %d times", LIMIT_CONF_VALUES);
        return 0;
    }
    if (is_repeatable && len == 0) {
        conf_fault(faults, source, where, "an empty value");
        return 0;
    }
    if (!check_kind(row, source, value, len, where, faults))
        return 0;
    int err = texts_push(texts, value, len);
    if (!err && check_text(row, source, texts->items[texts->n - 1], where, faults))
        free(texts->items[--texts->n]);
    return err;
}

/* A comma separates values where an option cannot simply be given again. */
static int add_separated(const struct conf_option *row, enum conf_source source, struct conf_texts *texts,
                         const char *value, size_t len, const char *where, struct conf_faults *faults)
{
    const char *end = value + len;
    for (const char *at = value; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end, *last = stop;
        while (at < last && *at == ' ')
            at++;
        while (at < last && last[-1] == ' ')
            last--;
        int err = add_one(row, source, texts, at, (size_t)(last - at), where, faults);
        if (err)
            return err;
        at = stop + 1;
    }
    return 0;
}

int conf_add(const struct conf *conf, enum conf_source source, struct conf_texts *texts, size_t row, const char *value,
             size_t len, const char *where, struct conf_faults *faults)
{
    const struct conf_option *option = conf->rows[row];
    if (source != CONF_FROM_FLAGS && option->flags & CONF_REPEATABLE)
        return add_separated(option, source, &texts[row], value, len, where, faults);
    return add_one(option, source, &texts[row], value, len, where, faults);
}

/* ---- reading ---- */

size_t conf_find(const struct conf *conf, const char *name, size_t len)
{
    size_t row = 0;
    while (row < conf->n_rows &&
           (strlen(conf->rows[row]->name) != len || memcmp(conf->rows[row]->name, name, len) != 0))
        row++;
    return row;
}

static void env_name(const char *option, char *ret, size_t cap)
{
    size_t at = (size_t)snprintf(ret, cap, ENV_PREFIX);
    for (; *option && at + 1 < cap; option++)
        ret[at++] = *option == '-' ? '_' : (char)toupper((unsigned char)*option);
    ret[at] = '\0';
}

/* NULL where it is not set, or empty: compose files and unit files set variables to nothing to leave them out. */
static const char *env_value(const char *option, char *ret_name, size_t cap)
{
    env_name(option, ret_name, cap);
    const char *value = getenv(ret_name);
    return value && *value ? value : NULL;
}

static int read_env(const struct conf *conf, struct conf_texts *texts, struct conf_faults *faults)
{
    char name[80];
    for (size_t row = 0; row < conf->n_rows; row++) {
        const char *value = env_value(conf->rows[row]->name, name, sizeof name);
        bool counts = value && !(conf->rows[row]->flags & CONF_FLAG_ONLY);
        int err = counts ? conf_add(conf, CONF_FROM_ENV, texts, row, value, strlen(value), name, faults) : 0;
        if (err)
            return err;
    }
    return 0;
}

static const struct conf_texts *given(const struct conf *conf, size_t row)
{
    for (size_t i = 0; i < CONF_SOURCES; i++) {
        if (conf->sources[i][row].n > 0)
            return &conf->sources[i][row];
    }
    return NULL;
}

static void check_required(const struct conf *conf, struct conf_faults *faults)
{
    for (size_t row = 0; row < conf->n_rows; row++) {
        const struct conf_option *option = conf->rows[row];
        const struct conf_texts *texts = given(conf, row);
        char flag[80], env[80];
        if (!(option->flags & CONF_REQUIRED) || option->default_text || (texts && *texts->items[0]))
            continue;
        snprintf(flag, sizeof flag, "--%s", option->name);
        env_name(option->name, env, sizeof env);
        conf_fault(faults, CONF_FROM_FLAGS, flag, "required (or %s in the environment)", env);
    }
}

static int read_sources(struct conf *conf, int argc, char **argv, enum conf_request *ret_request,
                        struct conf_faults *faults)
{
    char name[80];
    int err = conf_read_args(conf, argc, argv, ret_request, faults);
    if (err || *ret_request != CONF_REQUEST_RUN)
        return err;
    if (!conf->config_path)
        conf->config_path = env_value("config", name, sizeof name);
    err = read_env(conf, conf->sources[CONF_FROM_ENV], faults);
    if (!err && conf->config_path)
        err = conf_read_file(conf, conf->sources[CONF_FROM_FILE], faults);
    /* With a bad value given, "required" would mislead. */
    if (!err && !faults->has_usage && !faults->has_config)
        check_required(conf, faults);
    return err;
}

/* Each line on stderr, headed by the program's name. */
static void print_faults(const struct conf *conf, const struct conf_faults *faults)
{
    const char *at = buf_str(&faults->text);
    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        fprintf(stderr, "%s: %.*s\n", conf->program, (int)(end - at), at);
    if (faults->has_usage)
        fprintf(stderr, "%s: --help lists the options\n", conf->program);
}

/* What is to be done with what was read: exit, or run. */
static enum conf_next conclude(const struct conf *conf, enum conf_request request, const struct conf_faults *faults,
                               int *ret_status)
{
    if (request == CONF_REQUEST_HELP)
        conf_print_help(conf);
    else if (request == CONF_REQUEST_VERSION)
        printf("%s %s\n", conf->program, CARILLON_VERSION);
    if (request != CONF_REQUEST_RUN) {
        *ret_status = fflush(stdout) == 0 ? 0 : 1;
        return CONF_EXIT;
    }
    if (!faults->has_usage && !faults->has_config)
        return CONF_RUN;
    print_faults(conf, faults);
    *ret_status = faults->has_usage ? 2 : 3;
    return CONF_EXIT;
}

static int conf_create(const char *program, const struct conf_option *const *tables, const size_t *table_lens,
                       size_t n_tables, size_t max_rest, struct conf **ret_conf)
{
    size_t n_rows = 0;
    struct conf *conf = calloc(1, sizeof *conf);
    if (!conf)
        return ERR_NOMEM;
    conf->program = program;
    for (size_t t = 0; t < n_tables; t++)
        n_rows += table_lens[t];
    conf->rows = calloc(n_rows + 1, sizeof(const struct conf_option *));
    conf->rest = calloc(max_rest + 1, sizeof *conf->rest);
    bool has_memory = conf->rows && conf->rest;
    for (size_t i = 0; i < CONF_SOURCES; i++) {
        conf->sources[i] = calloc(n_rows + 1, sizeof *conf->sources[i]);
        has_memory = has_memory && conf->sources[i];
    }
    if (!has_memory) {
        conf_free(conf);
        return ERR_NOMEM;
    }
    for (size_t t = 0; t < n_tables; t++) {
        for (size_t i = 0; i < table_lens[t]; i++) {
            const struct conf_option *row = &tables[t][i];
            if (conf_find(conf, row->name, strlen(row->name)) < conf->n_rows)
                abort(); /* two tables with one name: a bug that any start meets */
            conf->rows[conf->n_rows++] = row;
        }
    }
    *ret_conf = conf;
    return 0;
}

int conf_load(const char *program, const struct conf_option *const *tables, const size_t *table_lens, size_t n_tables,
              int argc, char **argv, struct conf **ret_conf, enum conf_next *ret_next, int *ret_status)
{
    struct conf *conf = NULL;
    struct conf_faults faults = {0};
    enum conf_request request = CONF_REQUEST_RUN;
    buf_init(&faults.text, FAULTS_MAX_BYTES);
    int err = conf_create(program, tables, table_lens, n_tables, argc > 0 ? (size_t)argc : 0, &conf);
    if (!err)
        err = read_sources(conf, argc, argv, &request, &faults);
    if (err)
        goto cleanup;
    *ret_next = conclude(conf, request, &faults, ret_status);
    *ret_conf = NULL;
    if (*ret_next == CONF_RUN) {
        *ret_conf = conf;
        conf = NULL;
    }
cleanup:
    conf_free(conf);
    buf_free(&faults.text);
    return err;
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    for (size_t i = 0; i < CONF_SOURCES; i++)
        source_free(conf->sources[i], conf->n_rows);
    free(conf->rows);
    free(conf->rest);
    free(conf);
}

int conf_reload(struct conf *conf, struct buf *why)
{
    struct conf_faults faults = {0};
    struct conf_texts *fresh = calloc(conf->n_rows + 1, sizeof *fresh);
    if (!fresh)
        return ERR_NOMEM;
    buf_init(&faults.text, FAULTS_MAX_BYTES);
    int err = conf->config_path ? conf_read_file(conf, fresh, &faults) : 0;
    if (!err && faults.has_config) {
        (void)!buf_append(why, buf_str(&faults.text), buf_len(&faults.text));
        err = ERR_INVALID;
    }
    for (size_t row = 0; row < conf->n_rows && !err; row++) {
        struct conf_texts *old = &conf->sources[CONF_FROM_FILE][row];
        if (conf->rows[row]->flags & CONF_RELOADABLE) {
            struct conf_texts moved = *old;
            *old = fresh[row];
            fresh[row] = moved;
        }
    }
    source_free(fresh, conf->n_rows);
    buf_free(&faults.text);
    return err;
}

/* ---- asking ---- */

static size_t must_find(const struct conf *conf, const char *name)
{
    size_t row = conf_find(conf, name, strlen(name));
    if (row == conf->n_rows)
        abort();
    return row;
}

/* The text of an option that is given once, or NULL. */
static const char *single(const struct conf *conf, size_t row, bool is_kind_right)
{
    if (!is_kind_right || conf->rows[row]->flags & CONF_REPEATABLE)
        abort();
    const struct conf_texts *texts = given(conf, row);
    return texts ? texts->items[0] : conf->rows[row]->default_text;
}

const char *conf_str(const struct conf *conf, const char *name)
{
    size_t row = must_find(conf, name);
    enum conf_kind kind = conf->rows[row]->kind;
    return single(conf, row, kind == CONF_STR || kind == CONF_FILE || kind == CONF_CHOICE);
}

int64_t conf_i64(const struct conf *conf, const char *name)
{
    size_t row = must_find(conf, name);
    const char *text = single(conf, row, conf->rows[row]->kind == CONF_I64);
    int64_t value = 0;
    if (text && parse_i64(text, strlen(text), conf->rows[row]->min, conf->rows[row]->max, &value))
        abort(); /* what was given was checked, so the default is wrong */
    return value;
}

bool conf_bool(const struct conf *conf, const char *name)
{
    size_t row = must_find(conf, name);
    const char *text = single(conf, row, conf->rows[row]->kind == CONF_BOOL);
    bool value = false;
    if (text && parse_bool(text, strlen(text), &value))
        abort();
    return value;
}

bool conf_is_set(const struct conf *conf, const char *name)
{
    size_t row = must_find(conf, name);
    return given(conf, row) || conf->rows[row]->default_text;
}

/* What is given of a repeatable option, or NULL. */
static const struct conf_texts *repeated(const struct conf *conf, const char *name)
{
    size_t row = must_find(conf, name);
    if (!(conf->rows[row]->flags & CONF_REPEATABLE) || conf->rows[row]->default_text)
        abort();
    return given(conf, row);
}

size_t conf_count(const struct conf *conf, const char *name)
{
    const struct conf_texts *texts = repeated(conf, name);
    return texts ? texts->n : 0;
}

const char *conf_str_at(const struct conf *conf, const char *name, size_t index)
{
    const struct conf_texts *texts = repeated(conf, name);
    if (!texts || index >= texts->n)
        abort();
    return texts->items[index];
}

size_t conf_rest_count(const struct conf *conf)
{
    return conf->n_rest;
}

const char *conf_rest(const struct conf *conf, size_t index)
{
    if (index >= conf->n_rest)
        abort();
    return conf->rest[index];
}
