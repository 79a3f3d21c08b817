/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_known.h"

#include <inttypes.h>
#include <stdio.h>

#define REJECTED_ARG 3 /* of those of batch_ingest */
#define COLUMNS_ARG 4

/* What was rejected comes first, as it was found: the script tells the same of duplicates behind it. */
static void add_line(const struct ingest_pack *p, size_t index, size_t contact, char line[INGEST_KNOWN_LINE_LEN])
{
    (void)snprintf(line, INGEST_KNOWN_LINE_LEN, "%" PRIu64 " DUPLICATE phoneNumber +%" PRIu64,
                   ingest_part_row(p, index, contact), ingest_part_number(p, index, contact));
}

int ingest_known_args(const struct ingest_pack *p, size_t index, const struct ingest_part_args *part,
                      struct known_batch *known, struct ingest_known_args *ret)
{
    size_t contacts = ingest_part_contacts(p, index), taken = 0, n_lines = 0, at = 0;
    uint64_t total = known_batch_total(known);
    struct redis_arg *arg = ret->args + INGEST_KNOWN_FIRST_ARGS;
    ret->left_out[0] = '\0';
    for (size_t i = 0; i < contacts; i++) {
        bool is_new;
        int err = known_batch_add(known, ingest_part_number(p, index, i), &is_new);
        if (err)
            return err;
        if (is_new) {
            *arg++ = redis_arg_i64((int64_t)(total + taken), ret->ordinals[taken]);
            *arg++ = part->args[INGEST_PART_FIRST_ARGS + i];
            taken++;
        } else {
            at += (size_t)snprintf(ret->left_out + at, INGEST_KNOWN_WORD_LEN, "%s%zu phone", n_lines ? " " : "", i);
            add_line(p, index, i, ret->lines[n_lines++]);
        }
    }
    for (size_t i = INGEST_PART_FIRST_ARGS + contacts; i < part->n; i++)
        *arg++ = part->args[i];
    for (size_t i = 0; i < n_lines; i++)
        *arg++ = redis_arg_str(ret->lines[i]);
    ret->args[0] = redis_arg_i64((int64_t)taken, ret->numbers[0]);
    ret->args[1] = redis_arg_str(known_batch_name(known));
    ret->args[2] = redis_arg_i64((int64_t)total, ret->numbers[1]);
    ret->args[3] = part->args[REJECTED_ARG];
    ret->args[4] = part->args[COLUMNS_ARG];
    ret->args[5] = redis_arg_str(ret->left_out);
    ret->n = (size_t)(arg - ret->args);
    return 0;
}
