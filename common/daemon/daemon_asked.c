/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <stdlib.h>

const char *daemon_id(const struct daemon *d)
{
    return d->id;
}

struct loop *daemon_loop(struct daemon *d)
{
    return d->loop;
}

const struct conf *daemon_conf(struct daemon *d)
{
    return d->conf;
}

struct redis *daemon_redis(struct daemon *d)
{
    return d->redis;
}

struct metrics *daemon_metrics(struct daemon *d)
{
    return d->metrics;
}

struct http_server *daemon_http(struct daemon *d)
{
    return d->http;
}

const struct seal_keys *daemon_keys(struct daemon *d)
{
    return d->keys;
}

size_t daemon_cell_count(const struct daemon *d)
{
    return d->n_cells;
}

const char *daemon_cell(const struct daemon *d, size_t index)
{
    if (index >= d->n_cells)
        abort();
    return d->cells[index];
}
