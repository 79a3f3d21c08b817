/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/base/utf8.h"

/* Always kept free, so that a line that had to be cut can say so and end. */
#define TAIL_LEN 24
#define PACE_US INT64_C(1000000) /* between two lines of one kind */
#define SAID_MOST 512u
#define SAID_NUMBER_LEAST 7u /* fewer digits are no telephone number */
#define SAID_GAP_MOST 2u /* characters between two digits of one, as in "(555) 010" */

static struct {
    const char *process;
    enum log_level level;
    enum log_format format;
} settings = {"carillon", LOG_INFO, LOG_FORMAT_JSON};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct line {
    char text[LIMIT_LOG_LINE_BYTES];
    size_t len;
    bool is_cut;
};

void log_configure(const char *process, enum log_level level, enum log_format format)
{
    settings.process = process;
    settings.level = level;
    settings.format = format;
}

bool log_is_enabled(enum log_level level)
{
    return level <= settings.level;
}

int log_level_parse(const char *text)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0)
            return (int)i;
    }
    return -1;
}

struct log_field log_strn(const char *key, const char *value, size_t len)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_STR, .str = value, .str_len = len};
}

struct log_field log_str(const char *key, const char *value)
{
    return log_strn(key, value, value ? strlen(value) : 0);
}

struct log_field log_i64(const char *key, int64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_I64, .i64 = value};
}

struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_BOOL, .i64 = value};
}

struct log_field log_said(const char *key, const char *text)
{
    struct log_field field = log_str(key, text);
    field.kind = LOG_KIND_SAID;
    return field;
}

struct log_field log_err(int code)
{
    return log_str("error", err_name(code));
}

/* False, and nothing added, where it does not fit together with `keep` bytes behind it. */
static bool add(struct line *line, const char *text, size_t len, size_t keep)
{
    if (len + keep > sizeof line->text - TAIL_LEN - line->len) {
        line->is_cut = true;
        return false;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
    return true;
}

static bool add_str(struct line *line, const char *text)
{
    return add(line, text, strlen(text), 0);
}

/* Adds the code point at `text` so that it can stand inside a JSON string, and returns how many bytes it took; what is
 * not UTF-8 becomes the replacement character. 0 where the line is full; a byte is kept for the closing quote. */
static size_t add_code_point(struct line *line, const char *text, size_t len)
{
    char escape[8];
    size_t n = utf8_sequence_len(text, len);
    unsigned char c = (unsigned char)*text;
    if (n == 0)
        return add(line, "\\ufffd", 6, 1) ? 1 : 0;
    if (c == '"' || c == '\\') {
        escape[0] = '\\';
        escape[1] = (char)c;
        return add(line, escape, 2, 1) ? 1 : 0;
    }
    bool is_c1 = n == 2 && c == 0xC2 && (unsigned char)text[1] < 0xA0; /* terminals obey these too */
    if (c < 0x20 || c == 0x7F || is_c1) {
        snprintf(escape, sizeof escape, "\\u%04x", is_c1 ? (unsigned char)text[1] : c);
        return add(line, escape, 6, 1) ? n : 0;
    }
    return add(line, text, n, 1) ? n : 0;
}

/* A string too long for the line is cut; its closing quote always fits. */
static bool add_quoted(struct line *line, const char *text, size_t len)
{
    if (!add(line, "\"", 1, 1))
        return false;
    for (size_t at = 0; at < len;) {
        size_t n = add_code_point(line, text + at, len - at);
        if (n == 0)
            break;
        at += n;
    }
    return add(line, "\"", 1, 0);
}

/* Text for people needs no quotes around what cannot be mistaken for anything else. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return len > 0;
}

static bool add_string(struct line *line, const char *text, size_t len)
{
    if (settings.format == LOG_FORMAT_TEXT && is_plain(text, len) && len < sizeof line->text / 2)
        return add(line, text, len, 0);
    return add_quoted(line, text, len);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How far a run of digits goes that begins at `text`, with what stands between them; how many there are. */
static size_t digits_len(const char *text, size_t len, size_t *ret_digits)
{
    size_t end = 0, gap = 0;
    *ret_digits = 0;
    for (size_t at = 0; at < len && gap <= SAID_GAP_MOST; at++) {
        if (is_digit(text[at])) {
            ++*ret_digits;
            end = at + 1;
            gap = 0;
        } else if (strchr(" .-()/", text[at])) {
            gap++;
        } else {
            break;
        }
    }
    return end;
}

static void mask_digits(char *text, size_t len, size_t hidden)
{
    for (size_t at = 0; at < len && hidden > 0; at++) {
        if (is_digit(text[at])) {
            text[at] = '*';
            hidden--;
        }
    }
}

static bool add_said(struct line *line, const char *text, size_t len)
{
    char said[SAID_MOST];
    if (len > sizeof said)
        len = sizeof said;
    memcpy(said, text, len);
    for (size_t at = 0; at < len;) {
        size_t digits, run = digits_len(said + at, len - at, &digits);
        if (digits >= SAID_NUMBER_LEAST)
            mask_digits(said + at, run, digits - 2);
        at += run > 0 ? run : 1;
    }
    return add_string(line, said, len);
}

static bool add_value(struct line *line, const struct log_field *field)
{
    char number[32];
    switch (field->kind) {
    case LOG_KIND_STR:
        return field->str ? add_string(line, field->str, field->str_len) : add_str(line, "null");
    case LOG_KIND_SAID:
        return field->str ? add_said(line, field->str, field->str_len) : add_str(line, "null");
    case LOG_KIND_I64:
        snprintf(number, sizeof number, "%" PRId64, field->i64);
        return add_str(line, number);
    case LOG_KIND_BOOL:
        return add_str(line, field->i64 ? "true" : "false");
    }
    return false;
}

/* Whole or not at all, but for a string that is cut. */
static bool add_field(struct line *line, const struct log_field *field)
{
    size_t start = line->len;
    bool is_json = settings.format == LOG_FORMAT_JSON;
    bool is_added = add_str(line, is_json ? ",\"" : " ") && add_str(line, field->key) &&
                    add_str(line, is_json ? "\":" : "=") && add_value(line, field);
    if (!is_added)
        line->len = start;
    return is_added;
}

static void begin_line(struct line *line, enum log_level level, const char *event)
{
    char time[TIMESTAMP_LEN + 1];
    int n;
    timestamp_format(clock_wall_ms(), time);
    if (settings.format == LOG_FORMAT_JSON)
        n = snprintf(line->text, sizeof line->text / 2,
                     "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\"", time, level_names[level],
                     settings.process, event);
    else
        n = snprintf(line->text, sizeof line->text / 2, "%s %-5s %s %s", time, level_names[level], settings.process,
                     event);
    size_t most = sizeof line->text / 2 - 1;
    line->len = n < 0 ? 0 : (size_t)n > most ? most : (size_t)n;
}

static void end_line(struct line *line)
{
    const char *tail = settings.format == LOG_FORMAT_JSON ? (line->is_cut ? ",\"truncated\":true}\n" : "}\n")
                                                          : (line->is_cut ? " truncated=true\n" : "\n");
    size_t len = strlen(tail);
    memcpy(line->text + line->len, tail, len);
    line->len += len;
}

bool log_pace_permits(struct log_pace *pace, int64_t now_us, int64_t *ret_passed)
{
    if (now_us < pace->next_us) {
        pace->n_passed++;
        return false;
    }
    *ret_passed = pace->n_passed;
    *pace = (struct log_pace){.next_us = now_us + PACE_US};
    return true;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    struct line line = {.len = 0};
    begin_line(&line, level, event);
    for (size_t i = 0; i < n && add_field(&line, &fields[i]); i++)
        continue;
    end_line(&line);
    for (size_t at = 0; at < line.len;) {
        ssize_t written = write(STDERR_FILENO, line.text + at, line.len - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return; /* there is nowhere left to say so */
        at += (size_t)written;
    }
}
