/* SPDX-License-Identifier: Apache-2.0
 *
 * Every key name that C uses. A key is "carillon:{<cell>}:<rest>" for what is scheduled and "carillon:{dir}:<rest>" for
 * the directory; the scripts spell theirs themselves, under the prefix that they are given. docs/redis-keys.md tells of
 * both, which tests/lint/sides/state.py sees to. The parts were validated by ident_*: none of them can hold a character
 * that joins.
 */
#ifndef CARILLON_REDIS_KEYS_H
#define CARILLON_REDIS_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "common/redis/redis.h"

#define KEY_LEN 640 /* a tag in hexadecimal is the longest part: 64 characters of four bytes */

/* A key by value, NUL-terminated. */
struct key {
    char text[KEY_LEN];
    size_t len;
};

/* The argument for redis_command(); borrows `key`. */
struct redis_arg key_arg(const struct key *key);

/* "carillon:{c0}:", KEYS[1] of every script of a cell. */
struct key key_cell_prefix(const char *cell);
/* "carillon:{dir}:" */
struct key key_dir_prefix(void);

/* ---- a cell ---- */
struct key key_cell(const char *cell); /* hash: schema, epoch, run id, closed_until */
struct key key_wake_channel(const char *cell); /* pub/sub: a call may be claimable */
struct key key_wake_events_channel(const char *cell); /* pub/sub: an event was written */
struct key key_trunk(const char *cell, const char *trunk); /* hash */
struct key key_trunk_index(const char *cell); /* set of trunk ids */
struct key key_trunks(const char *cell); /* zset: trunk with work -> its next free slot, ms */
struct key key_tenant(const char *cell, const char *tenant); /* hash */
struct key key_load(const char *cell, const char *tenant); /* hash: what it uses of its quotas */
struct key key_tenant_index(const char *cell); /* set of tenant ids */
struct key key_tenant_agents(const char *cell, const char *tenant); /* hash: agent id -> "active" | "inactive" */
struct key key_tenant_dials(const char *cell, const char *tenant);
struct key key_tenant_batches(const char *cell, const char *tenant); /* zset: batch -> created ms */
struct key key_tenant_tag(const char *cell, const char *tenant, const char *tag_hex); /* zset: batch -> created ms */
struct key key_batch(const char *cell, const char *batch); /* hash */
struct key key_batch_contacts(const char *cell, const char *batch, uint64_t bucket); /* hash: ordinal -> record */
struct key key_batch_extra(const char *cell, const char *batch, uint64_t bucket); /* hash: ordinal -> metadata */
struct key key_batch_state(const char *cell, const char *batch, uint64_t bucket); /* hash: ordinal -> state text */
struct key key_batch_texts(const char *cell, const char *batch, uint64_t bucket); /* hash: <ordinal>:<what> */
struct key key_batch_attempts(const char *cell, const char *batch, uint64_t bucket); /* hash: ordinal -> dials */
struct key key_batch_retries(const char *cell, const char *batch); /* zset: ordinal -> due ms, of its one lane */
struct key key_batch_columns(const char *cell, const char *batch); /* string: contact_layout.h */
struct key key_batch_rows(const char *cell, const char *batch); /* list: what it did not take (row_error.h) */
struct key key_placed(const char *cell, uint64_t number); /* hash: batch/call/dial -> begin ms[ provider id] */
/* set of digits: numbers that the tenant must not call; `tenant` "": that nobody must */
struct key key_suppressed(const char *cell, const char *tenant);
struct key key_processes(const char *cell); /* zset: process/id/oldest/newest/version -> last seen ms */
struct key key_workers(const char *cell); /* zset: worker -> last seen ms */
struct key key_claimed(const char *cell); /* zset: batch/ordinal/dial/worker -> lease ms */
struct key key_live(const char *cell); /* zset: batch/ordinal/dial -> next check ms */
struct key key_parked(const char *cell); /* zset: kind/id -> last looked at ms */
struct key key_expiries(const char *cell); /* zset: batch -> expires then, ms */
struct key key_unfunded(const char *cell, const char *tenant); /* zset: batch -> since then without credit, ms */
struct key key_flows_turn(const char *cell,
                          const char *trunk); /* zset: tenant whose flow is eligible -> virtual time */
struct key key_flows_waiting(const char *cell, const char *trunk); /* zset: tenant -> eligible then, ms */
struct key key_lanes_ready(const char *cell, const char *trunk, const char *tenant); /* zset: batch/lane -> rank */
struct key key_lanes_waiting(const char *cell, const char *trunk, const char *tenant); /* zset: batch/lane -> ms */
/* zset: batch/ordinal/dial -> lease or deadline ms; `kind`: 'k' of a trunk, 't' of a tenant, 'b' of a batch */
struct key key_flying(const char *cell, char kind, const char *id);
struct key key_begins(const char *cell, char kind, const char *id); /* list: instants of the last begins, us */
/* The events shard of a tenant: djb2 of its id (32 bits) modulo LIMIT_EVENT_SHARDS; the scripts compute the same. */
unsigned key_event_shard(const char *tenant);

/* ---- the directory ---- */
struct key key_dir_tenant(const char *tenant); /* hash: cell, alias */

#endif
