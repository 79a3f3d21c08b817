/* SPDX-License-Identifier: Apache-2.0
 *
 * The events that tenants hear of, and their ids. An id follows from batch, call, attempt and type alone, so that an
 * event written twice is the same event; it holds no dot, because signatures join with dots. The scripts write the
 * same.
 */
#ifndef CARILLON_DOMAIN_EVENT_H
#define CARILLON_DOMAIN_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

enum event_type {
    EVENT_CALL_COMPLETED, /* a contact's final outcome */
    EVENT_CALL_ATTEMPT, /* the outcome of one charged attempt */
    EVENT_BATCH_STARTED, /* its first call was begun */
    EVENT_BATCH_PAUSED,
    EVENT_BATCH_CANCELLED, /* the end of a cancel */
    EVENT_BATCH_COMPLETED,
    EVENT_BATCH_FAILED, /* it can never run, or is paused because its tenant's credit is used up */
};
#define EVENT_TYPE_COUNT 7

/* What a tenant sends to try an endpoint: an event of no batch. */
#define EVENT_TEST_NAME "webhook.test"

#define EVENT_ID_LEN 128

struct event_ref {
    enum event_type type;
    char batch[LIMIT_BATCH_ID_LEN + 1];
    uint64_t ordinal; /* of a call's event; 0 otherwise */
    uint32_t attempt; /* of a call's event: charged attempts; 0 where it never had one */
    uint32_t nth; /* of batch.paused, and of batch.failed for want of credit: which of the batch's pauses, from 1; of a
                     batch that can never run, and otherwise: 0 */
};

const char *event_type_name(enum event_type type); /* "call.completed" */
int event_type_from_name(const char *name, size_t len, enum event_type *ret_type) MUST_CHECK;
bool event_type_is_call(enum event_type type);

/* "evt_<batch>-<ordinal>-<attempt>-call_completed", "evt_<batch>-<nth>-batch_paused" or "evt_<batch>-batch_completed".
 * ERR_INVALID where the batch is not an identifier. */
int event_id_make(const struct event_ref *ref, char ret_id[EVENT_ID_LEN + 1]) MUST_CHECK;
/* Reads it back; ERR_INVALID for any other spelling. */
int event_id_parse(const char *text, size_t len, struct event_ref *ret_ref) MUST_CHECK;

/* A delivery is an event on its way to one URL, and bears the event's id. Where an event has a URL of its own and the
 * one for all events leads elsewhere, the delivery to the latter has this behind it. Receivers see the event's id alone
 * (webhook-id). */
#define EVENT_DELIVERY_MARK "-all"
#define EVENT_DELIVERY_ID_LEN (EVENT_ID_LEN + sizeof EVENT_DELIVERY_MARK - 1)
/* How much of a delivery's id is the event's. */
size_t event_id_len(const char *delivery_id);

#endif
