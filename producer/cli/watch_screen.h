/* SPDX-License-Identifier: Apache-2.0
 *
 * How a batch that is watched is shown: two live lines on a terminal, a plain line now and then elsewhere, with --json
 * its status as an object a line.
 */
#ifndef CARILLON_PRODUCER_CLI_WATCH_SCREEN_H
#define CARILLON_PRODUCER_CLI_WATCH_SCREEN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "producer/cli/exit.h"
#include "producer/cli/progress.h"

/* A plain value. */
struct watch_screen {
    bool is_json;
    bool is_terminal;
    bool is_drawn; /* the live lines stand on the terminal, the cursor behind them */
    size_t drawn[2]; /* how long they are */
    unsigned shown; /* statuses so far */
    char last_status[32];
};

void watch_screen_init(struct watch_screen *screen, bool is_json);
/* Shows a status, read as `p` from `body`; behind the last one what came of the batch. CLI_FAILED where nobody reads
 * any more. */
enum cli_exit watch_screen_show(struct watch_screen *screen, const struct progress *p, const cJSON *body) MUST_CHECK;
/* Takes the live lines away, for something else to be said. */
void watch_screen_erase(struct watch_screen *screen);
/* Leaves them where they stand. */
void watch_screen_leave(struct watch_screen *screen);

#endif
