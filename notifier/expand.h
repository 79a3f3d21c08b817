/* SPDX-License-Identifier: Apache-2.0
 *
 * From events to deliveries: reads what the engine wrote, renders each body once, queues it.
 */
#ifndef CARILLON_NOTIFIER_EXPAND_H
#define CARILLON_NOTIFIER_EXPAND_H

struct cell;

/* Reads and expands once; what is left over, and what comes meanwhile, leads to the next cell_work(). Does nothing
 * where a read is under way already. */
void expand_start(struct cell *cell);

#endif
