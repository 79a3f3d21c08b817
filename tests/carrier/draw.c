/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/draw.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/digest.h"

#define DRAW_TEXT_CAP 160

int draw_value(const char *name, uint64_t seed, const char *number, uint64_t count, uint64_t *ret_value)
{
    char text[DRAW_TEXT_CAP];
    int len = snprintf(text, sizeof text, "%s:%" PRIu64 ":%s:%" PRIu64, name, seed, number, count);
    if (len < 0 || (size_t)len >= sizeof text)
        return ERR_TOO_LARGE;
    uint8_t digest[DIGEST_SHA256_LEN];
    int err = digest_sha256(text, (size_t)len, digest);
    if (err)
        return err;
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof value; i++)
        value = value << 8 | digest[i];
    *ret_value = value;
    return 0;
}

int draw_fraction(const char *name, uint64_t seed, const char *number, uint64_t count, double *ret_fraction)
{
    uint64_t value;
    int err = draw_value(name, seed, number, count, &value);
    if (err)
        return err;
    *ret_fraction = (double)(value >> 11) / 9007199254740992.0;
    return 0;
}
