/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of the log's writer (--wrap=log_write): what a process logs goes into the trace, and what it logs as an
 * error is counted, since most errors of a worker mean a fault of ours.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields,
                      size_t n); /* NOLINT: the linker's name */

/* Errors that the world brings about. */
static const char *const EXPECTED[] = {
    "trunk.stopped", /* the platform refuses the account */
    "trunk.breaker_opened", /* it fails */
    "check.placed_twice",
};

static bool is_expected(const char *event)
{
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++)
        if (strcmp(EXPECTED[i], event) == 0)
            return true;
    return false;
}

static void describe(const char *event, const struct log_field *fields, size_t n, char *text, size_t cap)
{
    int len = snprintf(text, cap, "%s", event);
    for (size_t i = 0; i < n && len > 0 && (size_t)len < cap; i++) {
        if (fields[i].kind == LOG_KIND_STR)
            len += snprintf(text + len, cap - (size_t)len, " %s=%.*s", fields[i].key, (int)fields[i].str_len,
                            fields[i].str ? fields[i].str : "");
        else if (fields[i].kind == LOG_KIND_I64)
            len += snprintf(text + len, cap - (size_t)len, " %s=%lld", fields[i].key, (long long)fields[i].i64);
    }
}

void __wrap_log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    char text[512];
    describe(event, fields, n, text, sizeof text);
    world_trace_text("log", text);
    if (strcmp(event, "doubt.later") == 0)
        judge_note_later(text);
    if (strcmp(event, "doubt.found") == 0)
        judge_note_found(text);
    if (level == LOG_ERROR && !is_expected(event))
        judge_note_error(text);
}
