/* SPDX-License-Identifier: Apache-2.0
 *
 * Which forms of an answer a client takes (RFC 9110 section 12.5.3).
 */
#ifndef CARILLON_PRODUCER_CONTENT_CODING_H
#define CARILLON_PRODUCER_CONTENT_CODING_H

#include <stdbool.h>

/* Whether an Accept-Encoding header admits gzip by its name. NULL, where there is none, admits nothing. */
bool content_coding_takes_gzip(const char *accepted);

#endif
