/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a batch of those contacts of another that ended in some ways: their records are read page by page and written
 * as they are, one page in memory at a time. Like every creation it is seen once it is sealed and not before; what is
 * given up is purged by itself.
 */
#ifndef CARILLON_PRODUCER_REDIAL_COPY_H
#define CARILLON_PRODUCER_REDIAL_COPY_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/options.h"
#include "common/domain/outcome.h"
#include "producer/batch_settings.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"
#include "producer/ingest_write.h"

struct redial_copy;

struct redial_result {
    /* 0: sealed. ERR_NOT_FOUND: the trunk is gone, or with `is_source_gone` the source. ERR_TOO_LARGE: too many
     * endpoints. ERR_STATE: nobody was found who ended so. Otherwise nothing of it can be seen, unless the seal was
     * sent: ERR_TIMEOUT, not known. */
    int err;
    bool is_source_gone;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    char state[INGEST_STATE_LEN + 1];
    uint64_t total;
    uint64_t by_outcome[OUTCOME_COUNT]; /* of those taken, by how they had ended */
};

typedef void (*redial_copy_fn)(struct exchange *x, const struct redial_result *result);

/* All borrowed for the life of the copy. */
struct redial_copy_config {
    struct exchange *x;
    const struct call_scope *source; /* an ended batch */
    const bool *wanted; /* by outcome */
    const struct batch_options *options;
    const struct batch_settings *settings;
    const char *batch_id; /* of the new batch; NULL: a fresh one is made */
    redial_copy_fn on_done; /* once, unless the request is over before; never from inside redial_copy_start() */
};

int redial_copy_start(const struct redial_copy_config *config, struct redial_copy **ret_copy) MUST_CHECK;
/* Accepts NULL. As part of the exchange's state. */
void redial_copy_free(struct redial_copy *copy);

#endif
