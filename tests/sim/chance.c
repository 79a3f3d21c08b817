/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of the kernel's random numbers, for everything in the program: ids, jitter and nonces follow from the seed.
 * Linked with --wrap=getrandom.
 */
#include <string.h>
#include <sys/types.h>

#include "tests/sim/world.h"

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags); /* NOLINT: the linker's name */

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    char *to = buf;
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t value = dice_next(world_dice());
        memcpy(to + at, &value, len - at < sizeof value ? len - at : sizeof value);
    }
    return (ssize_t)len;
}
