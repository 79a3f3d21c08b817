/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/content_coding.h"

#include <string.h>
#include <strings.h>

/* "q=0", "q=0.000" */
static bool is_refused(const char *parameters, size_t len)
{
    const char *at = parameters + strspn(parameters, "; \t");
    size_t skipped = (size_t)(at - parameters);
    if (skipped + 2 > len || strncasecmp(at, "q=", 2) != 0)
        return false;
    size_t value_len = len - skipped - 2;
    return value_len > 0 && strspn(at + 2, "0. \t") >= value_len;
}

bool content_coding_takes_gzip(const char *accepted)
{
    static const char gzip[] = "gzip";
    for (const char *at = accepted; at && *at; at += strcspn(at, ",")) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ","), name_len = strcspn(at, ",; \t");
        if (name_len == sizeof gzip - 1 && strncasecmp(at, gzip, name_len) == 0)
            return !is_refused(at + name_len, len - name_len);
    }
    return false;
}
