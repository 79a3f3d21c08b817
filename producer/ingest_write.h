/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a judged creation into Redis: the batch, its contacts in parts (a few under way at a time, in order), the
 * webhook endpoints that its URLs need, and last the seal, which alone makes it visible and lets it dial, or what makes
 * it a draft, which is visible and does not. Every step may be sent again: where the connection breaks, it goes on from
 * the last step that is known to be done, for a while. A creation that is given up stays unsealed: nobody sees it, and
 * it is purged by itself.
 */
#ifndef CARILLON_PRODUCER_INGEST_WRITE_H
#define CARILLON_PRODUCER_INGEST_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/faults.h"
#include "common/domain/options.h"
#include "producer/batch_settings.h"
#include "producer/exchange.h"
#include "producer/ingest_pack.h"

struct ingest_write;

#define INGEST_STATE_LEN 15

struct ingest_result {
    /* 0: sealed, or a draft. ERR_EXISTS: the single call's number or contact is on the call `rival`. ERR_UNAVAILABLE:
     * given up, nothing visible. ERR_TIMEOUT: the seal was sent and its answer never came: not known. ERR_TOO_LARGE:
     * the tenant would have too many endpoints. ERR_NOT_FOUND: its trunk is gone. Anything else: memory ran out, or
     * Redis holds what makes no sense; nothing visible. */
    int err;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    char state[INGEST_STATE_LEN + 1]; /* where err is 0: "pending", "scheduled" or "draft" */
    uint64_t total; /* where err is 0: contacts taken */
    char rival[LIMIT_CALL_ID_LEN + 1];
};

typedef void (*ingest_write_fn)(struct exchange *x, const struct ingest_result *result);

/* All borrowed for the life of the writing. */
struct ingest_write_config {
    struct exchange *x;
    struct ingest_pack *pack; /* its parts are dropped as they are written */
    bool is_draft;
    const struct batch_options *options;
    const struct batch_settings *settings;
    const char *batch_id; /* NULL: a fresh one is made */
    const char *dial; /* of a single call: its number and the hash of its contact's id (lib/batch.lua); NULL: of none */
    struct faults *warnings; /* contacts left out as duplicates are added */
    ingest_write_fn on_done; /* once, unless the request is over before; never from inside ingest_write_start() */
};

/* Makes the writing and starts it at the end of this turn of the loop. ERR_NOMEM. */
int ingest_write_start(const struct ingest_write_config *config, struct ingest_write **ret_write) MUST_CHECK;
/* Accepts NULL. Only when no reply is to come any more: as part of the exchange's state (exchange_keep). */
void ingest_write_free(struct ingest_write *w);

#endif
