/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs: one event a line on stderr, as a JSON object or as text for people. Only process code logs; the library layers
 * return errors. Untrusted strings are escaped, a line has a bound, and no field ever holds a telephone number or a
 * secret: log_said() is for the words of others, in which numbers may stand.
 *
 *     log_info("call.begun", log_str("batch", id), log_i64("dial", n));
 */
#ifndef CARILLON_BASE_LOG_H
#define CARILLON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_ERROR, /* an operator must act */
    LOG_WARN, /* degraded, and what is done about it */
    LOG_INFO, /* lifecycle */
    LOG_DEBUG,
};

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

enum log_kind { LOG_KIND_STR, LOG_KIND_I64, LOG_KIND_BOOL, LOG_KIND_SAID };

/* A field of one line; made by the functions below, borrowed until the line is written. */
struct log_field {
    const char *key;
    enum log_kind kind;
    const char *str;
    size_t str_len;
    int64_t i64;
};

/* The process-wide setting, made once at start and again at SIGHUP. `process` is borrowed for ever. */
void log_configure(const char *process, enum log_level level, enum log_format format);
bool log_is_enabled(enum log_level level);
/* "error", "warn", "info", "debug"; -1 for anything else. */
int log_level_parse(const char *text);

struct log_field log_str(const char *key, const char *value);
struct log_field log_strn(const char *key, const char *value, size_t len);
struct log_field log_i64(const char *key, int64_t value);
struct log_field log_bool(const char *key, bool value);
/* Words that somebody else chose, such as a platform's. What may be a telephone number among them, seven digits or more
 * with nothing else between them than what numbers are written with, keeps its last two; the first 512 bytes are
 * written. */
struct log_field log_said(const char *key, const char *text);
/* The name of an ERR_* code, under "error". */
struct log_field log_err(int code);

/* Keeps a line that outsiders or a lasting fault can bring about from filling the log: at most one a second. Starts as
 * {0}. True where the line is due at `now_us` (clock_mono_us()); `ret_passed` is then how many were passed over since
 * the last. */
struct log_pace {
    int64_t next_us;
    int64_t n_passed;
};
bool log_pace_permits(struct log_pace *pace, int64_t now_us, int64_t *ret_passed);

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG_AT(level, event, ...)                                                                                      \
    do {                                                                                                               \
        if (log_is_enabled(level)) {                                                                                   \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                                      \
            log_write((level), (event), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]);                      \
        }                                                                                                              \
    } while (0)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)

#endif
