/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/profile_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/json/span.h"

size_t profile_line_of(const char *text, size_t len, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < len; i++)
        line += text[i] == '\n';
    return line;
}

/* What is left of `path` behind `name`; NULL where it does not begin with it. */
static const char *behind(const char *path, const char *name, size_t len)
{
    if (strncmp(path, name, len) != 0)
        return NULL;
    const char *rest = path + len;
    return *rest == '\0' || *rest == '.' || *rest == '[' ? rest : NULL;
}

/* One step down the path. A member's name may hold dots and brackets itself: the longest one that fits is meant. */
static bool step_member(struct json_span value, const char *path, struct json_span *ret_value, const char **ret_rest)
{
    struct json_members walk;
    struct json_span key, member;
    size_t longest = 0;
    if (!json_members_begin(&walk, value.text, value.len))
        return false;
    while (json_members_next(&walk, &key, &member)) {
        const char *rest = behind(path, key.text + 1, key.len - 2);
        if (rest == NULL || key.len <= longest)
            continue;
        longest = key.len;
        /* The name's own line: it is what an editor shows. */
        *ret_value = (struct json_span){key.text, (size_t)(member.text + member.len - key.text)};
        *ret_rest = rest;
    }
    return longest > 0;
}

static bool step_element(struct json_span value, const char *path, struct json_span *ret_value, const char **ret_rest)
{
    struct json_members walk;
    char name[32];
    if (!json_elements_begin(&walk, value.text, value.len))
        return false;
    for (size_t i = 0; json_elements_next(&walk, ret_value); i++) {
        snprintf(name, sizeof name, "[%zu]", i);
        *ret_rest = behind(path, name, strlen(name));
        if (*ret_rest != NULL)
            return true;
    }
    return false;
}

/* A member with its name becomes its value. */
static struct json_span value_of(struct json_span found)
{
    if (found.len == 0 || found.text[0] != '"')
        return found;
    struct json_span rest = found;
    bool is_escaped = false;
    for (rest.text++, rest.len--; rest.len > 0 && (is_escaped || *rest.text != '"'); rest.text++, rest.len--)
        is_escaped = !is_escaped && *rest.text == '\\';
    size_t skip = rest.len > 0 ? 1 + strspn(rest.text + 1, " \t\r\n") : 0;
    if (skip == 0 || skip >= rest.len || rest.text[skip] != ':')
        return found; /* a text of its own */
    return (struct json_span){rest.text + skip + 1, rest.len - skip - 1};
}

size_t profile_line_at(const char *text, size_t len, const char *path)
{
    struct json_span at = {text, len}, next;
    const char *rest = path;
    for (;;) {
        path += *path == '.';
        bool is_there = *path == '[' ? step_element(value_of(at), path, &next, &rest)
                                     : step_member(value_of(at), path, &next, &rest);
        if (*path == '\0' || !is_there)
            return profile_line_of(text, len, (size_t)(at.text - text));
        at = next;
        path = rest;
    }
}
