/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/scratch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* tmpfile() does not heed TMPDIR: what is too large for /tmp could not go anywhere else. */
FILE *scratch_file_open(void)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/carillon-XXXXXX", folder && folder[0] ? folder : "/tmp");
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return NULL;
    (void)unlink(path);
    FILE *file = fdopen(fd, "w+");
    if (!file) {
        int saved_errno = errno;
        close(fd);
        errno = saved_errno;
    }
    return file;
}
