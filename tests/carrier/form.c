/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/form.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/route.h"

static void plus_to_space(char *text)
{
    for (; *text; text++)
        if (*text == '+')
            *text = ' ';
}

/* Cuts one pair, which ends where its string does. */
static int pair_read(char *text, struct form_pair *ret_pair)
{
    plus_to_space(text);
    char *equals = strchr(text, '=');
    char *value = equals ? equals + 1 : text + strlen(text);
    if (equals)
        *equals = '\0';
    int err = http_percent_decode(text);
    if (!err)
        err = http_percent_decode(value);
    *ret_pair = (struct form_pair){text, value};
    return err;
}

int form_parse(const char *text, size_t len, struct form *ret_form)
{
    *ret_form = (struct form){0};
    if (memchr(text, '\0', len))
        return ERR_INVALID;
    ret_form->text = strndup(text, len);
    if (!ret_form->text)
        return ERR_NOMEM;
    char *rest = ret_form->text;
    int err = 0;
    for (char *part; !err && (part = strsep(&rest, "&"));) {
        if (*part == '\0')
            continue;
        if (ret_form->n == FORM_PAIRS_MAX)
            return ERR_TOO_LARGE;
        err = pair_read(part, &ret_form->pairs[ret_form->n++]);
    }
    return err;
}

void form_free(struct form *form)
{
    free(form->text);
    *form = (struct form){0};
}

static int pair_compare(const void *a, const void *b)
{
    const struct form_pair *left = a;
    const struct form_pair *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->value, right->value);
}

void form_sort(struct form *form)
{
    qsort(form->pairs, form->n, sizeof form->pairs[0], pair_compare);
}

const char *form_value(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->n; i++)
        if (strcmp(form->pairs[i].name, name) == 0)
            return form->pairs[i].value;
    return NULL;
}

static int escape(struct buf *out, const char *text)
{
    int err = 0;
    for (; !err && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == ' ')
            err = buf_append_char(out, '+');
        else if (isascii(c) && (isalnum(c) || strchr("*-._", c)))
            err = buf_append_char(out, *text);
        else
            err = buf_printf(out, "%%%02X", c);
    }
    return err;
}

int form_add(struct buf *out, const char *name, const char *value)
{
    int err = buf_len(out) > 0 ? buf_append_char(out, '&') : 0;
    if (!err)
        err = escape(out, name);
    if (!err)
        err = buf_append_char(out, '=');
    return err ? err : escape(out, value);
}
