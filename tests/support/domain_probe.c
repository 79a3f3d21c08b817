/* SPDX-License-Identifier: Apache-2.0
 *
 * What the C rules say, for tests and generators in Python that hold them against other tellings of the same thing:
 *
 *     domain_probe tables                the states, transitions and outcomes, as one JSON object
 *     domain_probe pacing < steps        "<function> <integers>" a line in, one integer a line out
 *     domain_probe window < questions    "<from ms> <until ms> <most> <callingWindow>" a line in; a line out: "<known
 * ms>" and the hours as the scripts take them, or "fault"
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/base/parse.h"
#include "common/domain/batch_state.h"
#include "common/domain/call_state.h"
#include "common/domain/calling_window.h"
#include "common/domain/outcome.h"
#include "common/domain/pacing.h"

/* Memory that runs out in a test tool ends it. */
static cJSON *have(cJSON *item)
{
    if (!item)
        abort();
    return item;
}

static void add_words(cJSON *list, const char *name, const char *meaning)
{
    cJSON *row = have(cJSON_CreateObject());
    have(cJSON_AddStringToObject(row, "name", name));
    have(cJSON_AddStringToObject(row, "meaning", meaning));
    cJSON_AddItemToArray(list, row);
}

static void add_transition(cJSON *list, const char *from, const char *event, const char *to)
{
    const char *const parts[] = {from, event, to};
    cJSON_AddItemToArray(list, have(cJSON_CreateStringArray(parts, 3)));
}

static void add_calls(cJSON *tables)
{
    cJSON *machine = have(cJSON_AddObjectToObject(tables, "call"));
    cJSON *states = have(cJSON_AddArrayToObject(machine, "states"));
    for (int i = 0; i < CALL_STATE_COUNT; i++)
        add_words(states, call_state_name((enum call_state)i), call_state_meaning((enum call_state)i));
    cJSON *events = have(cJSON_AddArrayToObject(machine, "events"));
    for (int i = 0; i < CALL_EVENT_COUNT; i++)
        add_words(events, call_event_name((enum call_event)i), call_event_meaning((enum call_event)i));
    cJSON *transitions = have(cJSON_AddArrayToObject(machine, "transitions"));
    size_t n;
    const struct call_transition *rows = call_transitions(&n);
    for (size_t i = 0; i < n; i++)
        add_transition(transitions, call_state_name(rows[i].from), call_event_name(rows[i].event),
                       call_state_name(rows[i].to));
}

static void add_batches(cJSON *tables)
{
    cJSON *machine = have(cJSON_AddObjectToObject(tables, "batch"));
    cJSON *states = have(cJSON_AddArrayToObject(machine, "states"));
    for (int i = 0; i < BATCH_STATE_COUNT; i++)
        add_words(states, batch_state_name((enum batch_state)i), batch_state_meaning((enum batch_state)i));
    cJSON *events = have(cJSON_AddArrayToObject(machine, "events"));
    for (int i = 0; i < BATCH_EVENT_COUNT; i++)
        add_words(events, batch_event_name((enum batch_event)i), batch_event_meaning((enum batch_event)i));
    cJSON *transitions = have(cJSON_AddArrayToObject(machine, "transitions"));
    size_t n;
    const struct batch_transition *rows = batch_transitions(&n);
    for (size_t i = 0; i < n; i++)
        add_transition(transitions, batch_state_name(rows[i].from), batch_event_name(rows[i].event),
                       batch_state_name(rows[i].to));
}

static void add_outcomes(cJSON *tables)
{
    cJSON *list = have(cJSON_AddArrayToObject(tables, "outcomes"));
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = &outcome_rows()[i];
        cJSON *item = have(cJSON_CreateObject());
        have(cJSON_AddStringToObject(item, "name", row->name));
        have(cJSON_AddStringToObject(item, "status", call_status_name(row->status)));
        have(cJSON_AddBoolToObject(item, "succeeded", row->is_success));
        have(cJSON_AddBoolToObject(item, "apart", row->is_apart));
        have(cJSON_AddStringToObject(item, "next", outcome_next_name(row->next)));
        cJSON_AddItemToArray(list, item);
    }
}

static int print_tables(void)
{
    cJSON *tables = have(cJSON_CreateObject());
    add_calls(tables);
    add_batches(tables);
    add_outcomes(tables);
    char *text = cJSON_Print(tables);
    if (!text)
        abort();
    puts(text);
    cJSON_free(text);
    cJSON_Delete(tables);
    return 0;
}

/* Cuts a line into its words in place. */
static size_t split(char *line, const char *words[], size_t max)
{
    size_t n = 0;
    char *at = line + strspn(line, " \n");
    while (*at && n < max) {
        words[n++] = at;
        at += strcspn(at, " \n");
        if (*at)
            *at++ = '\0';
        at += strspn(at, " \n");
    }
    return n;
}

#define ARGS_MAX 4

static int take_step(const char *function, size_t n, const int64_t a[ARGS_MAX], int64_t *ret)
{
    if (strcmp(function, "interval") == 0 && n == 1)
        *ret = pacing_interval_us((int32_t)a[0]);
    else if (strcmp(function, "next") == 0 && n == 3)
        *ret = pacing_next_us(a[0], a[1], a[2]);
    else if (strcmp(function, "wake") == 0 && n == 3)
        *ret = pacing_wake_us(a[0], a[1], a[2]);
    else if (strcmp(function, "clip") == 0 && n == 4)
        *ret = pacing_clip_us(a[0], a[1], a[2], a[3]);
    else if (strcmp(function, "refund") == 0 && n == 3)
        *ret = pacing_refund_us(a[0], a[1], a[2]);
    else
        return -1;
    return 0;
}

static int answer_steps(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        const char *words[1 + ARGS_MAX];
        int64_t args[ARGS_MAX] = {0}, result;
        size_t n = split(line, words, 1 + ARGS_MAX);
        for (size_t i = 1; i < n; i++) {
            if (parse_i64(words[i], strlen(words[i]), INT64_MIN, INT64_MAX, &args[i - 1]) < 0)
                return 2;
        }
        if (n == 0 || take_step(words[0], n - 1, args, &result) < 0)
            return 2;
        printf("%" PRId64 "\n", result);
    }
    return 0;
}

/* ---- calling windows ---- */

#define HOURS_MAX 4096
#define LINE_MAX_BYTES 65536

static int answer_window(const char *json, const int64_t numbers[3])
{
    static struct calling_hours hours[HOURS_MAX];
    struct calling_window window;
    cJSON *value = have(cJSON_Parse(json));
    int err = calling_window_read(value, "window", "UTC", &window, NULL, NULL);
    cJSON_Delete(value);
    size_t n, most = numbers[2] < HOURS_MAX ? (size_t)numbers[2] : HOURS_MAX;
    int64_t known_ms;
    if (!err)
        err = calling_window_hours(&window, numbers[0], numbers[1], hours, most, &n, &known_ms);
    if (err)
        return puts("fault");
    printf("%" PRId64, known_ms);
    for (size_t i = 0; i < n; i++)
        printf(" %" PRId64 "-%" PRId64, hours[i].open_ms, hours[i].close_ms);
    return puts("");
}

static int answer_windows(void)
{
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        char *at = line;
        int64_t numbers[3];
        for (size_t i = 0; i < 3; i++) {
            size_t len = strcspn(at, " ");
            if (parse_i64(at, len, INT64_MIN, INT64_MAX, &numbers[i]) < 0)
                return 2;
            at += len + strspn(at + len, " ");
        }
        if (answer_window(at, numbers) < 0)
            return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "tables") == 0)
        return print_tables();
    if (argc == 2 && strcmp(argv[1], "pacing") == 0)
        return answer_steps();
    if (argc == 2 && strcmp(argv[1], "window") == 0)
        return answer_windows();
    fprintf(stderr, "usage: domain_probe tables | pacing | window\n");
    return 2;
}
