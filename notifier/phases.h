/* SPDX-License-Identifier: Apache-2.0
 *
 * How long what took in one request, as the attempt log keeps it and the producer's API shows it:
 * "dns=3 connect=5 tls=20 first=31 http=11 reused=0". Times are ms from the beginning of the attempt, each left out
 * where the request did not come to it; `http` is 10, 11 or 20.
 */
#ifndef CARILLON_NOTIFIER_PHASES_H
#define CARILLON_NOTIFIER_PHASES_H

#include <stdint.h>

#include "common/http/client.h"

#define PHASES_LEN 127

/* `looked_up_us`: how long the name took before the request began; 0: it was known. Times of the result are counted
 * from behind that. */
void phases_format(const struct http_result *result, int64_t looked_up_us, char ret_text[PHASES_LEN + 1]);

#endif
