/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS_US 1000

static size_t add(char *text, size_t len, const char *name, int64_t value)
{
    int n = snprintf(text + len, PHASES_LEN + 1 - len, "%s%s=%" PRId64, len > 0 ? " " : "", name, value);
    return n < 0 || len + (size_t)n > PHASES_LEN ? len : len + (size_t)n;
}

static size_t add_time(char *text, size_t len, const char *name, int64_t us, int64_t before_us)
{
    return us > 0 ? add(text, len, name, (us + before_us) / MS_US) : len;
}

void phases_format(const struct http_result *result, int64_t looked_up_us, char ret_text[PHASES_LEN + 1])
{
    size_t len = 0;
    ret_text[0] = '\0';
    len = add_time(ret_text, len, "dns", looked_up_us, 0);
    len = add_time(ret_text, len, "connect", result->connect_us, looked_up_us);
    len = add_time(ret_text, len, "tls", result->tls_us, looked_up_us);
    len = add_time(ret_text, len, "first", result->first_byte_us, looked_up_us);
    if (result->http_version > 0) {
        len = add(ret_text, len, "http", result->http_version);
        (void)add(ret_text, len, "reused", result->connection_reused);
    }
}
