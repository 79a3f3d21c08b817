/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

const char *err_name(int code)
{
    static const char *const names[] = {
        [-ERR_OK] = "ERR_OK",
        [-ERR_NOMEM] = "ERR_NOMEM",
        [-ERR_INVALID] = "ERR_INVALID",
        [-ERR_RANGE] = "ERR_RANGE",
        [-ERR_TOO_LARGE] = "ERR_TOO_LARGE",
        [-ERR_NOT_FOUND] = "ERR_NOT_FOUND",
        [-ERR_EXISTS] = "ERR_EXISTS",
        [-ERR_STATE] = "ERR_STATE",
        [-ERR_TIMEOUT] = "ERR_TIMEOUT",
        [-ERR_CLOSED] = "ERR_CLOSED",
        [-ERR_UNAVAILABLE] = "ERR_UNAVAILABLE",
        [-ERR_PROTOCOL] = "ERR_PROTOCOL",
        [-ERR_IO] = "ERR_IO",
        [-ERR_AUTH] = "ERR_AUTH",
        [-ERR_DENIED] = "ERR_DENIED",
        [-ERR_QUOTA] = "ERR_QUOTA",
    };
    const int count = (int)(sizeof names / sizeof names[0]);
    return code <= 0 && code > -count ? names[-code] : "ERR_UNKNOWN";
}

bool err_is_retryable(int code)
{
    return code == ERR_TIMEOUT || code == ERR_CLOSED || code == ERR_UNAVAILABLE;
}
