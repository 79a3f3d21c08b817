/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of common/daemon share: daemon.c (the life of the process), daemon_asked.c (what the process asks of
 * it), daemon_options.c, daemon_metrics.c, daemon_redis.c, daemon_cells.c and daemon_http.c. Nobody else includes this.
 */
#ifndef CARILLON_DAEMON_INTERNAL_H
#define CARILLON_DAEMON_INTERNAL_H

#include "common/base/limits.h"
#include "common/daemon/daemon.h"

/* The exit codes operators' scripts rely on. */
enum daemon_exit {
    DAEMON_EXIT_DONE,
    DAEMON_EXIT_FAILED,
    DAEMON_EXIT_USAGE,
    DAEMON_EXIT_CONFIGURATION,
    DAEMON_EXIT_REDIS,
};

enum daemon_phase {
    DAEMON_STARTING, /* waits for Redis, then runs the process's start() */
    DAEMON_RUNNING,
    DAEMON_DRAINING, /* takes no new work; the process says when it is done, or --drain-timeout-ms passes */
    DAEMON_CLOSING, /* only HTTP requests under way are left */
    DAEMON_ENDED, /* the loop is told to stop */
};
#define DAEMON_PHASES 5

#define DAEMON_SIGNALS 3
#define DAEMON_COMMON_OPTIONS 5
#define PRESENCE_CAP 257 /* "<process>/<id>/<oldest>/<newest>/<version>" */

struct daemon {
    const struct daemon_spec *spec; /* borrowed */
    enum daemon_phase phase;
    enum daemon_exit status;
    struct conf_option common_options[DAEMON_COMMON_OPTIONS];
    struct conf *conf;
    char id[LIMIT_ID_LEN + 1];
    char cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1];
    int64_t schemas[LIMIT_CELLS]; /* of each; 0: not heard of yet */
    size_t n_cells;
    struct loop *loop;
    struct loop_signal *signals[DAEMON_SIGNALS];
    struct seal_keys *keys;
    struct metrics *metrics;
    struct daemon_metrics *own_metrics; /* the skeleton's, among them */
    struct http_server *http;
    void *state; /* the process's, once start() succeeded */
    bool is_started;

    struct redis *redis;
    struct redis *wake; /* listens for hints; NULL where the process wants none */
    bool is_wake_known; /* it listens, or said why not */
    bool is_redis_usable; /* ready, and every cell was opened since */
    size_t n_asked; /* cells that the connection as it is was asked to open, */
    size_t n_answered; /* those of them that were answered, */
    size_t n_opened; /* and opened */
    size_t n_leaving; /* cells that were told that the process ends and did not answer yet */
    enum redis_refusal refusal; /* why not */
    char refusal_detail[256];

    struct loop_timer *start_timer; /* how long Redis may take at start */
    struct loop_timer *cells_timer; /* when a cell is tried again, or told again that the process is there */
    struct loop_timer *drain_timer;
    struct loop_timer *close_timer;
    int64_t requests_deadline_us; /* once it drains: when what is still open is cut */
    int64_t leave_deadline_us; /* once it closes: when cells that do not answer are left behind */
};

/* ---- daemon.c ---- */
/* The loop ends with `status`; the first status given stays. */
void daemon_end(struct daemon *d, enum daemon_exit status);
/* All that the process waits for is there: runs its start() and announces it. */
void daemon_serve(struct daemon *d);

/* ---- daemon_options.c ---- */
/* Reads the options, then sets up logs and cells. False where the process is to end, with d->status. */
bool daemon_read_options(struct daemon *d, int argc, char **argv);
/* Sets level and format as the options say. */
void daemon_configure_log(const struct daemon *d);

/* ---- daemon_metrics.c ---- */
/* Makes the metrics that every process has. */
int daemon_make_metrics(struct daemon *d) MUST_CHECK;
/* Accepts what daemon_make_metrics() left, or did not come to make. */
void daemon_free_metrics(struct daemon *d);
/* Measures the scripts on the commands' connection from now on. */
void daemon_time_scripts(struct daemon *d);
/* Brings what is looked up rather than kept up to date. */
void daemon_collect(struct daemon *d);

/* ---- daemon_redis.c ---- */
/* Starts connecting; daemon_serve() follows, or the end. False, and told, where the options do not allow it. */
bool daemon_connect(struct daemon *d);
/* "unreachable", "replica", ... */
const char *daemon_refusal_name(enum redis_refusal refusal);

/* Notes why Redis is not usable. True, and the process is about to end, where it starts and waiting would not help. */
bool daemon_refuse(struct daemon *d, enum redis_refusal why, const char *detail);
/* Every cell speaks our schema: the process starts, or goes on. */
void daemon_usable(struct daemon *d);

/* ---- daemon_cells.c ---- */
bool daemon_make_cells_timer(struct daemon *d);
/* Makes the acquaintance of each cell (cell_open.lua), which closes one that knew another Redis; then daemon_usable().
 * Every few seconds it is said again that the process is there. A cell of a schema that is not known ends the process
 * with DAEMON_EXIT_CONFIGURATION, at its start or when the schema was raised; anything else is tried again, since a
 * Redis that is full or busy now may not be so in a second. */
void daemon_open_cells(struct daemon *d);
/* The same now rather than in a few seconds, where it is not under way already. */
void daemon_look_at_cells(struct daemon *d);
/* The cells need not wait for the process any more: it ends when d->n_leaving is 0. */
void daemon_leave_cells(struct daemon *d);

/* ---- daemon_http.c ---- */
/* Binds the server with the routes that every process has. False, and told, where it cannot. */
bool daemon_bind(struct daemon *d);
/* What /readyz says. */
bool daemon_is_ready(const struct daemon *d);

#endif
