/* SPDX-License-Identifier: Apache-2.0
 *
 * One event as hook_read.lua hands it over: the stream's entry, its batch, its call. Read without trust: an entry that
 * cannot be rendered is told apart from one that can, with the reason.
 */
#ifndef CARILLON_NOTIFIER_HOOK_ENTRY_H
#define CARILLON_NOTIFIER_HOOK_ENTRY_H

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "common/domain/endpoint.h"
#include "notifier/render.h"

struct redisReply;

#define HOOK_TARGETS 2

/* Where an event goes. */
struct hook_target {
    struct render_text url;
    char endpoint_id[ENDPOINT_ID_LEN + 1];
};

/* Texts are borrowed from the reply and, for the contact, from what was given to hook_entry_read(). */
struct hook_entry {
    struct render_text shard; /* as it is passed on to the scripts */
    struct render_text stream_id;
    struct render_text event_id;
    const char *tenant;
    struct render_text again; /* the id of the one delivery that is to be made again; none: all are made */
    struct render_text again_endpoint; /* where that one went; none: not known */
    /* The batch's URL for this type of event, and the one for all events where that is another. */
    struct hook_target targets[HOOK_TARGETS];
    size_t n_targets;
    struct render_event event;
};

/* Reads one item. With ERR_PROTOCOL the reply is not of the script's form and nothing is filled. With ERR_INVALID,
 * `shard`, `stream_id` and `event_id` (as far as it has one) are filled, the entry can never become a delivery, and
 * `ret_why` (a static text) says why. `contact` is read into. */
int hook_entry_read(const struct redisReply *item, struct contact *contact, struct hook_entry *ret_entry,
                    const char **ret_why) MUST_CHECK;

#endif
