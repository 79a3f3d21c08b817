/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/platform.h"

#include <stdlib.h>

#include "tests/carrier/retell.h"
#include "tests/carrier/twilio.h"
#include "tests/sim/wire_http.h"
#include "tests/sim/world.h"

#define FAULT_PERCENT 35 /* that a seed has a fault at all */
#define FAULT_MOST 0.15
#define NO_CREDITS_MOST 0.02 /* it stops the trunk until somebody starts it again */

struct platform {
    struct carrier_world world;
    struct loop *loop;
    struct http_server *http;
    struct retell *retell; /* this, */
    struct twilio *twilio; /* or that */
};

static void draw(struct carrier_world *w)
{
    struct dice dice = dice_of(world_seed(), "platform");
    w->fates.seed = w->faults.seed = world_seed();
    for (size_t i = 0; i < FATE_KINDS; i++)
        w->fates.weights[i] = (uint32_t)dice_range(&dice, 0, i == FATE_COMPLETED ? 80 : i < FATE_BLOCKED ? 25 : 3);
    w->fates.weights[FATE_COMPLETED]++;
    w->timing = (struct exchange_timing){
        .ring_ms = dice_range(&dice, 500, 20000),
        .talk_ms = dice_range(&dice, 500, 90000),
        .analysis_ms = dice_range(&dice, 20, 3000),
        .late_analysis_ms = dice_range(&dice, 3000, 300000),
    };
    w->slow_ms = dice_range(&dice, 1000, 45000);
    for (size_t i = 0; i < FAULT_KINDS; i++)
        if (dice_chance(&dice, FAULT_PERCENT))
            w->faults.rates[i] =
                (i == FAULT_NO_CREDITS ? NO_CREDITS_MOST : FAULT_MOST) * (double)dice_range(&dice, 1, 100) / 100;
}

static int open_account(struct platform *p, bool keeps_tokens)
{
    if (keeps_tokens) {
        const struct retell_config retell = {
            .api_key = PLATFORM_KEY, .webhook_url = WIRE_FLEET_URL "/callbacks/retell", .world = &p->world};
        return retell_create(p->loop, p->http, &retell, &p->retell);
    }
    const struct twilio_config twilio = {
        .account_sid = PLATFORM_ACCOUNT, .auth_token = PLATFORM_KEY, .world = &p->world};
    return twilio_create(p->loop, p->http, &twilio, &p->twilio);
}

struct platform *platform_open(bool keeps_tokens)
{
    struct platform *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    draw(&p->world);
    p->world.numbers = numbers_create();
    if (loop_create(&p->loop) != 0 || http_server_create(p->loop, "carrier", NULL, 0, NULL, &p->http) != 0 ||
        open_account(p, keeps_tokens) != 0)
        abort();
    return p;
}

void platform_close(struct platform *p)
{
    http_server_free(p->http);
    retell_free(p->retell);
    twilio_free(p->twilio);
    numbers_free(p->world.numbers);
    loop_free(p->loop);
    free(p);
}
