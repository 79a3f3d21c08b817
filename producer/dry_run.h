/* SPDX-License-Identifier: Apache-2.0
 *
 * A creation that is only tried: what would become of its contacts, and when it could be through. Nothing is written.
 */
#ifndef CARILLON_PRODUCER_DRY_RUN_H
#define CARILLON_PRODUCER_DRY_RUN_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/contact.h"
#include "common/domain/faults.h"
#include "common/domain/options.h"
#include "producer/exchange.h"

struct dry_run;

int dry_run_create(struct dry_run **ret_dry_run) MUST_CHECK;
/* Accepts NULL. */
void dry_run_free(struct dry_run *d);

/* A contact without faults, the `index`-th of the body; where an earlier one has its number, or its id, that is a
 * warning. ERR_NOMEM. */
int dry_run_take(struct dry_run *d, const struct contact *c, size_t index, struct faults *warnings) MUST_CHECK;
/* One with faults; they are added to this list. */
struct faults *dry_run_faults(struct dry_run *d);
void dry_run_reject(struct dry_run *d);

/* All of it was judged, and nothing but its contacts was found to be bad: asks which numbers must not be called, and
 * answers. Borrowed until the exchange is over. */
void dry_run_answer(struct dry_run *d, struct exchange *x, const struct batch_options *options,
                    const struct faults *warnings);

#endif
