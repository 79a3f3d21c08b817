/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/delivery_hint.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *code;
    const char *hint;
} HINTS[] = {
    {"http_status", "The receiver answered with a status that is not 2xx: its own log says why."},
    {"redirect", "The receiver answered with a redirect, which is never followed: give the new URL."},
    {"endpoint_gone", "The receiver answered 410, so nothing more is sent there until the endpoint is enabled."},
    {"timeout",
     "No whole answer came in time, which is 15 seconds unless the operator says otherwise: answer first, then work."},
    {"connect_failed", "No connection could be made: the host is down, or a firewall drops or refuses us."},
    {"connection_reset", "The connection broke off before a whole answer: look at proxies and load balancers."},
    {"tls_failed",
     "TLS could not be agreed on: the certificate is expired, for another name, or not signed by a known CA."},
    {"dns_nxdomain", "There is no such name in the DNS."},
    {"dns_error", "The name's servers gave no answer."},
    {"address_blocked", "The URL leads to a private address, or by plain http, and the operator does not permit that."},
    {"bad_url", "The URL cannot be read."},
    {"bad_response", "What the receiver sent is no HTTP answer, or has headers of more than 16 KiB."},
    {"unknown", "Our process died while it sent this: it may have arrived, and was sent again."},
    {"internal", "It failed on our side: no attempt was counted."},
    {"backlog", "More waited for this endpoint than is kept, and the oldest events of calls were given up."},
    {"too_old", "The endpoint was left alone for so long that the event of a call was given up."},
    {"endpoint_disabled", "The endpoint was disabled: enable it, then recover what was missed."},
    {"no_endpoint", "There was no endpoint for the URL."},
    {"body_gone", "What was to be sent was lost in Redis: send it again."},
};

const char *delivery_hint(const char *code)
{
    for (size_t i = 0; i < sizeof HINTS / sizeof HINTS[0]; i++) {
        if (strcmp(code, HINTS[i].code) == 0)
            return HINTS[i].hint;
    }
    return NULL;
}
