/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/dial.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/breakpoint.h"
#include "common/base/heap.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/domain/contact_record.h"

static const struct {
    enum dial_state from, to;
} transitions[] = {
    {DIAL_LOADING, DIAL_WAITING},       {DIAL_LOADING, DIAL_OVER},      {DIAL_WAITING, DIAL_BEGINNING},
    {DIAL_WAITING, DIAL_RELEASING},     {DIAL_BEGINNING, DIAL_BEGUN},   {DIAL_BEGINNING, DIAL_OVER},
    {DIAL_BEGINNING, DIAL_REPLICATING}, {DIAL_REPLICATING, DIAL_BEGUN}, {DIAL_REPLICATING, DIAL_TELLING},
    {DIAL_BEGUN, DIAL_SENDING},         {DIAL_SENDING, DIAL_TELLING},   {DIAL_TELLING, DIAL_OVER},
    {DIAL_RELEASING, DIAL_OVER},
};

static const char *const names[DIAL_STATE_COUNT] = {
    [DIAL_LOADING] = "loading",         [DIAL_WAITING] = "waiting",     [DIAL_BEGINNING] = "beginning",
    [DIAL_REPLICATING] = "replicating", [DIAL_BEGUN] = "begun",         [DIAL_SENDING] = "sending",
    [DIAL_TELLING] = "telling",         [DIAL_RELEASING] = "releasing", [DIAL_OVER] = "over",
};

const char *dial_state_name(enum dial_state state)
{
    return names[state];
}

bool dial_state_may(enum dial_state from, enum dial_state to)
{
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++)
        if (transitions[i].from == from && transitions[i].to == to)
            return true;
    return false;
}

void dial_set_state(struct dial *dial, enum dial_state to)
{
    if (!dial_state_may(dial->state, to)) {
        log_error("dial.impossible_state", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
                  log_str("from", names[dial->state]), log_str("to", names[to]));
        abort();
    }
    log_debug("dial.state", log_str("batch", dial->batch_id), log_i64("ordinal", (int64_t)dial->ordinal),
              log_i64("dial", dial->number), log_str("from", names[dial->state]), log_str("to", names[to]));
    dial->state = to;
    breakpoint_reach("dial", names[to]);
}

int dial_create(struct dispatch *dispatch, const char *batch_id, size_t batch_len, uint64_t ordinal, uint32_t number,
                int64_t slot_us, const void *record, size_t record_len, bool *ret_metadata_elsewhere,
                struct dial **ret_dial)
{
    if (!ident_is_valid(batch_id, batch_len, LIMIT_BATCH_ID_LEN))
        return ERR_INVALID;
    struct dial *dial = calloc(1, sizeof *dial);
    if (!dial)
        return ERR_NOMEM;
    int rc = contact_init(&dial->contact);
    if (rc == 0)
        rc = contact_record_unpack(&dial->contact, record, record_len, ret_metadata_elsewhere);
    if (rc != 0) {
        dial_free(dial);
        return rc;
    }
    dial->dispatch = dispatch;
    dial->state = DIAL_LOADING;
    memcpy(dial->batch_id, batch_id, batch_len);
    dial->ordinal = ordinal;
    dial->number = number;
    dial->slot_us = slot_us;
    dial->place = HEAP_NOWHERE;
    *ret_dial = dial;
    return 0;
}

void dial_free(struct dial *dial)
{
    if (!dial)
        return;
    settings_unref(dial->batch);
    contact_free(&dial->contact);
    free(dial);
}
