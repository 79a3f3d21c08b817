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

/* Whether the list is `*`, or `own` stands in it; with a W/ before it only where `takes_weak`. */
static bool is_listed(const char *list, const char *own, bool takes_weak)
{
    const char *at = list + strspn(list, BLANK);
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
        is_found = is_found || ((takes_weak || !is_weak) && len == strlen(own) && memcmp(tag, own, len) == 0);
        at = end + 1 + strspn(end + 1, BLANK);
        if (*at == '\0')
            return is_found;
        if (*at != ',')
            return false;
        at += 1 + strspn(at + 1, BLANK);
    }
}

bool etag_is_named(const char *if_match, int64_t revision)
{
    char own[ETAG_LEN + 1];
    etag_format(revision, own);
    return is_listed(if_match, own, false);
}

bool etag_is_known(const char *if_none_match, const char *etag)
{
    return is_listed(if_none_match, etag + (strncmp(etag, "W/", 2) == 0 ? 2 : 0), true);
}
