/* SPDX-License-Identifier: Apache-2.0
 *
 * What one key of Redis holds, decoded by its family: the first hundred of its items, and how many more there are.
 */
#ifndef CARILLON_PRODUCER_CLI_KEY_CONTENT_H
#define CARILLON_PRODUCER_CLI_KEY_CONTENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "producer/cli/key_family.h"
#include "producer/cli/session.h"

/* Reads the key and gives {key, family, type, expiresInMs, count, ..., more}, which the caller deletes. Fields that
 * have names come as `fields`, everything else as `items`, a text as `text`; of a stream the newest. ERR_NOT_FOUND
 * where there is no such key; a `family` of NULL shows it undecoded. What goes wrong is printed, as session_command()
 * does. */
int key_content_read(struct session *s, const char *key, const struct key_family *family, bool with_numbers,
                     cJSON **ret_object) MUST_CHECK;

/* Appends what the records of the batch's contacts refer to: nothing where there is nothing of the kind. */
int key_content_columns(struct session *s, const char *cell, const char *batch, struct buf *columns) MUST_CHECK;

#endif
