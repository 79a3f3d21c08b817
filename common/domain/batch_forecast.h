/* SPDX-License-Identifier: Apache-2.0
 *
 * When a batch can be through at the earliest, by its own rate and hours alone.
 */
#ifndef CARILLON_DOMAIN_BATCH_FORECAST_H
#define CARILLON_DOMAIN_BATCH_FORECAST_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/options.h"

/* The first and the last begin of `contacts` calls, each dialed once, with nobody else on the trunk; `now_ms` is when
 * it starts where it names no start. ERR_NOT_FOUND where its window does not open long enough before it expires: then
 * `ret_last_ms` is the expiry. ERR_INVALID where this machine does not know its zone. */
int batch_forecast(const struct batch_options *o, uint64_t contacts, int64_t now_ms, int64_t *ret_first_ms,
                   int64_t *ret_last_ms) MUST_CHECK;

#endif
