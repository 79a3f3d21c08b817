/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/input.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

static bool is_stdin(const char *path)
{
    return strcmp(path, "-") == 0;
}

const char *input_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

/* Not by way of /dev/stdin: a socket cannot be opened, nor a file that only who started us may open. */
int input_read(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    return is_stdin(path) ? file_read_open(STDIN_FILENO, max, ret_data, ret_len)
                          : file_read(path, max, ret_data, ret_len);
}
