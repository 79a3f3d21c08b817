/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing down what became of attempts. Those that end in one turn of the loop go out together. A report whose answer
 * was lost is made again: the script knows what it has seen.
 */
#ifndef CARILLON_NOTIFIER_REPORT_H
#define CARILLON_NOTIFIER_REPORT_H

struct cell;
struct delivery;

/* Takes over an ended attempt (its verdict is set) that is in no list. */
void report_add(struct delivery *delivery);
/* Sends what waits, unless a report is under way. */
void report_flush(struct cell *cell);

#endif
