/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"

/* The longest key is far shorter than KEY_LEN as long as its parts are valid identifiers; one that is cut would name
 * another thing's data, so that is a bug to stop at. */
__attribute__((format(printf, 1, 2))) static struct key make(const char *format, ...)
{
    struct key key;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(key.text, sizeof key.text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof key.text)
        abort();
    key.len = (size_t)n;
    return key;
}

struct redis_arg key_arg(const struct key *key)
{
    return redis_arg_mem(key->text, key->len);
}

struct key key_cell_prefix(const char *cell)
{
    return make("carillon:{%s}:", cell);
}

struct key key_dir_prefix(void)
{
    return make("carillon:{dir}:");
}

struct key key_cell(const char *cell)
{
    return make("carillon:{%s}:cell", cell);
}

struct key key_wake_channel(const char *cell)
{
    return make("carillon:{%s}:wake", cell);
}

struct key key_wake_events_channel(const char *cell)
{
    return make("carillon:{%s}:wake:events", cell);
}

struct key key_trunk(const char *cell, const char *trunk)
{
    return make("carillon:{%s}:trunk:%s", cell, trunk);
}

struct key key_trunk_index(const char *cell)
{
    return make("carillon:{%s}:index:trunks", cell);
}

struct key key_trunks(const char *cell)
{
    return make("carillon:{%s}:trunks", cell);
}

struct key key_tenant(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:tenant:%s", cell, tenant);
}

struct key key_load(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:load:t/%s", cell, tenant);
}

struct key key_tenant_index(const char *cell)
{
    return make("carillon:{%s}:index:tenants", cell);
}

struct key key_tenant_agents(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:tenant:%s:agents", cell, tenant);
}

struct key key_tenant_batches(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:tenant:%s:batches", cell, tenant);
}

struct key key_tenant_dials(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:tenant:%s:dials", cell, tenant);
}

struct key key_tenant_tag(const char *cell, const char *tenant, const char *tag_hex)
{
    return make("carillon:{%s}:tenant:%s:tags:%s", cell, tenant, tag_hex);
}

struct key key_batch(const char *cell, const char *batch)
{
    return make("carillon:{%s}:batch:%s", cell, batch);
}

struct key key_batch_contacts(const char *cell, const char *batch, uint64_t bucket)
{
    return make("carillon:{%s}:batch:%s:contacts:%" PRIu64, cell, batch, bucket);
}

struct key key_batch_extra(const char *cell, const char *batch, uint64_t bucket)
{
    return make("carillon:{%s}:batch:%s:extra:%" PRIu64, cell, batch, bucket);
}

struct key key_batch_state(const char *cell, const char *batch, uint64_t bucket)
{
    return make("carillon:{%s}:batch:%s:state:%" PRIu64, cell, batch, bucket);
}

struct key key_batch_texts(const char *cell, const char *batch, uint64_t bucket)
{
    return make("carillon:{%s}:batch:%s:texts:%" PRIu64, cell, batch, bucket);
}

struct key key_batch_attempts(const char *cell, const char *batch, uint64_t bucket)
{
    return make("carillon:{%s}:batch:%s:attempts:%" PRIu64, cell, batch, bucket);
}

struct key key_batch_retries(const char *cell, const char *batch)
{
    return make("carillon:{%s}:batch:%s:retry:0", cell, batch);
}

struct key key_batch_columns(const char *cell, const char *batch)
{
    return make("carillon:{%s}:batch:%s:columns", cell, batch);
}

struct key key_batch_rows(const char *cell, const char *batch)
{
    return make("carillon:{%s}:batch:%s:rows", cell, batch);
}

struct key key_placed(const char *cell, uint64_t number)
{
    return make("carillon:{%s}:placed:%" PRIu64, cell, number);
}

struct key key_suppressed(const char *cell, const char *tenant)
{
    if (!tenant[0])
        return make("carillon:{%s}:suppressed", cell);
    return make("carillon:{%s}:suppressed:t/%s", cell, tenant);
}

struct key key_processes(const char *cell)
{
    return make("carillon:{%s}:processes", cell);
}

struct key key_workers(const char *cell)
{
    return make("carillon:{%s}:workers", cell);
}

struct key key_claimed(const char *cell)
{
    return make("carillon:{%s}:claimed", cell);
}

struct key key_live(const char *cell)
{
    return make("carillon:{%s}:live", cell);
}

struct key key_parked(const char *cell)
{
    return make("carillon:{%s}:parked", cell);
}

struct key key_expiries(const char *cell)
{
    return make("carillon:{%s}:expiries", cell);
}

struct key key_unfunded(const char *cell, const char *tenant)
{
    return make("carillon:{%s}:unfunded:t/%s", cell, tenant);
}

struct key key_flows_turn(const char *cell, const char *trunk)
{
    return make("carillon:{%s}:turn:k/%s", cell, trunk);
}

struct key key_flows_waiting(const char *cell, const char *trunk)
{
    return make("carillon:{%s}:waiting:k/%s", cell, trunk);
}

struct key key_lanes_ready(const char *cell, const char *trunk, const char *tenant)
{
    return make("carillon:{%s}:ready:f/%s/%s", cell, trunk, tenant);
}

struct key key_lanes_waiting(const char *cell, const char *trunk, const char *tenant)
{
    return make("carillon:{%s}:waiting:f/%s/%s", cell, trunk, tenant);
}

struct key key_flying(const char *cell, char kind, const char *id)
{
    return make("carillon:{%s}:flying:%c/%s", cell, kind, id);
}

struct key key_begins(const char *cell, char kind, const char *id)
{
    return make("carillon:{%s}:begins:%c/%s", cell, kind, id);
}

unsigned key_event_shard(const char *tenant)
{
    uint32_t hash = 5381; /* djb2: what Lua's doubles can compute exactly too */
    for (const unsigned char *p = (const unsigned char *)tenant; *p; p++)
        hash = hash * 33u + *p;
    return hash % LIMIT_EVENT_SHARDS;
}

struct key key_dir_tenant(const char *tenant)
{
    return make("carillon:{dir}:tenant:%s", tenant);
}
