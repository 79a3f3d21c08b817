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
#include "tests/carrier/control.h"
#include "tests/carrier/retell.h"
#include "tests/carrier/twilio.h"

#define ANALYSIS_MS 20
#define API_KEY_BYTES_MAX 1024
#define US_PER_S 1000000

struct process {
    struct daemon *daemon;
    struct carrier_world world;
    struct retell *retell;
    struct twilio *twilio;
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

static int check_account_sid(const char *text, const char **ret_why)
{
    if (twilio_is_sid(text, "AC"))
        return 0;
    *ret_why = "expected AC and 32 hexadecimal digits";
    return ERR_INVALID;
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
     .help = "weights of completed, busy, no_answer, failed, voicemail, blocked, invalid_number"},
    {.name = "ring-ms", .kind = CONF_I64, .default_text = "50", .max = 3600000, .help = "how long a phone rings"},
    {.name = "talk-ms", .kind = CONF_I64, .default_text = "100", .max = 3600000, .help = "how long they talk"},
    {.name = "summary-late-ms",
     .kind = CONF_I64,
     .default_text = "5000",
     .max = 3600000,
     .help = "how long after the end of a call a late summary comes (fault summary_late)"},
    {.name = "slow-ms",
     .kind = CONF_I64,
     .default_text = "3000",
     .max = 3600000,
     .help = "how late a slow answer comes (fault slow)"},
    {.name = "api-key-file",
     .kind = CONF_FILE,
     .flags = CONF_REQUIRED,
     .help = "the key that clients must give: Retell's API key, Twilio's auth token"},
    {.name = "webhook-url", .kind = CONF_STR, .help = "where Retell's callbacks go; none without it"},
    {.name = "account-sid",
     .kind = CONF_STR,
     .default_text = "AC00000000000000000000000000000001",
     .check = check_account_sid,
     .help = "Twilio's account"},
    {.name = "cps",
     .kind = CONF_I64,
     .default_text = "0",
     .max = 10000,
     .help = "calls a second of Twilio's account; more wait in its queue (0: any number)"},
    {.name = "log", .kind = CONF_FILE, .help = "the witness: what was asked and what was done, a JSON object a line"},
    {.name = "fault",
     .kind = CONF_STR,
     .flags = CONF_REPEATABLE,
     .check = check_fault,
     .help =
         "NAME=RATE, a rate from 0 to 1. No call is placed: throttle (429), unavailable (503), no_credits (402, 403), "
         "concurrency (429; Retell takes the call and ends it at once). The call is placed and its answer lost: "
         "reset, hang, error (500), garbage (201); with unplaced beside them there is no call either. The answer "
         "is late: slow. Callbacks: callback_early (the last one before the answer), callback_twice, "
         "callback_never. Summaries: summary_late, summary_never. No callback comes and no lookup finds it: forget"},
};

static void on_witness_lost(int err, void *arg)
{
    const struct process *p = arg;
    daemon_fail(p->daemon, "carrier.witness_lost", err);
}

static int read_plans(const struct conf *conf, struct carrier_world *world)
{
    const char *why = "";
    int err = fate_weights_parse(conf_str(conf, "outcomes"), world->fates.weights, &why);
    for (size_t i = 0; !err && i < conf_count(conf, "fault"); i++)
        err = fault_plan_add(&world->faults, conf_str_at(conf, "fault", i), &why);
    if (err)
        log_error("carrier.bad_option", log_str("why", why));
    world->fates.seed = world->faults.seed = (uint64_t)conf_i64(conf, "seed");
    world->timing = (struct exchange_timing){
        .ring_ms = conf_i64(conf, "ring-ms"),
        .talk_ms = conf_i64(conf, "talk-ms"),
        .analysis_ms = ANALYSIS_MS,
        .late_analysis_ms = conf_i64(conf, "summary-late-ms"),
    };
    world->slow_ms = conf_i64(conf, "slow-ms");
    return err ? ERR_INVALID : 0;
}

static int open_witness(struct process *p, const char *path)
{
    if (!path)
        return 0;
    int err = witness_open(path, on_witness_lost, p, &p->world.witness);
    if (err)
        log_error("carrier.no_log", log_str("path", path), log_str("why", strerror(errno)));
    return err;
}

static int make_world(struct process *p, const struct conf *conf)
{
    p->world.numbers = numbers_create();
    int err = read_plans(conf, &p->world);
    return err ? err : open_witness(p, conf_str(conf, "log"));
}

/* The accounts, one for each vendor's API, and what tests may change. */
static int open_accounts(struct process *p, const struct conf *conf, const char *api_key)
{
    const struct retell_config retell = {
        .api_key = api_key,
        .webhook_url = conf_str(conf, "webhook-url"),
        .world = &p->world,
    };
    int64_t cps = conf_i64(conf, "cps");
    const struct twilio_config twilio = {
        .account_sid = conf_str(conf, "account-sid"),
        .auth_token = api_key,
        .interval_us = cps > 0 ? US_PER_S / cps : 0,
        .world = &p->world,
    };
    struct loop *loop = daemon_loop(p->daemon);
    struct http_server *server = daemon_http(p->daemon);
    int err = retell_create(loop, server, &retell, &p->retell);
    if (!err)
        err = twilio_create(loop, server, &twilio, &p->twilio);
    return err ? err : control_add_routes(server, &p->world.faults);
}

/* What no route takes is answered in the words of the vendor whose path it looks like. */
static void on_refuse(struct http_request *req, int status, const char *detail, void *arg)
{
    const struct process *p = arg;
    if (twilio_owns_path(http_request_path(req)))
        twilio_refuse(p->twilio, req, status, detail);
    else
        retell_refuse(p->retell, req, status, detail);
}

static void drain(void *state)
{
    struct process *p = state;
    retell_drain(p->retell);
    twilio_drain(p->twilio);
    daemon_drained(p->daemon);
}

static void stop(void *state)
{
    struct process *p = state;
    twilio_free(p->twilio);
    retell_free(p->retell);
    witness_close(p->world.witness);
    numbers_free(p->world.numbers);
    free(p);
}

static int start(struct daemon *d, void **ret_state)
{
    const struct conf *conf = daemon_conf(d);
    struct process *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->daemon = d;
    const char *key_file = conf_str(conf, "api-key-file");
    char *api_key = NULL;
    int err = make_world(p, conf);
    if (!err) {
        err = file_read_secret(key_file, API_KEY_BYTES_MAX, &api_key);
        if (err)
            log_error("carrier.no_api_key", log_str("path", key_file), log_err(err));
    }
    if (!err)
        err = open_accounts(p, conf, api_key);
    file_free_secret(api_key);
    if (err) {
        stop(p);
        return err;
    }
    http_server_on_refuse(daemon_http(d), on_refuse, p);
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
        .drain = drain,
        .stop = stop,
    };
    return daemon_main(&SPEC, argc, argv);
}
