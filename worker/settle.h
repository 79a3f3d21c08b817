/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes true what was learnt about a dial: from a callback, a lookup, the create request's own answer, or its deadline.
 * Reads where the call stands, decides what follows (common/domain/retry.h), and has one script make it so. Any worker
 * can settle any dial. Where the state changed between reading and writing, it decides again.
 */
#ifndef CARILLON_WORKER_SETTLE_H
#define CARILLON_WORKER_SETTLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/call_text.h"
#include "common/provider/provider.h"
#include "worker/settings.h"
#include "worker/worker.h"

struct settle;

/* Which dial. Copied wherever it is kept. */
struct settle_dial {
    const char *batch_id;
    uint64_t ordinal;
    uint32_t number;
};

enum settle_source { SETTLE_BY_CALLBACK, SETTLE_BY_LOOKUP, SETTLE_BY_ANSWER, SETTLE_BY_DEADLINE };

enum settle_end {
    SETTLE_DONE, /* Redis holds it, or held it already */
    SETTLE_GONE, /* there is no such dial (any more) */
    SETTLE_UNAVAILABLE, /* Redis cannot be asked now, or not by us: nothing is known to have changed */
    SETTLE_FAILED, /* what Redis holds makes no sense */
};

typedef void (*settle_fn)(enum settle_end end, void *arg);

int settle_create(struct worker_cell *cell, struct settle **ret_settle) MUST_CHECK;
/* After the connection was freed; nothing is called back. Accepts NULL. */
void settle_free(struct settle *s);

/* Settles a dial whose call is over: `result` (copied) is of kind PROVIDER_ENDED or PROVIDER_ANALYZED. `fn` (may be
 * NULL) is called once, possibly from inside. */
void settle_report(struct settle *s, const struct settle_dial *dial, const struct provider_result *result,
                   enum settle_source source, settle_fn fn, void *arg);
/* Settles a dial of which nothing was heard until its deadline. */
void settle_unknown(struct settle *s, const struct settle_dial *dial, settle_fn fn, void *arg);

/* Redis is ready again. */
void settle_flush(struct settle *s);
bool settle_is_idle(const struct settle *s);
/* Reports on their way. */
size_t settle_reports(const struct settle *s);

/* What follows a result, as a pure rule: exposed for its test. */
enum settle_how { SETTLE_HOW_ENDED, SETTLE_HOW_FINAL, SETTLE_HOW_RETRY };
struct settle_decision {
    enum settle_how how;
    int64_t retry_at_ms;
    enum outcome outcome; /* the result's; or the call's own, where it was hung up and an analysis knows none */
};
/* `attempts` counts this dial's attempt. A hang-up that is told again does not end the wait for the summary. */
struct settle_decision settle_decide(const struct batch_settings *batch, const struct provider_result *result,
                                     const struct call_text *call, int32_t attempts, int64_t now_ms);

#endif
