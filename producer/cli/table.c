/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/table.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "producer/cli/out.h"

#define CELL_MOST 16384
#define COLUMNS_MOST 12
#define GAP "  "

/* A value as people read it: lists with commas, objects as name=value, nothing as "-". */
static int append_value(const cJSON *value, struct buf *out)
{
    int rc = 0;
    const cJSON *item;
    if (!value || cJSON_IsNull(value) || ((cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child))
        return buf_append_char(out, '-');
    if (cJSON_IsString(value))
        return buf_append_str(out, value->valuestring[0] ? value->valuestring : "-");
    if (!cJSON_IsArray(value) && !cJSON_IsObject(value))
        return json_print(value, out);
    cJSON_ArrayForEach(item, value)
    {
        if (rc == 0 && item != value->child)
            rc = buf_append_str(out, ", ");
        if (rc == 0 && item->string)
            rc = buf_printf(out, "%s=", item->string);
        if (rc == 0)
            rc = append_value(item, out);
    }
    return rc;
}

/* Pads by characters, not bytes. */
static int append_cell(const char *text, size_t width, struct buf *line)
{
    size_t len = strlen(text);
    size_t count = utf8_is_valid(text, len) ? utf8_count(text, len) : len;
    return buf_printf(line, "%s%*s", text, count < width ? (int)(width - count) : 0, "");
}

static int widen(const cJSON *rows, const struct table_column *column, size_t *ret_width)
{
    size_t width = strlen(column->heading);
    const cJSON *row;
    struct buf cell;
    int rc = 0;
    buf_init(&cell, CELL_MOST);
    cJSON_ArrayForEach(row, rows)
    {
        buf_clear(&cell);
        if (rc == 0)
            rc = append_value(cJSON_GetObjectItemCaseSensitive(row, column->name), &cell);
        size_t count =
            utf8_is_valid(buf_str(&cell), buf_len(&cell)) ? utf8_count(buf_str(&cell), buf_len(&cell)) : buf_len(&cell);
        width = count > width ? count : width;
    }
    buf_free(&cell);
    *ret_width = width;
    return rc;
}

/* `row` NULL: the headings. */
static int print_row(const cJSON *row, const struct table_column *columns, const size_t *widths, size_t n)
{
    struct buf line, cell;
    int rc = 0;
    buf_init(&line, (size_t)COLUMNS_MOST * CELL_MOST);
    buf_init(&cell, CELL_MOST);
    for (size_t i = 0; i < n && rc == 0; i++) {
        buf_clear(&cell);
        rc = row ? append_value(cJSON_GetObjectItemCaseSensitive(row, columns[i].name), &cell)
                 : buf_append_str(&cell, columns[i].heading);
        if (rc == 0)
            rc = append_cell(buf_str(&cell), i + 1 < n ? widths[i] : 0, &line);
        if (rc == 0 && i + 1 < n)
            rc = buf_append_str(&line, GAP);
    }
    if (rc == 0)
        out_line("%s", buf_str(&line));
    buf_free(&cell);
    buf_free(&line);
    return rc;
}

int table_print(const cJSON *rows, const struct table_column *columns, size_t n_columns)
{
    size_t widths[COLUMNS_MOST];
    const cJSON *row;
    int rc = n_columns <= COLUMNS_MOST ? 0 : ERR_TOO_LARGE;
    for (size_t i = 0; i < n_columns && rc == 0; i++)
        rc = widen(rows, &columns[i], &widths[i]);
    if (rc == 0)
        rc = print_row(NULL, columns, widths, n_columns);
    cJSON_ArrayForEach(row, rows)
    {
        if (rc == 0)
            rc = print_row(row, columns, widths, n_columns);
    }
    return rc;
}

int table_print_one(const cJSON *object)
{
    size_t width = 0;
    const cJSON *member;
    struct buf value;
    int rc = 0;
    buf_init(&value, CELL_MOST);
    cJSON_ArrayForEach(member, object)
    {
        width = strlen(member->string) > width ? strlen(member->string) : width;
    }
    cJSON_ArrayForEach(member, object)
    {
        buf_clear(&value);
        if (rc == 0)
            rc = append_value(member, &value);
        if (rc == 0)
            out_line("%-*s" GAP "%s", (int)width, member->string, buf_str(&value));
    }
    buf_free(&value);
    return rc;
}
