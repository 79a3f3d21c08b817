/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a batch can be looked at: the "links" of an answer.
 */
#ifndef CARILLON_PRODUCER_LINKS_H
#define CARILLON_PRODUCER_LINKS_H

#include <cjson/cJSON.h>

#include "common/base/err.h"

/* Adds "links" {status, dashboard}, absolute URLs that begin with `base` ("https://calls.example"). ERR_NOMEM. */
int links_add(cJSON *object, const char *base, const char *batch_id) MUST_CHECK;

#endif
