/* SPDX-License-Identifier: Apache-2.0
 *
 * How often each telephone number was asked for and dialed: the counts that decide fates and faults.
 */
#ifndef CARILLON_CARRIER_NUMBERS_H
#define CARILLON_CARRIER_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBERS_MAX 4000000
#define NUMBERS_E164_CAP 17 /* "+", 15 digits, NUL */

struct numbers;

struct number_counts {
    uint64_t requests; /* well-formed create requests */
    uint64_t dials; /* calls placed */
};

/* True for "+" and 2 to 15 digits of which the first is not 0 (ITU-T E.164). */
bool numbers_is_e164(const char *text);

struct numbers *numbers_create(void);
/* Accepts NULL. */
void numbers_free(struct numbers *n);

/* The counts of an E.164 number, at first 0, to be counted up by the caller; borrowed from `n`, and they stay where
 * they are. NULL for a new number where NUMBERS_MAX are known. */
struct number_counts *numbers_at(struct numbers *n, const char *e164);

#endif
