/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated platform at http://carrier, its fates and faults drawn by the seed: tests/carrier's Retell, which keeps
 * our token, or its Twilio, which keeps none.
 */
#ifndef CARILLON_SIM_PLATFORM_H
#define CARILLON_SIM_PLATFORM_H

#include <stdbool.h>

#define PLATFORM_KEY "key_simulated" /* of the account, */
#define PLATFORM_ACCOUNT "AC00000000000000000000000000000001" /* and its name where it has one */

struct platform;

/* In the world that has begun. */
struct platform *platform_open(bool keeps_tokens);
void platform_close(struct platform *p);

#endif
