/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/redis/redis_options.h"

#define DRAIN_TIMEOUT_MAX_MS 3600000
#define REQUEST_TIMEOUT_MIN_MS 100
#define REQUEST_TIMEOUT_MAX_MS 3600000

static const struct conf_option common_options[DAEMON_COMMON_OPTIONS] = {
    {.name = "listen", .kind = CONF_STR, .help = "HOST:PORT of the HTTP server; port 0 lets the system choose"},
    {.name = "log-level",
     .kind = CONF_CHOICE,
     .flags = CONF_RELOADABLE,
     .default_text = "info",
     .choices = "error|warn|info|debug",
     .help = "how much is logged"},
    {.name = "log-format",
     .kind = CONF_CHOICE,
     .default_text = "json",
     .choices = "json|text",
     .help = "one JSON object a line, or text for people"},
    {.name = "drain-timeout-ms",
     .kind = CONF_I64,
     .default_text = "30000",
     .min = 0,
     .max = DRAIN_TIMEOUT_MAX_MS,
     .help = "how long work under way may take after SIGTERM before the process ends with 1"},
    {.name = "request-timeout-ms",
     .kind = CONF_I64,
     .default_text = "30000",
     .min = REQUEST_TIMEOUT_MIN_MS,
     .max = REQUEST_TIMEOUT_MAX_MS,
     .help = "how long a client may take to send a request's headers, and again for its body, before it gets a 408"},
};

static int check_cells(const char *text, const char **ret_why)
{
    char cells[LIMIT_CELLS][LIMIT_CELL_ID_LEN + 1];
    size_t n;
    return ident_parse_cells(text, cells, &n, ret_why);
}

_Static_assert(LIMIT_HTTP_REQUEST_MS == 30000, "the default of request-timeout-ms");

static const struct conf_option redis_options[] = {
    {.name = "redis-url",
     .kind = CONF_STR,
     .flags = CONF_REQUIRED,
     .help =
         "redis://HOST[:PORT][/DB], unix:///PATH[?db=N], or sentinel://HOST[:PORT],.../NAME[/DB] for the primary that "
         "Sentinels know by that name; rediss:// and sentinels:// for the same over TLS"},
    REDIS_OPTION_ROWS,
    {.name = "cells",
     .kind = CONF_STR,
     .default_text = "c0",
     .check = check_cells,
     .help = "the cells to serve: c0,c1"},
    {.name = "secrets-key-file",
     .kind = CONF_FILE,
     .flags = CONF_REQUIRED,
     .help = "a file with the 32 bytes, as hexadecimal or base64, that seal secrets in Redis"},
};

void daemon_configure_log(const struct daemon *d)
{
    int level = log_level_parse(conf_str(d->conf, "log-level"));
    bool is_json = strcmp(conf_str(d->conf, "log-format"), "json") == 0;
    log_configure(d->spec->name, level < 0 ? LOG_INFO : (enum log_level)level,
                  is_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

bool daemon_read_options(struct daemon *d, int argc, char **argv)
{
    const struct daemon_spec *spec = d->spec;
    memcpy(d->common_options, common_options, sizeof common_options);
    d->common_options[0].default_text = spec->default_listen;
    d->common_options[0].flags = spec->default_listen ? 0 : CONF_REQUIRED;
    const struct conf_option *const tables[] = {redis_options, d->common_options, spec->options};
    const size_t lens[] = {spec->wants_redis ? sizeof redis_options / sizeof redis_options[0] : 0,
                           DAEMON_COMMON_OPTIONS, spec->n_options};
    enum conf_next next = CONF_EXIT;
    int status = DAEMON_EXIT_FAILED;
    int err = conf_load(spec->name, tables, lens, 3, argc, argv, &d->conf, &next, &status);
    if (err)
        fprintf(stderr, "%s: %s\n", spec->name, err_name(err));
    if (err || next == CONF_EXIT) {
        d->status = (enum daemon_exit)status;
        return false;
    }
    if (conf_rest_count(d->conf) > 0) {
        fprintf(stderr, "%s: takes options only, and was given '%s'\n", spec->name, conf_rest(d->conf, 0));
        d->status = DAEMON_EXIT_USAGE;
        return false;
    }
    daemon_configure_log(d);
    const char *why;
    if (spec->wants_redis && ident_parse_cells(conf_str(d->conf, "cells"), d->cells, &d->n_cells, &why))
        abort(); /* conf_load() has checked it */
    return true;
}
