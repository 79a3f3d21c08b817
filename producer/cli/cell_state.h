/* SPDX-License-Identifier: Apache-2.0
 *
 * How a cell is, as the verbs about cells show it.
 */
#ifndef CARILLON_PRODUCER_CLI_CELL_STATE_H
#define CARILLON_PRODUCER_CLI_CELL_STATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "producer/cli/session.h"

/* What is on its way. What is only queued is not. */
enum cell_count {
    CELL_CLAIMED, /* calls handed to a worker and not begun */
    CELL_LIVE, /* begun, and not known to be over */
    CELL_ENDED, /* over, waiting for their summary */
    CELL_EVENTS, /* written, and not dealt with by a notifier */
    CELL_WEBHOOKS, /* neither delivered nor given up */
    CELL_COUNTS,
};

struct cell_state {
    int64_t counts[CELL_COUNTS];
    char schema[24]; /* "" where the cell is empty */
    bool is_stopped;
    cJSON *shown; /* all of it */
};

/* Complains where the id is none; the session is in that cell from then on. */
enum cli_exit cell_state_enter(struct session *s, const char *id) MUST_CHECK;
/* Reads the session's cell. cell_state_clear() frees what it made. */
int cell_state_read(struct session *s, struct cell_state *ret_state) MUST_CHECK;
void cell_state_clear(struct cell_state *state);
/* The same in two steps, for who asks for it among other things: `state` for a cell of that name, cleared as the other;
 * and what takes the answer of LUA_CELL_SHOW, `arg` being that state. */
int cell_state_init(struct cell_state *state, const char *cell) MUST_CHECK;
int cell_state_take(const struct redisReply *reply, void *arg) MUST_CHECK;
/* Stopped, and nothing on its way. */
bool cell_state_is_drained(const struct cell_state *state);
/* {"claimed": 0, ...}; NULL where memory ran out. */
cJSON *cell_state_counts(const struct cell_state *state);

/* "<process>/<id>/<oldest>/<newest>/<version>" as an object of those names; NULL where memory ran out. */
cJSON *cell_state_process(const char *presence, size_t len);

#endif
