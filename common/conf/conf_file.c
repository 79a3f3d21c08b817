/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"

#define NAME_LEN 64
#define FAMILY "carillon" /* the tool's group */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF" /* that some editors write in front of UTF-8 */
#define BYTE_ORDER_MARK_LEN 3

/* Whose groups a file of a fleet may hold. What stands under any other name nobody would read. */
static const char *const GROUPS[] = {FAMILY, "carillon-producer", "carillon-worker", "carillon-notifier"};

struct reader {
    const struct conf *conf;
    struct conf_texts *texts;
    struct conf_faults *faults;
    size_t line;
    bool is_in_group;
    bool is_skipping; /* in a group of another process */
};

struct span {
    const char *at;
    size_t len;
};

static struct span trim(struct span s)
{
    while (s.len > 0 && strchr(" \t\r", s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && strchr(" \t\r", s.at[s.len - 1]))
        s.len--;
    return s;
}

static bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

/* "carillon.conf:12" and, with a name, ": redis_url". */
static struct conf_shown place(const struct reader *r, struct span name)
{
    struct conf_shown shown;
    const char *slash = strrchr(r->conf->config_path, '/');
    const char *base = slash ? slash + 1 : r->conf->config_path;
    int n = snprintf(shown.text, sizeof shown.text, "%s:%zu", conf_show_most(base, strlen(base), 18).text, r->line);
    if (name.len > 0 && n > 0)
        snprintf(shown.text + n, sizeof shown.text - (size_t)n, ": %s", conf_show_most(name.at, name.len, 32).text);
    return shown;
}

/* The tool is called by the family's name and a verb. */
static bool is_tool(const struct conf *conf)
{
    return strncmp(conf->program, FAMILY " ", sizeof FAMILY) == 0;
}

static bool is_own_group(const struct conf *conf, struct span name)
{
    return span_is(name, is_tool(conf) ? FAMILY : conf->program);
}

static bool is_group(struct span name)
{
    size_t i = 0;
    while (i < sizeof GROUPS / sizeof GROUPS[0] && !span_is(name, GROUPS[i]))
        i++;
    return i < sizeof GROUPS / sizeof GROUPS[0];
}

static void read_group(struct reader *r, struct span line)
{
    struct span none = {"", 0}, name = {line.at + 1, line.len - 1};
    r->is_in_group = true;
    r->is_skipping = true;
    if (line.at[line.len - 1] != ']') {
        conf_fault(r->faults, CONF_FROM_FILE, place(r, none).text, "a group ends with ']'");
        return;
    }
    name.len--;
    if (is_own_group(r->conf, name))
        r->is_skipping = false;
    else if (!is_group(name))
        conf_fault(r->faults, CONF_FROM_FILE, place(r, none).text, "group '%s' is no process of Carillon's",
                   conf_show(name.at, name.len).text);
}

/* The row that a file's name stands for: underscores there, dashes in the table. */
static size_t find_row(const struct conf *conf, struct span name)
{
    char dashed[NAME_LEN];
    if (name.len >= sizeof dashed)
        return conf->n_rows;
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '-')
            return conf->n_rows;
        dashed[i] = name.at[i] == '_' ? '-' : name.at[i];
    }
    return conf_find(conf, dashed, name.len);
}

static int read_setting(struct reader *r, struct span line)
{
    const char *equals = memchr(line.at, '=', line.len);
    struct span none = {"", 0};
    if (!equals) {
        conf_fault(r->faults, CONF_FROM_FILE, place(r, none).text, "neither 'name = value' nor a comment");
        return 0;
    }
    struct span name = trim((struct span){line.at, (size_t)(equals - line.at)});
    struct span value = trim((struct span){equals + 1, line.len - (size_t)(equals - line.at) - 1});
    if (r->is_skipping)
        return 0;
    size_t row = find_row(r->conf, name);
    bool is_known = row < r->conf->n_rows && !(r->conf->rows[row]->flags & CONF_FLAG_ONLY);
    if (!is_known && is_tool(r->conf) && !r->is_in_group)
        return 0;
    if (!is_known) {
        conf_fault(r->faults, CONF_FROM_FILE, place(r, name).text, "no such option");
        return 0;
    }
    return conf_add(r->conf, CONF_FROM_FILE, r->texts, row, value.at, value.len, place(r, name).text, r->faults);
}

static int read_line(struct reader *r, struct span line)
{
    line = trim(line);
    r->line++;
    if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';')
        return 0;
    if (line.at[0] == '[') {
        read_group(r, line);
        return 0;
    }
    return read_setting(r, line);
}

static int read_lines(struct reader *r, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_len = end ? (size_t)(end - (text + at)) : len - at;
        int err = read_line(r, (struct span){text + at, line_len});
        if (err)
            return err;
        at += line_len + 1;
    }
    return 0;
}

int conf_read_file(const struct conf *conf, struct conf_texts *texts, struct conf_faults *faults)
{
    struct reader r = {.conf = conf, .texts = texts, .faults = faults};
    struct conf_shown shown = conf_show(conf->config_path, strlen(conf->config_path));
    const char *where = shown.text;
    char *text = NULL;
    size_t len = 0;
    int err = file_read(conf->config_path, LIMIT_CONF_FILE_BYTES, &text, &len);
    if (err == ERR_NOMEM)
        return err;
    if (err == ERR_IO)
        conf_fault(faults, CONF_FROM_FILE, where, "%s", strerror(errno));
    else if (err == ERR_TOO_LARGE)
        conf_fault(faults, CONF_FROM_FILE, where, "longer than %u bytes", LIMIT_CONF_FILE_BYTES);
    if (err)
        return 0;
    size_t mark =
        len >= BYTE_ORDER_MARK_LEN && memcmp(text, BYTE_ORDER_MARK, BYTE_ORDER_MARK_LEN) == 0 ? BYTE_ORDER_MARK_LEN : 0;
    if (utf8_is_valid(text, len) && !memchr(text, '\0', len))
        err = read_lines(&r, text + mark, len - mark);
    else
        conf_fault(faults, CONF_FROM_FILE, where, "not UTF-8 text");
    free(text);
    return err;
}
