/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of common/conf share: conf.c (the values), conf_args.c (flags), conf_file.c (the INI file) and
 * conf_help.c. Nobody else includes this.
 */
#ifndef CARILLON_CONF_INTERNAL_H
#define CARILLON_CONF_INTERNAL_H

#include "common/conf/conf.h"

/* What one source says of one option. */
struct conf_texts {
    char **items;
    size_t n;
};

enum conf_source { CONF_FROM_FLAGS, CONF_FROM_ENV, CONF_FROM_FILE, CONF_SOURCES };

struct conf {
    const char *program;
    const struct conf_option **rows; /* the joined tables */
    size_t n_rows;
    /* What each source says of each row; the first that says something holds. */
    struct conf_texts *sources[CONF_SOURCES];
    const char *config_path; /* NULL: no file */
    char **rest; /* borrowed from argv */
    size_t n_rest;
};

/* Faults found so far, one a line. */
struct conf_faults {
    struct buf text;
    bool has_usage; /* a flag's, or an option is missing */
    bool has_config; /* the environment's or the file's */
};

/* Notes "<where>: <what>". Where even that does not fit, the fault still counts. */
void conf_fault(struct conf_faults *faults, enum conf_source source, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* `text` fit to be shown in a fault: bounded, sound UTF-8, without control characters. */
struct conf_shown {
    char text[80];
};
struct conf_shown conf_show(const char *text, size_t len);
/* The same, in at most `most` bytes and "...". */
struct conf_shown conf_show_most(const char *text, size_t len, size_t most);

/* The row of that name, or conf->n_rows. */
size_t conf_find(const struct conf *conf, const char *name, size_t len);
/* Checks `value` and adds it to what `source` says of `row`; a bad one is noted under `where`. */
int conf_add(const struct conf *conf, enum conf_source source, struct conf_texts *texts, size_t row, const char *value,
             size_t len, const char *where, struct conf_faults *faults) MUST_CHECK;

enum conf_request { CONF_REQUEST_RUN, CONF_REQUEST_HELP, CONF_REQUEST_VERSION };

/* Reads the flags into conf->sources[CONF_FROM_FLAGS], conf->config_path and conf->rest. */
int conf_read_args(struct conf *conf, int argc, char **argv, enum conf_request *ret_request,
                   struct conf_faults *faults) MUST_CHECK;
/* Reads conf->config_path into `texts`. */
int conf_read_file(const struct conf *conf, struct conf_texts *texts, struct conf_faults *faults) MUST_CHECK;
/* Prints --help on stdout. */
void conf_print_help(const struct conf *conf);

#endif
