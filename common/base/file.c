/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fills `data` up to `cap` bytes or the file's end. */
static int fill(int fd, char *data, size_t cap, size_t *ret_len)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, data + len, cap - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int file_read_open(int fd, size_t max, char **ret_data, size_t *ret_len)
{
    size_t len = 0;
    /* One byte more shows that there is more; the last one is for the NUL. It never moves, so that a secret leaves no
     * copy of itself behind. */
    char *data = max < SIZE_MAX - 2 ? malloc(max + 2) : NULL;
    int err = data ? fill(fd, data, max + 1, &len) : ERR_NOMEM;
    if (!err && len > max)
        err = ERR_TOO_LARGE;
    if (err) {
        int saved_errno = errno;
        if (data)
            explicit_bzero(data, len);
        free(data);
        errno = saved_errno;
        return err;
    }
    data[len] = '\0';
    *ret_data = data;
    *ret_len = len;
    return 0;
}

int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int err = file_read_open(fd, max, ret_data, ret_len);
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return err;
}

int file_read_secret(const char *path, size_t max, char **ret_secret)
{
    char *data;
    size_t len;
    int err = file_read(path, max, &data, &len);
    if (err)
        return err;
    if (len > 0 && data[len - 1] == '\n')
        data[--len] = '\0';
    if (len > 0 && data[len - 1] == '\r')
        data[--len] = '\0';
    if (len == 0 || strcspn(data, "\r\n") != len) {
        explicit_bzero(data, len);
        free(data);
        return ERR_INVALID;
    }
    *ret_secret = data;
    return 0;
}

void file_free_secret(char *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret, strlen(secret));
    free(secret);
}
