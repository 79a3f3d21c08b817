/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon-sim: whole campaigns with real workers and the real scripts on a real Redis, in a world whose time jumps
 * (`make sim`). A seed decides everything.
 *
 *     carillon-sim [--first N] [--seeds N] [--stop] [--verbose] [--digest] [--script NAME=FILE] [--plant NAME]
 * DECREE_LIBRARY
 *
 * --stop ends at the first seed that fails; --verbose writes the trace, --digest a number that follows from it;
 * --script runs another text in a script's place, --plant breaks a rule (plant.h): to see that it notices.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "tests/sim/cell_audit.h"
#include "tests/sim/fleet.h"
#include "tests/sim/judge.h"
#include "tests/sim/plant.h"
#include "tests/sim/platform.h"
#include "tests/sim/wire_redis.h"

#define START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z; a seed begins up to a year later */
#define YEAR_S (INT64_C(365) * 86400)
#define SECOND_US INT64_C(1000000)
#define MOST_US (INT64_C(40) * 86400 * SECOND_US) /* by then every campaign has ended */
#define AFTER_US (900 * SECOND_US) /* what may come late does */
#define STEPS_MOST INT64_C(600000)
#define SCRIPT_BYTES_MAX (256u << 10)

struct run {
    uint64_t first, n;
    bool is_digest_wanted, stops_at_fault;
    struct server *server;
    struct seal_keys *keys;
    struct tally tally;
    double virtual_hours;
    uint64_t digest;
    uint64_t n_failed, first_failed;
};

/* Lets things happen until every batch has ended, and a while longer. */
static void let_happen(const struct fleet *fleet)
{
    int64_t start_us = world_now_us(), done_us = 0;
    for (int64_t steps = 0; steps < STEPS_MOST && world_step(); steps++) {
        if (done_us == 0 && fleet_is_done(fleet))
            done_us = world_now_us();
        if (done_us != 0 && world_now_us() > done_us + AFTER_US)
            return;
        if (world_now_us() > start_us + MOST_US)
            break;
    }
    judge_broken(PROMISE_LOST, "the campaign does not come to its end");
}

static void run_seed(struct run *run, uint64_t seed)
{
    static struct campaign campaign;
    struct dice dice = dice_of(seed, "start");
    int64_t start_us = START_US + dice_range(&dice, 0, YEAR_S) * SECOND_US;
    world_begin(seed, start_us);
    server_clear(run->server);
    campaign_draw(&campaign);
    judge_begin(&campaign);
    campaign_begin(&campaign, run->server, run->keys);
    struct fleet *fleet = fleet_create(&campaign, run->server, run->keys);
    struct platform *platform = platform_open(campaign.keeps_tokens);
    let_happen(fleet);
    cell_audit(&campaign, run->server);
    judge_end(run->server, &run->tally);
    run->virtual_hours += (double)(world_now_us() - start_us) / 3.6e9;
    run->digest ^= world_digest() + seed;
    if (judge_found_any() && run->n_failed++ == 0)
        run->first_failed = seed;
    fleet_free(fleet);
    campaign_end(&campaign);
    platform_close(platform);
    wire_http_end();
    wire_redis_end();
    world_end();
}

static int tell(const struct run *run)
{
    printf("sim: seeds=%" PRIu64 " contacts=%" PRIu64 " calls=%" PRIu64 " virtual_hours=%.0f", run->n,
           run->tally.contacts, run->tally.calls, run->virtual_hours);
    for (int i = 0; i < PROMISES; i++)
        if (i != PROMISE_AUDIT)
            printf(" %s=%" PRIu64, promise_name((enum promise)i), run->tally.broken[i]);
    printf(" unknown=%" PRIu64 " allowed=%" PRIu64, run->tally.unknown, run->tally.allowed);
    if (run->is_digest_wanted)
        printf(" digest=%016" PRIx64, run->digest);
    printf(" audit=%s\n", run->tally.broken[PROMISE_AUDIT] == 0 ? "ok" : "faults");
    if (run->n_failed == 0)
        return 0;
    printf("sim: %" PRIu64 " seeds failed; the first again: make sim SEED=%" PRIu64 "\n", run->n_failed,
           run->first_failed);
    return 1;
}

static int change_script(struct run *run, const char *word)
{
    size_t len;
    char *text = NULL, *name = strdup(word), *path = name ? strchr(name, '=') : NULL;
    int rc = ERR_INVALID;
    if (path) {
        *path++ = '\0';
        rc = file_read(path, SCRIPT_BYTES_MAX, &text, &len);
        if (rc == 0)
            rc = server_change_script(run->server, name, text);
    }
    free(text);
    free(name);
    return rc;
}

static int read_number(const char *text, uint64_t *ret)
{
    return text ? parse_u64(text, strlen(text), UINT32_MAX, ret) : ERR_INVALID;
}

static int read_arguments(struct run *run, int argc, char **argv)
{
    int rc = 0;
    for (int i = 1; rc == 0 && i < argc - 1; i++) {
        if (strcmp(argv[i], "--first") == 0)
            rc = read_number(argv[++i], &run->first);
        else if (strcmp(argv[i], "--seeds") == 0)
            rc = read_number(argv[++i], &run->n);
        else if (strcmp(argv[i], "--script") == 0)
            rc = change_script(run, argv[++i]);
        else if (strcmp(argv[i], "--plant") == 0)
            rc = plant(argv[++i]);
        else if (strcmp(argv[i], "--stop") == 0)
            run->stops_at_fault = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            world_set_verbose(true);
        else if (strcmp(argv[i], "--digest") == 0)
            run->is_digest_wanted = true;
        else
            rc = ERR_INVALID;
    }
    return rc;
}

int main(int argc, char **argv)
{
    static const uint8_t key[32] = "a key for simulated secrets only";
    struct run run = {.first = 1, .n = 1};
    if (argc < 2) {
        fprintf(stderr, "usage: carillon-sim [options] DECREE_LIBRARY\n");
        return 2;
    }
    world_begin(0, START_US);
    log_configure("carillon-sim", LOG_DEBUG, LOG_FORMAT_TEXT);
    run.server = server_start(argv[argc - 1]);
    if (!run.server || seal_keys_create(key, &run.keys) != 0)
        return 2;
    if (read_arguments(&run, argc, argv) != 0) {
        fprintf(stderr, "sim: arguments that cannot be read\n");
        server_stop(run.server);
        return 2;
    }
    world_end();
    uint64_t n = 0;
    while (n < run.n && !(run.stops_at_fault && run.n_failed > 0))
        run_seed(&run, run.first + n++);
    run.n = n;
    server_stop(run.server);
    seal_keys_free(run.keys);
    return tell(&run);
}
