/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/why.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/timestamp.h"

#define ROW(code_, level_, end_, until_, message_)                                                                     \
    {                                                                                                                  \
        .code = (code_), .level = WHY_LEVEL_##level_, .end = WHY_END_##end_, .until = (until_), .message = (message_)  \
    }

static const struct why_row ROWS[] = {
    ROW("CELL_CLOSED", CELL, TIME, NULL,
        "Redis was restarted: nothing is dialed until {until}, while the workers tell what they hold."),
    ROW("CELL_STOPPED", CELL, SOMEBODY, "an operator starts the cell",
        "Its cell is stopped until an operator starts it."),
    ROW("NO_WORKER", CELL, SOMEBODY, "a worker runs",
        "No worker has been seen lately: nothing is dialed or settled until one runs."),
    ROW("TRUNK_STOPPED", TRUNK, SOMEBODY, "an operator starts the trunk",
        "Its trunk is stopped{why} until an operator starts it."),
    ROW("TRUNK_HELD", TRUNK, TIME, NULL,
        "Its trunk pauses until {until}: the platform asked for that, or could not be reached."),
    ROW("TRUNK_BREAKER", TRUNK, TIME, NULL,
        "Its trunk's platform fails{why}: nothing is dialed until {until}, when one call tries it again."),
    ROW("TRUNK_PROBING", TRUNK, TIME, NULL,
        "Its trunk's platform fails{why}: one call is trying it, of which more is known by {until} at the latest."),
    ROW("TRUNK_FULL", TRUNK, ROOM, "a call on the trunk ends",
        "Its trunk is full, with {count} of {of} calls, until one of them ends."),
    ROW("TRUNK_RATE", TRUNK, PACE, NULL,
        "Calls go out at its trunk's limit of {of} a second; the next place is free at {until}."),
    ROW("TENANT_STOPPED", TENANT, SOMEBODY, "an operator starts the tenant",
        "Its tenant is stopped{why} until an operator starts it."),
    ROW("TENANT_FULL", TENANT, ROOM, "a call of the tenant ends",
        "Its tenant is at its limit, with {count} of {of} calls, until one of them ends."),
    ROW("TENANT_RATE", TENANT, PACE, NULL,
        "Calls go out at its tenant's limit of {of} a second; the next place is free at {until}."),
    ROW("TURN_OF_OTHERS", FLOW, TURN, "its turn comes",
        "The tenants on its trunk take turns: {count} of {of} are ahead of it."),
    ROW("BATCHES_AHEAD", FLOW, TURN, "those have nothing due",
        "Batches of its tenant with a higher priority, or an earlier start, go first: {count} of them."),
    ROW("BATCH_DRAFT", BATCH, SOMEBODY, "it is started", "It is a draft, and dials nobody until it is started."),
    ROW("BATCH_INGESTING", BATCH, SOMEBODY, "all its contacts are written",
        "Its contacts are being written; it dials nobody until all are there."),
    ROW("BATCH_PAUSED", BATCH, SOMEBODY, "it is resumed", "It is paused{why} until it is resumed."),
    ROW("BATCH_REFUSED", BATCH, SOMEBODY, "it is resumed",
        "It paused itself, because its calls are refused one after the other{why}, until it is resumed."),
    ROW("BATCH_UNFUNDED", BATCH, SOMEBODY, "its tenant has credit again",
        "It is paused until its tenant gets more credit: {count} s are left, and a call begins on {of} s at least."),
    ROW("BATCH_CANCELLING", BATCH, PROGRESS, "its calls have ended",
        "It is being cancelled: {count} of its calls are still to be ended, and no new one begins."),
    ROW("BATCH_SCHEDULED", BATCH, TIME, NULL, "Its start is scheduled for {until}."),
    ROW("BATCH_EXPIRED", BATCH, PROGRESS, "its calls have ended",
        "It has expired: {count} of its calls are still to be ended, and no new one begins."),
    ROW("WINDOW_CLOSED", BATCH, TIME, NULL, "Its calling window is closed until {until}."),
    ROW("WINDOW_UNKNOWN", BATCH, SOMEBODY, "a worker publishes its window's next hours",
        "The next hours of its calling window are not published yet: a worker does it within seconds."),
    ROW("BATCH_FULL", BATCH, ROOM, "one of its calls ends",
        "It is at its own limit, with {count} of {of} calls, until one of them ends."),
    ROW("BATCH_RATE", BATCH, PACE, NULL,
        "Calls go out at its own limit of {of} a second; the next place is free at {until}."),
    ROW("BATCH_COMPLETED", BATCH, OVER, NULL, "It has completed: every contact has its final outcome."),
    ROW("BATCH_CANCELLED", BATCH, OVER, NULL, "It was cancelled, and nothing of it is under way."),
    ROW("BATCH_FAILED", BATCH, OVER, NULL, "It has failed{why}, and dials nobody any more."),
    ROW("RETRY_WAIT", CALLS, TIME, NULL,
        "Contacts that wait for their next attempt: {count}; the first is due at {until}."),
    ROW("NUMBER_BUSY", CALLS, ROOM, "the other call ends",
        "Contacts whose number is on another call: {count}; each waits until that call ends."),
    ROW("CALLS_CLAIMED", CALLS, PROGRESS, "they are placed", "Calls about to be placed: {count}."),
    ROW("CALLS_LIVE", CALLS, PROGRESS, "they end",
        "Calls on the line, or waiting for word of their outcome: {count}; the last must have ended by {latest}."),
    ROW("CALLS_ENDED", CALLS, PROGRESS, "their summaries come",
        "Calls that are over and wait for their summary: {count}; by {latest} none is waited for any more."),
    ROW("RUNNING", BATCH, PROGRESS, NULL, "Nothing holds it back: calls are being placed."),
};
#define ROW_COUNT (sizeof ROWS / sizeof ROWS[0])
#define RUNNING (ROW_COUNT - 1)

static const char *const LEVELS[WHY_LEVEL_COUNT] = {
    [WHY_LEVEL_CELL] = "cell", [WHY_LEVEL_TRUNK] = "trunk", [WHY_LEVEL_TENANT] = "tenant",
    [WHY_LEVEL_FLOW] = "flow", [WHY_LEVEL_BATCH] = "batch", [WHY_LEVEL_CALLS] = "calls",
};

const struct why_row *why_rows(size_t *ret_n)
{
    *ret_n = ROW_COUNT;
    return ROWS;
}

int why_row_of(const char *code, size_t len, const struct why_row **ret_row)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strlen(ROWS[i].code) == len && memcmp(ROWS[i].code, code, len) == 0) {
            *ret_row = &ROWS[i];
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

const char *why_level_name(enum why_level level)
{
    return LEVELS[level];
}

/* ---- the verdict ---- */

static bool outweighs(const struct why_reason *a, const struct why_reason *b)
{
    if (a->row->end != b->row->end)
        return a->row->end < b->row->end;
    return a->row->end == WHY_END_TIME && a->until_ms > b->until_ms;
}

struct why_reason why_verdict(const struct why_reason *reasons, size_t n)
{
    const struct why_reason *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (reasons[i].holds && (!best || outweighs(&reasons[i], best)))
            best = &reasons[i];
    }
    if (best)
        return *best;
    return (struct why_reason){.row = &ROWS[RUNNING], .count = -1, .of = -1, .word = ""};
}

/* ---- words ---- */

static int append_instant(int64_t ms, struct buf *out)
{
    char text[TIMESTAMP_LEN + 1];
    if (ms == 0)
        return buf_append_str(out, "a time not known");
    timestamp_format(ms, text);
    return buf_append_str(out, text);
}

static int append_place(const struct why_reason *r, const char *name, size_t len, struct buf *out)
{
    if (len == 5 && memcmp(name, "count", 5) == 0)
        return buf_printf(out, "%" PRId64, r->count);
    if (len == 2 && memcmp(name, "of", 2) == 0)
        return buf_printf(out, "%" PRId64, r->of);
    if (len == 5 && memcmp(name, "until", 5) == 0)
        return append_instant(r->until_ms, out);
    if (len == 6 && memcmp(name, "latest", 6) == 0)
        return append_instant(r->latest_ms, out);
    return r->word[0] ? buf_printf(out, " (%s)", r->word) : 0; /* {why} */
}

int why_write(const struct why_reason *r, struct buf *out)
{
    const char *at = r->row->message;
    int err = 0;
    while (*at && !err) {
        size_t len = strcspn(at, "{");
        err = buf_append(out, at, len);
        at += len;
        if (err || *at != '{')
            continue;
        len = strcspn(at, "}");
        err = append_place(r, at + 1, len - 1, out);
        at += len + 1;
    }
    return err;
}
