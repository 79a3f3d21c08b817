/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_can_redraw(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) == 1 && terminal && terminal[0] && strcmp(terminal, "dumb") != 0;
}

size_t terminal_columns(int fd, size_t unknown)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : unknown;
}

size_t terminal_rows(int fd, size_t unknown)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : unknown;
}
