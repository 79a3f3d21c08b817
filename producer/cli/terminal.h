/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is to know of the terminal that lines are drawn on.
 */
#ifndef CARILLON_PRODUCER_CLI_TERMINAL_H
#define CARILLON_PRODUCER_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether `fd` is a terminal on which lines can be drawn over. */
bool terminal_can_redraw(int fd);
/* Its columns, now; `unknown` where it does not say. */
size_t terminal_columns(int fd, size_t unknown);
/* Its rows, in the same way. */
size_t terminal_rows(int fd, size_t unknown);

#endif
