/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon-carrier: a stand-in voice platform for the demo, the tests and the benchmarks. It ships in no release.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/daemon/daemon.h"
#include "tests/carrier/retell.h"

#define ANALYSIS_MS 20
#define API_KEY_BYTES_MAX 1024

struct process {
    struct daemon *daemon;
    struct witness *witness;
    struct retell *retell;
};

static int check_outcomes(const char *text, const char **ret_why)
{
    uint32_t weights[FATE_KINDS];
    return fate_weights_parse(text, weights, ret_why);
}

/* Each value by itself; a fault that is named twice is found at start. */
static int check_fault(const char *text, const char **ret_why)
{
    struct fault_plan plan = {0};
    return fault_plan_add(&plan, text, ret_why);
}

static const struct conf_option OPTIONS[] = {
    {.name = "seed",
     .kind = CONF_I64,
     .default_text = "1",
     .max = INT64_MAX,
     .help = "decides every outcome and fault"},
    {.name = "outcomes",
     .kind = CONF_STR,
     .default_text = "completed=70,busy=10,no_answer=15,failed=5",
     .check = check_outcomes,
     .help = "weights of completed, busy, no_answer, failed, voicemail"},
    {.name = "ring-ms", .kind = CONF_I64, .default_text = "50", .max = 3600000, .help = "how long a phone rings"},
    {.name = "talk-ms", .kind = CONF_I64, .default_text = "100", .max = 3600000, .help = "how long they talk"},
    {.name = "api-key-file", .kind = CONF_FILE, .flags = CONF_REQUIRED, .help = "the key that clients must give"},
    {.name = "webhook-url", .kind = CONF_STR, .help = "where callbacks go; none without it"},
    {.name = "log", .kind = CONF_FILE, .help = "the witness: what was asked and what was done, a JSON object a line"},
    {.name = "fault",
     .kind = CONF_STR,
     .flags = CONF_REPEATABLE,
     .check = check_fault,
     .help = "NAME=RATE: throttle, unavailable, reset, callback_early, callback_twice, callback_never"},
};

static void on_witness_lost(int err, void *arg)
{
    const struct process *p = arg;
    daemon_fail(p->daemon, "carrier.witness_lost", err);
}

static int read_plans(const struct conf *conf, struct retell_config *config)
{
    const char *why = "";
    int err = fate_weights_parse(conf_str(conf, "outcomes"), config->fates.weights, &why);
    for (size_t i = 0; !err && i < conf_count(conf, "fault"); i++)
        err = fault_plan_add(&config->faults, conf_str_at(conf, "fault", i), &why);
    if (err)
        log_error("carrier.bad_option", log_str("why", why));
    config->fates.seed = config->faults.seed = (uint64_t)conf_i64(conf, "seed");
    config->timing.ring_ms = conf_i64(conf, "ring-ms");
    config->timing.talk_ms = conf_i64(conf, "talk-ms");
    config->timing.analysis_ms = ANALYSIS_MS;
    return err ? ERR_INVALID : 0;
}

static int open_witness(struct process *p, const char *path)
{
    if (!path)
        return 0;
    int err = witness_open(path, on_witness_lost, p, &p->witness);
    if (err)
        log_error("carrier.no_log", log_str("path", path), log_str("why", strerror(errno)));
    return err;
}

static void stop(void *state)
{
    struct process *p = state;
    retell_free(p->retell);
    witness_close(p->witness);
    free(p);
}

static int start(struct daemon *d, void **ret_state)
{
    const struct conf *conf = daemon_conf(d);
    struct process *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->daemon = d;
    char *api_key = NULL;
    struct retell_config config = {.webhook_url = conf_str(conf, "webhook-url")};
    int err = read_plans(conf, &config);
    if (!err) {
        err = file_read_secret(conf_str(conf, "api-key-file"), API_KEY_BYTES_MAX, &api_key);
        if (err)
            log_error("carrier.no_api_key", log_str("path", conf_str(conf, "api-key-file")), log_err(err));
    }
    config.api_key = api_key;
    if (!err)
        err = open_witness(p, conf_str(conf, "log"));
    config.witness = p->witness;
    if (!err)
        err = retell_create(daemon_loop(d), daemon_http(d), &config, &p->retell);
    file_free_secret(api_key);
    if (err) {
        stop(p);
        return err;
    }
    *ret_state = p;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct daemon_spec SPEC = {
        .name = "carillon-carrier",
        .options = OPTIONS,
        .n_options = sizeof OPTIONS / sizeof OPTIONS[0],
        .default_listen = "127.0.0.1:9000",
        .start = start,
        .stop = stop,
    };
    return daemon_main(&SPEC, argc, argv);
}
