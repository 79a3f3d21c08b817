/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/etag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLANK " \t"

void etag_format(int64_t revision, char ret[ETAG_LEN + 1])
{
    (void)snprintf(ret, ETAG_LEN + 1, "\"%" PRId64 "\"", revision);
}

bool etag_is_named(const char *if_match, int64_t revision)
{
    char own[ETAG_LEN + 1];
    etag_format(revision, own);
    const char *at = if_match + strspn(if_match, BLANK);
    if (at[0] == '*')
        return at[1 + strspn(at + 1, BLANK)] == '\0';
    bool is_found = false;
    for (;;) {
        bool is_weak = strncmp(at, "W/", 2) == 0;
        const char *tag = at + (is_weak ? 2 : 0);
        const char *end = tag[0] == '"' ? strchr(tag + 1, '"') : NULL;
        if (!end)
            return false;
        size_t len = (size_t)(end + 1 - tag);
        is_found = is_found || (!is_weak && len == strlen(own) && memcmp(tag, own, len) == 0);
        at = end + 1 + strspn(end + 1, BLANK);
        if (*at == '\0')
            return is_found;
        if (*at != ',')
            return false;
        at += 1 + strspn(at + 1, BLANK);
    }
}
