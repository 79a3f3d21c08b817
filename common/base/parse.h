/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsers for numbers and the like: the whole input must be consumed, no leading spaces, no sign where none is
 * asked for, no overflow. ERR_INVALID for a wrong form, ERR_RANGE for a value outside [min, max].
 */
#ifndef CARILLON_BASE_PARSE_H
#define CARILLON_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

int parse_i64(const char *text, size_t len, int64_t min, int64_t max, int64_t *ret_value) MUST_CHECK;
int parse_u64(const char *text, size_t len, uint64_t max, uint64_t *ret_value) MUST_CHECK;
/* "true", "1", "yes", "on" and their opposites, in any case. */
int parse_bool(const char *text, size_t len, bool *ret_value) MUST_CHECK;
/* A finite decimal number of at most 64 characters: no hexadecimal, no "inf", digits on both sides of a point. */
int parse_double(const char *text, size_t len, double min, double max, double *ret_value) MUST_CHECK;
/* A whole number of seconds, minutes, hours or days, such as "90s", "24h", "30d", as milliseconds; "0" is none. */
int parse_duration_ms(const char *text, size_t len, int64_t max_ms, int64_t *ret_ms) MUST_CHECK;

/* Copies a word of printable ASCII without blanks, as the scripts take ids and reasons from platforms, with a NUL
 * behind it. May be empty. ERR_INVALID where it holds anything else, or does not fit `cap` with its NUL. */
int parse_word(const char *text, size_t len, char *ret_word, size_t cap) MUST_CHECK;

#endif
