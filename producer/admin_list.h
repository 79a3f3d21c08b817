/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants and trunks as operators see them: one, and all of a cell page by page, by their ids.
 */
#ifndef CARILLON_PRODUCER_ADMIN_LIST_H
#define CARILLON_PRODUCER_ADMIN_LIST_H

#include <stdint.h>

#include "producer/exchange.h"
#include "producer/resource_change.h"
#include "producer/resource_view.h"

struct admin_view {
    const struct resource_kind *kind;
    const char *member; /* "tenants": of the list in the answer */
    const struct resource_field *fields;
    size_t n_fields;
};

extern const struct admin_view admin_view_tenants, admin_view_trunks;

/* What admin_show() keeps in mind. */
struct admin_one {
    const struct admin_view *view;
    const char *cell;
    const char *id;
    int status; /* of the answer, where there is one */
    int64_t in_flight; /* calls that hold its concurrency, once that is read */
};

/* Answers with one as it stands now, or 404. `one` and what it points to live as long as the exchange is open. */
void admin_show(struct exchange *x, struct admin_one *one);
/* Runs GET of one, by the path's {id}; and GET of the list, by `limit` and `cursor`. */
void admin_run_show(struct exchange *x, const struct admin_view *view);
void admin_run_list(struct exchange *x, const struct admin_view *view);

#endif
