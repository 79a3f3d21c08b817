/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of a process from one table. Each is a flag (--redis-url X or --redis-url=X), an environment variable
 * (CARILLON_REDIS_URL) and a line of an INI file (redis_url = X, read with --config FILE), in that order of precedence.
 * All faults are reported together. --help prints the table, --version the version; both end the process with 0.
 *
 * The file holds "name = value" lines, empty lines, and comments on lines of their own that begin with # or ;. A value
 * is what remains without the spaces around it: there are no quotes and no escapes. Lines before the first [group] are
 * for every process, those under [carillon-worker] for that process only, so that one file can serve a fleet. The
 * command line tool, whose `program` is "carillon" and a verb, reads the group [carillon], and passes over general
 * lines that only daemons know.
 *
 * An option given twice is a fault unless it is repeatable. An environment variable that is set but empty counts as not
 * set. A flag's value cannot begin with "--" unless it is joined with "=". "--" ends the options.
 */
#ifndef CARILLON_CONF_CONF_H
#define CARILLON_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum conf_kind {
    CONF_STR,
    CONF_I64, /* within [min, max] */
    CONF_BOOL, /* as a flag: --name or --name=false */
    CONF_FILE, /* a path; existence is checked by whoever reads it */
    CONF_CHOICE, /* one of `choices`, separated by '|' */
};

#define CONF_REQUIRED 1u
#define CONF_REPEATABLE 2u /* may be given several times, separated by commas but in flags; has no default */
#define CONF_RELOADABLE 4u /* read again at SIGHUP */
#define CONF_FLAG_ONLY 8u /* what one command is to do: neither the environment nor the file can say it */

/* A row of the table. `name` in lower case with dashes: "redis-url". */
struct conf_option {
    const char *name;
    enum conf_kind kind;
    unsigned flags;
    const char *default_text; /* NULL: no default */
    int64_t min, max; /* CONF_I64 */
    const char *choices; /* CONF_CHOICE */
    const char *help; /* one line, for --help and docs/config.md */
    /* Optional, CONF_STR: judges each value once it is read; a negative return refuses it, and `ret_why`, a static
     * text, is printed as the fault. It may not keep `text`. */
    int (*check)(const char *text, const char **ret_why);
};

struct conf;

/* What to do after conf_load(). */
enum conf_next { CONF_RUN, CONF_EXIT };

/* Reads flags, environment and file. `tables` are joined in order (the daemon's own, then the process's); rows, `argv`
 * and `program` are borrowed for the life of the conf. With --help or --version it prints to stdout and gives CONF_EXIT
 * with status 0; on faults it prints each on stderr and gives CONF_EXIT with status 2 where one is a flag's or an
 * option is missing (usage), 3 where they are the environment's or the file's. `ret_conf` is NULL with CONF_EXIT. */
int conf_load(const char *program, const struct conf_option *const *tables, const size_t *table_lens, size_t n_tables,
              int argc, char **argv, struct conf **ret_conf, enum conf_next *ret_next, int *ret_status) MUST_CHECK;
/* Accepts NULL. */
void conf_free(struct conf *conf);

/* The values; asking for a name or a kind that the tables do not have is a bug and aborts. Strings are borrowed, those
 * of reloadable options until conf_reload(). */
const char *conf_str(const struct conf *conf, const char *name); /* NULL where neither given nor defaulted */
/* 0 where neither given nor defaulted: ask conf_is_set(). */
int64_t conf_i64(const struct conf *conf, const char *name);
bool conf_bool(const struct conf *conf, const char *name);
/* True where it was given or has a default. */
bool conf_is_set(const struct conf *conf, const char *name);
size_t conf_count(const struct conf *conf, const char *name); /* of a repeatable option */
const char *conf_str_at(const struct conf *conf, const char *name, size_t index);

/* Arguments that are not options, in order: for the command line tool. */
size_t conf_rest_count(const struct conf *conf);
const char *conf_rest(const struct conf *conf, size_t index);

/* Prints rows on stdout as --help does, for a tool that has a help of its own. */
void conf_print_options(const struct conf_option *rows, size_t n);

/* Reads the file again and takes over rows flagged CONF_RELOADABLE. On a fault nothing changes, ERR_INVALID is
 * returned, and the faults are appended to `why`, one a line. */
int conf_reload(struct conf *conf, struct buf *why) MUST_CHECK;

#endif
