/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_reject.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/json/json.h"

#define FIELD_LEN 64
#define LINE_MAX_BYTES ((size_t)512 + LIMIT_ROW_VALUE_BYTES)
#define VALUE_JSON_MAX ((size_t)6 * LIMIT_CONTACT_JSON_BYTES)

/* The first member of a fault's path: "metadata" of "metadata.x[3]"; "" for the whole row. */
static void field_of(const char *path, char ret[FIELD_LEN + 1])
{
    size_t len = strcspn(path, ".[ ");
    if (len > FIELD_LEN)
        len = 0;
    memcpy(ret, path, len);
    ret[len] = '\0';
}

/* Cuts between two characters. */
static size_t shown_len(const char *text, size_t len)
{
    if (len <= LIMIT_ROW_VALUE_BYTES)
        return len;
    len = LIMIT_ROW_VALUE_BYTES;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* ---- what stood there ---- */

static int append_member(const cJSON *tree, const char *field, struct buf *out)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, field);
    if (!member)
        return 0;
    if (cJSON_IsString(member))
        return buf_append(out, member->valuestring, shown_len(member->valuestring, strlen(member->valuestring)));
    struct buf json;
    buf_init(&json, VALUE_JSON_MAX);
    int err = json_print(member, &json);
    if (!err)
        err = buf_append(out, buf_str(&json), shown_len(buf_str(&json), buf_len(&json)));
    buf_free(&json);
    return err;
}

static int append_value(const struct ingest_reject_source *source, const cJSON *tree, const char *field,
                        struct buf *out)
{
    if (tree && field[0])
        return append_member(tree, field, out);
    if (source->json)
        return buf_append(out, source->json, shown_len(source->json, source->json_len));
    size_t column = contact_columns_find(source->columns, field);
    if (column >= source->n_fields)
        return 0;
    const struct csv_field *value = &source->fields[column];
    return buf_append(out, value->text, shown_len(value->text, value->len));
}

/* ---- lines ---- */

static int add_line(struct ingest_pack *pack, uint64_t row, const struct fault *fault,
                    const struct ingest_reject_source *source, const cJSON *tree, struct buf *line)
{
    char field[FIELD_LEN + 1];
    field_of(fault->path, field);
    buf_clear(line);
    int err = buf_printf(line, "%" PRIu64 " %s %s ", row, fault->code, field[0] ? field : "-");
    if (!err)
        err = append_value(source, tree, field, line);
    return err ? err : ingest_pack_add_line(pack, buf_str(line), buf_len(line));
}

int ingest_reject_row(struct ingest_pack *pack, uint64_t row, const struct faults *faults,
                      const struct ingest_reject_source *source)
{
    cJSON *tree = NULL;
    struct buf line;
    int err = ingest_pack_add_rejected(pack);
    if (!err && source->json)
        err = json_parse(source->json, source->json_len, &tree, NULL);
    if (err == ERR_INVALID)
        err = 0; /* shown as it is */
    buf_init(&line, LINE_MAX_BYTES);
    for (size_t i = 0; !err && i < faults->n; i++)
        err = add_line(pack, row, &faults->items[i], source, tree, &line);
    buf_free(&line);
    cJSON_Delete(tree);
    return err;
}

int ingest_reject_whole(struct ingest_pack *pack, uint64_t row, const char *code)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    int err = ingest_pack_add_rejected(pack);
    if (!err)
        err = buf_printf(&line, "%" PRIu64 " %s - ", row, code);
    if (!err)
        err = ingest_pack_add_line(pack, buf_str(&line), buf_len(&line));
    buf_free(&line);
    return err;
}
