/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon: submit, watch and control campaigns, administer tenants, keys and trunks, audit what lies in Redis.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "producer/cli/arguments.h"
#include "producer/cli/out.h"
#include "producer/cli/usage.h"
#include "version.h"

static bool has_subjects(const struct cli_verb *verb, const struct conf *conf)
{
    size_t n = conf_rest_count(conf);
    if (n == verb->n_subjects)
        return true;
    if (n < verb->n_subjects)
        out_complain("%s: %s is missing", verb->words, verb->subjects);
    else
        out_complain("%s: '%s' is one too many", verb->words, conf_rest(conf, verb->n_subjects));
    usage_line(verb);
    return false;
}

static enum cli_exit run_verb(const struct cli_verb *verb, const struct conf *conf, int *ret_signo)
{
    struct session *session;
    if (!has_subjects(verb, conf))
        return CLI_USAGE;
    if (session_create(conf, &session) != 0) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    enum cli_exit status = verb->run(session);
    *ret_signo = session_signal(session);
    session_free(session);
    return status;
}

static int load_and_run(const struct arguments *args, int *ret_signo)
{
    const struct cli_verb *verb = args->verb;
    char program[64];
    snprintf(program, sizeof program, "carillon %s", verb->words);
    size_t n_common;
    const struct conf_option *common = arguments_common(&n_common);
    const struct conf_option *const option_tables[] = {common, verb->options};
    const size_t lens[] = {n_common, verb->n_options};
    struct conf *conf = NULL;
    enum conf_next next;
    int status = CLI_FAILED;
    if (conf_load(program, option_tables, lens, verb->n_options > 0 ? 2 : 1, args->argc, args->argv, &conf, &next,
                  &status) != 0) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    if (next == CONF_RUN)
        status = (int)run_verb(verb, conf, ret_signo);
    conf_free(conf);
    return status;
}

/* What was printed must have arrived: a key that nobody saw is lost. */
static int close_output(int status)
{
    bool is_bad = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !is_bad)
        return status;
    if (errno != EPIPE)
        out_complain("the answer could not be written: %s", strerror(errno));
    return status == CLI_DONE ? CLI_FAILED : status;
}

static int help(const struct arguments *args)
{
    size_t n_common;
    const struct conf_option *common = arguments_common(&n_common);
    if (args->verb)
        usage_verb(args->verb, common, n_common);
    else if (args->n_words == 0 || verbs_is_group(args->words[0]))
        usage_overview(stdout, args->n_words > 0 ? args->words[0] : NULL);
    else
        usage_unknown(args->n_words, args->words);
    return args->verb || args->n_words == 0 || verbs_is_group(args->words[0]) ? CLI_DONE : CLI_USAGE;
}

static int run(const struct arguments *args, int *ret_signo)
{
    switch (args->request) {
    case ARGUMENTS_RUN:
        return load_and_run(args, ret_signo);
    case ARGUMENTS_HELP:
        return help(args);
    case ARGUMENTS_VERSION:
        out_line("carillon %s", CARILLON_VERSION);
        return CLI_DONE;
    case ARGUMENTS_UNKNOWN:
        break;
    }
    if (args->stray)
        out_complain("%s: is no option of every verb; a verb's own options stand behind it", args->stray);
    else
        usage_unknown(args->n_words, args->words);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    struct arguments args;
    int signo = 0;
    log_configure("carillon", LOG_ERROR, LOG_FORMAT_TEXT);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || arguments_read(argc, argv, &args) != 0)
        return CLI_FAILED;
    int status = close_output(run(&args, &signo));
    arguments_clear(&args);
    if (signo != 0 && signal(signo, SIG_DFL) != SIG_ERR)
        (void)raise(signo); /* the shell is to see why it ended */
    return status;
}
