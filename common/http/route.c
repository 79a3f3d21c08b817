/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/route.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/utf8.h"

/* A path cut at its slashes before it is decoded: an escaped slash is part of its segment. */
struct path {
    size_t n;
    char *segment[HTTP_ROUTE_SEGMENTS]; /* decoded */
    char *rest[HTTP_ROUTE_SEGMENTS]; /* decoded, from this segment to the end of the path */
};

int http_percent_decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0';) {
        if (*in != '%') {
            *out++ = *in++;
            continue;
        }
        int high = decode_hex_digit(in[1]);
        int low = high < 0 ? -1 : decode_hex_digit(in[2]);
        if (low < 0 || (high == 0 && low == 0))
            return ERR_INVALID;
        *out++ = (char)(high * 16 + low);
        in += 3;
    }
    *out = '\0';
    return utf8_is_valid(text, (size_t)(out - text)) ? 0 : ERR_INVALID;
}

/* `text` holds the path twice, each with its NUL: the first copy becomes the segments. ERR_NOT_FOUND for a path that no
 * pattern can match. */
static int path_split(struct path *p, char *text, size_t len)
{
    p->n = 0;
    if (text[0] != '/')
        return ERR_NOT_FOUND;
    char *end = text + len;
    for (char *at = text; at < end;) {
        if (p->n == HTTP_ROUTE_SEGMENTS)
            return ERR_NOT_FOUND;
        char *start = at + 1;
        char *slash = memchr(start, '/', (size_t)(end - start));
        at = slash != NULL ? slash : end;
        *at = '\0';
        p->segment[p->n] = start;
        p->rest[p->n] = start + len + 1;
        p->n++;
    }
    for (size_t i = 0; i < p->n; i++) {
        int err = http_percent_decode(p->segment[i]);
        if (err < 0)
            return err;
    }
    return 0;
}

static void add_param(struct http_match *m, const char *name, size_t name_len, const char *value)
{
    if (m->n_params < HTTP_ROUTE_PARAMS)
        m->params[m->n_params++] = (struct http_param){.name = name, .name_len = name_len, .value = value};
}

/* Fills the parameters as it goes; what it leaves after a mismatch is overwritten by the next row. */
static bool pattern_matches(struct http_match *m, const char *pattern, const struct path *p)
{
    m->n_params = 0;
    size_t i = 0;
    while (*pattern == '/') {
        const char *part = ++pattern;
        pattern += strcspn(pattern, "/");
        size_t len = (size_t)(pattern - part);
        bool is_param = len > 2 && part[0] == '{' && part[len - 1] == '}';
        if (i == p->n)
            return false;
        if (is_param && len > 5 && memcmp(part + len - 4, "...}", 4) == 0) {
            add_param(m, part + 1, len - 5, p->rest[i]);
            return true;
        }
        if (is_param) {
            if (p->segment[i][0] == '\0')
                return false;
            add_param(m, part + 1, len - 2, p->segment[i]);
        } else if (strlen(p->segment[i]) != len || memcmp(p->segment[i], part, len) != 0) {
            return false;
        }
        i++;
    }
    return i == p->n;
}

static bool method_matches(const char *row, const char *method)
{
    return strcmp(row, method) == 0 || (strcmp(row, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void add_allowed(char allow[HTTP_ROUTE_ALLOW_LEN], const char *method)
{
    const char *name = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    size_t len = strlen(allow);
    if (strstr(allow, name) == NULL && len + strlen(name) + 3 <= HTTP_ROUTE_ALLOW_LEN)
        snprintf(allow + len, HTTP_ROUTE_ALLOW_LEN - len, "%s%s", len > 0 ? ", " : "", name);
}

/* A path that a row spells out whole is not also one where a pattern has a {name}, whatever the method. */
static int find_row(struct http_match *m, const struct http_table *tables, const char *method, const struct path *p)
{
    bool is_spelled_out = false;
    for (const struct http_table *t = tables; t != NULL; t = t->next) {
        for (size_t i = 0; i < t->n_routes; i++) {
            const struct http_route *row = &t->routes[i];
            if (!pattern_matches(m, row->pattern, p) || (is_spelled_out && m->n_params > 0))
                continue;
            if (method_matches(row->method, method)) {
                m->route = row;
                m->arg = t->arg;
                return 0;
            }
            is_spelled_out = is_spelled_out || m->n_params == 0;
            add_allowed(m->allow, row->method);
        }
    }
    m->n_params = 0;
    return m->allow[0] != '\0' ? ERR_DENIED : ERR_NOT_FOUND;
}

/* A {name...} hands out the raw rest, which only the row that matched needs decoded. */
static int decode_rest(struct http_match *m, size_t len)
{
    if (m->n_params == 0)
        return 0;
    char *value = m->text + (m->params[m->n_params - 1].value - m->text);
    return value > m->text + len ? http_percent_decode(value) : 0;
}

int http_match_find(struct http_match *m, const struct http_table *tables, const char *method, const char *path)
{
    *m = (struct http_match){.route = NULL};
    size_t len = strlen(path);
    m->text = malloc(2 * (len + 1));
    if (m->text == NULL)
        return ERR_NOMEM;
    memcpy(m->text, path, len + 1);
    memcpy(m->text + len + 1, path, len + 1);
    struct path p;
    int err = path_split(&p, m->text, len);
    if (err == 0)
        err = find_row(m, tables, method, &p);
    if (err == 0)
        err = decode_rest(m, len);
    if (err < 0)
        m->route = NULL;
    return err;
}

void http_match_clear(struct http_match *m)
{
    free(m->text);
    *m = (struct http_match){.route = NULL};
}
