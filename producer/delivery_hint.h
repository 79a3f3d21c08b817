/* SPDX-License-Identifier: Apache-2.0
 *
 * What the codes of webhook attempts, and of deliveries that were given up, mean to whoever runs the receiver.
 */
#ifndef CARILLON_PRODUCER_DELIVERY_HINT_H
#define CARILLON_PRODUCER_DELIVERY_HINT_H

/* One sentence; NULL for "ok" and for a code that is not known. Static. */
const char *delivery_hint(const char *code);

#endif
