/* SPDX-License-Identifier: Apache-2.0
 *
 * How a cell is, for operators: the reply of cell_show.lua as JSON.
 */
#ifndef CARILLON_PRODUCER_CELL_VIEW_H
#define CARILLON_PRODUCER_CELL_VIEW_H

#include <cjson/cJSON.h>

#include "common/base/err.h"

struct redisReply;

/* {cell, state, schema, epoch, ..., processes, workers}; the caller owns it. ERR_PROTOCOL for a reply of another form,
 * ERR_NOMEM. */
int cell_view_json(const char *cell, const struct redisReply *reply, cJSON **ret_json) MUST_CHECK;

#endif
