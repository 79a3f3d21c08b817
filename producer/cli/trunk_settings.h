/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what a trunk is given fits its profile, together with what it has already.
 */
#ifndef CARILLON_PRODUCER_CLI_TRUNK_SETTINGS_H
#define CARILLON_PRODUCER_CLI_TRUNK_SETTINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "producer/cli/session.h"

/* conf_option checks. */
int trunk_check_base_url(const char *text, const char **ret_why);
int trunk_check_caller_id(const char *text, const char **ret_why);
int trunk_check_variable(const char *text, const char **ret_why);

#define TRUNK_VARIABLE_PREFIX "var:"
#define TRUNK_VARIABLE_NAME_MOST 64

/* "account_sid=AC1", as trunk_check_variable() let it pass. */
struct trunk_variable {
    char field[sizeof TRUNK_VARIABLE_PREFIX + TRUNK_VARIABLE_NAME_MOST]; /* that holds it: "var:account_sid" */
    const char *value; /* borrowed; "" takes it away */
};

struct trunk_variable trunk_variable_of(const char *text);

/* What a trunk has. Begins as all zero, a new trunk's; freed by trunk_settings_clear(). */
struct trunk_settings {
    bool is_stopped;
    bool has_base_url;
    char *profile; /* NULL: none */
    cJSON *variables; /* name -> value; NULL: none */
};

/* Reads what lies in Redis. ERR_NOT_FOUND, with a complaint, where there is no such trunk. */
int trunk_settings_read(struct session *s, const char *id, struct trunk_settings *ret_settings) MUST_CHECK;
/* Joins the options with what is there, and tells whether the profile can work with it; complains where not. */
bool trunk_settings_hold(struct trunk_settings *settings, const struct conf *conf) MUST_CHECK;
void trunk_settings_clear(struct trunk_settings *settings);

#endif
