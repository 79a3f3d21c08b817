/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"

#define JSON_MOST (16u << 20)

/* C1 in its UTF-8 form, which terminals obey too. */
static bool is_c1(const unsigned char *at)
{
    return at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;
}

static void put_clean(FILE *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (is_c1(at))
            at++;
        else if (at[0] >= 0x20 && at[0] != 0x7F) {
            putc(at[0], to);
            continue;
        }
        putc('?', to);
    }
}

__attribute__((format(printf, 3, 0))) static void put_line(FILE *to, const char *before, const char *format,
                                                           va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        return;
    if (to == stderr)
        (void)fflush(stdout); /* so that the two keep their order on one terminal */
    fputs(before, to);
    put_clean(to, text);
    putc('\n', to);
    free(text);
}

void out_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(stdout, "", format, args);
    va_end(args);
}

void out_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(stderr, "", format, args);
    va_end(args);
}

void out_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(stderr, "carillon: ", format, args);
    va_end(args);
}

bool out_is_taken(void)
{
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* JSON escapes C0 by itself; what else a terminal obeys stands in strings only, and means the same when escaped. */
static void put_json(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (is_c1(at))
            printf("\\u%04x", *++at);
        else if (*at == 0x7F)
            fputs("\\u007f", stdout);
        else
            putc(*at, stdout);
    }
    putc('\n', stdout);
}

enum cli_exit out_json(const cJSON *value)
{
    struct buf text;
    buf_init(&text, JSON_MOST);
    int err = value ? json_print(value, &text) : ERR_NOMEM;
    if (err)
        out_complain("the answer cannot be printed: %s", err_name(err));
    else
        put_json(buf_str(&text));
    buf_free(&text);
    return err ? CLI_FAILED : CLI_DONE;
}

enum cli_exit out_json_take(cJSON *value)
{
    enum cli_exit status = out_json(value);
    cJSON_Delete(value);
    return status;
}

enum cli_exit out_json_lines(const cJSON *value)
{
    char *text = value ? cJSON_Print(value) : NULL;
    if (!text) {
        out_complain("the answer cannot be printed: %s", err_name(ERR_NOMEM));
        return CLI_FAILED;
    }
    /* cJSON indents with tabs and puts one behind each name; strings hold none. */
    for (char *at = text; *at;) {
        size_t depth = strspn(at, "\t"), len = strcspn(at + depth, "\n");
        char *line = at + depth;
        at = line + len + (line[len] ? 1 : 0);
        line[len] = '\0';
        for (char *tab = strchr(line, '\t'); tab; tab = strchr(tab, '\t'))
            *tab = ' ';
        out_line("%*s%s", (int)(2 * depth), "", line);
    }
    cJSON_free(text);
    return CLI_DONE;
}
