/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole terminal, for a program that draws it again and again and is told keys one by one. What stood there before
 * is there again afterwards, however it ends: by a key, by SIGINT or SIGTERM, or while it is suspended (^Z).
 */
#ifndef CARILLON_PRODUCER_CLI_FULL_SCREEN_H
#define CARILLON_PRODUCER_CLI_FULL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/loop/loop.h"

struct full_screen;

/* Arrows come as these; everything else as its byte. */
enum full_screen_key { FULL_SCREEN_LEFT = 256, FULL_SCREEN_RIGHT, FULL_SCREEN_UP, FULL_SCREEN_DOWN };

struct full_screen_config {
    void (*on_key)(int key, void *arg); /* 'q' too where the terminal hangs up */
    void (*on_resize)(void *arg); /* it has another size, or is to be drawn anew */
    void *arg;
};

/* Whether stdin and stdout are a terminal that can do this. */
bool full_screen_is_possible(void);
/* Takes the terminal. ERR_IO, ERR_NOMEM. */
int full_screen_open(struct loop *loop, const struct full_screen_config *config,
                     struct full_screen **ret_screen) MUST_CHECK;
/* Gives it back. Accepts NULL. */
void full_screen_close(struct full_screen *screen);

void full_screen_size(const struct full_screen *screen, size_t *ret_columns, size_t *ret_rows);
/* Line by line from the top; a line is no wider than the screen. */
void full_screen_begin(struct full_screen *screen);
void full_screen_line(struct full_screen *screen, const char *text, bool is_heading);
/* What is below the last line is empty. ERR_IO where nobody is there any more. */
int full_screen_end(struct full_screen *screen) MUST_CHECK;

#endif
