/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/breakpoint.h"

#ifdef CARILLON_BREAKPOINTS
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"

/* Cuts `word` off the front of the text where it stands there. */
static bool take(const char **text, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*text, word, len) != 0)
        return false;
    *text += len;
    return true;
}

/* Which reach counts, from 1; 0 where the end of the setting makes no sense. */
static int64_t reach_wanted(const char *text)
{
    int64_t wanted = 1;
    if (*text == '\0')
        return 1;
    if (!take(&text, ":") || parse_i64(text, strlen(text), 1, INT32_MAX, &wanted) != 0)
        return 0;
    return wanted;
}

void breakpoint_reach(const char *group, const char *point)
{
    static int64_t reached; /* a process is given one point */
    const char *text = getenv("CARILLON_BREAKPOINT");
    if (!text || !take(&text, group) || !take(&text, ".") || !take(&text, point) || !take(&text, ":"))
        return;
    int what = take(&text, "kill") ? SIGKILL : take(&text, "stop") ? SIGSTOP : 0;
    if (what != 0 && ++reached == reach_wanted(text))
        (void)raise(what);
}
#else
void breakpoint_reach(const char *group, const char *point)
{
    (void)group;
    (void)point;
}
#endif
