/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated platform: tests/carrier's Retell at http://carrier, its fates and faults drawn by the seed.
 */
#ifndef CARILLON_SIM_PLATFORM_H
#define CARILLON_SIM_PLATFORM_H

struct platform;

/* In the world that has begun. `api_key` and `webhook_url` are copied. */
struct platform *platform_open(const char *api_key, const char *webhook_url);
void platform_close(struct platform *p);

#endif
