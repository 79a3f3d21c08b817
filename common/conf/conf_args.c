/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf_internal.h"

#include <stdio.h>
#include <string.h>

struct args {
    int argc;
    char **argv;
    int at;
};

/* The value of the flag at hand: what follows its "=", or the next argument. NULL, and noted, where there is none. */
static const char *take_value(struct args *args, const char *joined, const char *where, struct conf_faults *faults)
{
    if (joined)
        return joined;
    const char *next = args->at < args->argc ? args->argv[args->at] : NULL;
    if (next && strncmp(next, "--", 2) != 0) {
        args->at++;
        return next;
    }
    conf_fault(faults, CONF_FROM_FLAGS, where, "needs a value");
    return NULL;
}

static int take_row(const struct conf *conf, struct args *args, size_t row, const char *joined, const char *where,
                    struct conf_faults *faults)
{
    bool is_bare_switch = conf->rows[row]->kind == CONF_BOOL && !joined;
    const char *value = is_bare_switch ? "true" : take_value(args, joined, where, faults);
    if (!value)
        return 0;
    return conf_add(conf, CONF_FROM_FLAGS, conf->sources[CONF_FROM_FLAGS], row, value, strlen(value), where, faults);
}

static void take_config(struct conf *conf, struct args *args, const char *joined, struct conf_faults *faults)
{
    const char *value = take_value(args, joined, "--config", faults);
    if (value && conf->config_path)
        conf_fault(faults, CONF_FROM_FLAGS, "--config", "given twice");
    if (value)
        conf->config_path = value;
}

static int take_flag(struct conf *conf, struct args *args, const char *flag, enum conf_request *ret_request,
                     struct conf_faults *faults)
{
    char where[sizeof(struct conf_shown) + 2];
    const char *name = flag + 2, *equals = strchr(flag, '=');
    const char *joined = equals ? equals + 1 : NULL;
    size_t name_len = equals ? (size_t)(equals - name) : strlen(name);
    snprintf(where, sizeof where, "--%s", conf_show_most(name, name_len, 64).text);
    if (strcmp(flag, "--help") == 0) {
        *ret_request = CONF_REQUEST_HELP;
        return 0;
    }
    if (strcmp(flag, "--version") == 0) {
        *ret_request = CONF_REQUEST_VERSION;
        return 0;
    }
    if (name_len == 6 && memcmp(name, "config", 6) == 0) {
        take_config(conf, args, joined, faults);
        return 0;
    }
    size_t row = conf_find(conf, name, name_len);
    if (row < conf->n_rows)
        return take_row(conf, args, row, joined, where, faults);
    conf_fault(faults, CONF_FROM_FLAGS, where, "no such option");
    return 0;
}

int conf_read_args(struct conf *conf, int argc, char **argv, enum conf_request *ret_request, struct conf_faults *faults)
{
    struct args args = {.argc = argc, .argv = argv, .at = argc > 0};
    bool has_ended = false; /* "--" was seen */
    while (args.at < argc) {
        char *arg = argv[args.at++];
        if (has_ended || arg[0] != '-' || arg[1] == '\0') {
            conf->rest[conf->n_rest++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            has_ended = true;
        } else if (arg[1] != '-') {
            conf_fault(faults, CONF_FROM_FLAGS, conf_show(arg, strlen(arg)).text, "no such option");
        } else {
            int err = take_flag(conf, &args, arg, ret_request, faults);
            if (err)
                return err;
        }
    }
    return 0;
}
