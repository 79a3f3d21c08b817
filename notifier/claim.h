/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking due deliveries, and taking back those whose lease ran out.
 */
#ifndef CARILLON_NOTIFIER_CLAIM_H
#define CARILLON_NOTIFIER_CLAIM_H

struct cell;

/* Claims as much as there is room for and sends it. Does nothing where a claim is under way, or no room is left. */
void claim_start(struct cell *cell);
/* Takes back expired claims of the shards held. */
void claim_reap(struct cell *cell);

#endif
