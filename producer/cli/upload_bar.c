/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/upload_bar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BAR 24
#define PART 64
#define PERCENT_LEN 5 /* " 100%" */

/* "1,234,567" */
static void count_text(uint64_t count, char ret[32])
{
    char digits[24];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            ret[at++] = ',';
        ret[at++] = digits[i];
    }
    ret[at] = '\0';
}

/* Behind the others, with two blanks between, where it fits. */
__attribute__((format(printf, 3, 4))) static int add(struct buf *out, size_t width, const char *format, ...)
{
    char part[PART];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(part, sizeof part, format, args);
    va_end(args);
    if (n < 0 || buf_len(out) + 2 + (size_t)n > width)
        return 0;
    return buf_printf(out, "  %s", part);
}

static unsigned percent_of(const struct upload_progress *p)
{
    if (p->total_bytes == 0 || p->bytes >= p->total_bytes)
        return 100;
    return (unsigned)(100.0 * (double)p->bytes / (double)p->total_bytes);
}

static int add_bar(unsigned percent, size_t width, struct buf *out)
{
    char bar[BAR + 1];
    size_t filled = (size_t)percent * BAR / 100;
    memset(bar, '.', BAR);
    memset(bar, '#', filled);
    bar[BAR] = '\0';
    if (BAR + 2 + PERCENT_LEN <= width)
        return buf_printf(out, "[%s] %3u%%", bar, percent);
    return buf_printf(out, "%u%%", percent);
}

int upload_bar_render(const struct upload_progress *p, size_t width, struct buf *out)
{
    char rows[32], rate[32], rejected[32];
    double elapsed_s = (double)p->elapsed_us / 1e6;
    bool has_rate = p->bytes > 0 && elapsed_s > 0.1;
    count_text(p->rows, rows);
    count_text(p->rejected, rejected);
    int rc = add_bar(percent_of(p), width, out);
    if (rc == 0)
        rc = add(out, width, "%s row%s", rows, p->rows == 1 ? "" : "s");
    if (rc == 0 && has_rate) {
        count_text((uint64_t)((double)p->rows / elapsed_s), rate);
        rc = add(out, width, "%s/s", rate);
    }
    if (rc == 0 && has_rate && p->bytes < p->total_bytes) {
        uint64_t left = (uint64_t)(elapsed_s / (double)p->bytes * (double)(p->total_bytes - p->bytes) + 0.5);
        rc = add(out, width, "%" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
    }
    if (rc == 0 && p->rejected > 0)
        rc = add(out, width, "%s rejected", rejected);
    return rc;
}
