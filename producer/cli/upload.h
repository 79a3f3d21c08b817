/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign whose contacts are too many for one request: a draft is made, filled chunk by chunk out of a CSV file, and
 * started. Every request may be sent again without harm, so it is, where the connection breaks or the producer
 * restarts; and the same command goes on where an earlier one ended, because draft and chunks are told by the contents
 * of the files (docs/decisions/0011-submit-by-content.md).
 */
#ifndef CARILLON_PRODUCER_CLI_UPLOAD_H
#define CARILLON_PRODUCER_CLI_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "producer/cli/contacts_file.h"
#include "producer/cli/exit.h"
#include "producer/cli/patience.h"

struct upload_config {
    struct session *session; /* all borrowed */
    struct patience *patience;
    struct contacts_file *contacts; /* at its beginning */
    const char *body; /* the campaign without contacts */
    size_t len;
    const char *idempotency_key;
    size_t chunk_bytes;
    bool is_draft; /* it is not started */
};

/* Does it, and tells what became of it. CLI_DONE: the batch `ret_batch` is filled, and started unless it is to stay a
 * draft. */
enum cli_exit upload_run(const struct upload_config *config, char ret_batch[LIMIT_BATCH_ID_LEN + 1]) MUST_CHECK;

#endif
