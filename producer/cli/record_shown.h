/* SPDX-License-Identifier: Apache-2.0
 *
 * A call's records as `carillon inspect` shows them: the contact, the state text, the attempt log (docs/redis-keys.md).
 * Each gives a value that the caller owns, NULL where memory ran out. A record that does not decode is shown as what it
 * is. `with_numbers`: telephone numbers whole.
 */
#ifndef CARILLON_PRODUCER_CLI_RECORD_SHOWN_H
#define CARILLON_PRODUCER_CLI_RECORD_SHOWN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

/* `columns`: its batch's, as Redis holds them. */
cJSON *record_shown_contact(const char *record, size_t len, const struct buf *columns, bool with_numbers);
cJSON *record_shown_state(const char *text, size_t len, bool with_numbers);
/* An array, a line an object. */
cJSON *record_shown_attempts(const char *text, size_t len, bool with_numbers);

#endif
