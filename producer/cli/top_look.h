/* SPDX-License-Identifier: Apache-2.0
 *
 * One look at a fleet for `carillon top`: what Redis does, and of each cell its calls on the way, its trunks, the
 * tenants and batches that have work, and its workers. Everything that is read is bounded (LIMIT_TOP_*), whatever lies
 * in Redis.
 */
#ifndef CARILLON_PRODUCER_CLI_TOP_LOOK_H
#define CARILLON_PRODUCER_CLI_TOP_LOOK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "producer/cli/session.h"

enum top_sort { TOP_BY_STARTS, TOP_BY_ON_LINE, TOP_BY_WAITING, TOP_BY_NAME, TOP_SORTS };

/* Looks once. The caller owns the object:
 *
 *   {"at", "redis": {..}, "cells": [{..}], "trunks": [{..}], "tenants": [{..}], "batches": [{..}], "workers": [{..}]}
 *
 * where each row names its cell, and trunks, tenants and batches stand in the order of `sort`. `ret_why` tells people
 * what is missing where a part of it could not be read ("" for nothing), and with an error why there is nothing at all.
 * A signal or `stop` ends it too. */
int top_look(struct session *s, const char *const *cells, size_t n_cells, enum top_sort sort, const bool *stop,
             cJSON **ret_shown, char *ret_why, size_t why_cap) MUST_CHECK;

/* Puts the rows of a look into another order. ERR_NOMEM, and they stay as they are. */
int top_look_sort(cJSON *shown, enum top_sort sort) MUST_CHECK;

#endif
