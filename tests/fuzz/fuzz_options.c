/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's options from a stranger: any JSON. What is taken lies within its ranges and reads the same when it is told
 * as the API tells it; the hours of its calling window can be reckoned from; what is refused is named by its path.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/options.h"
#include "common/domain/phone.h"
#include "common/domain/timezone.h"
#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1764000000000)
#define TEXT_MAX ((size_t)1 << 20)

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static int read_options(const cJSON *json, struct batch_options *ret, struct faults *faults)
{
    static const char *const trunks[] = {"main", "second"};
    const struct options_policy policy = {.trunks = trunks, .n_trunks = 2};
    struct faults warnings;
    faults_init(&warnings, LIMIT_WARNINGS);
    int rc = options_read(json, &policy, NOW_MS, ret, faults, &warnings);
    faults_free(&warnings);
    return rc;
}

static void check_url(const char *url)
{
    demand(url == NULL || (strlen(url) <= LIMIT_URL_LEN && strncmp(url, "https://", 8) == 0));
}

static void check_ranges(const struct batch_options *o)
{
    demand(o->priority >= 1 && o->priority <= 10);
    demand(o->max_calls_per_second >= 1 && o->max_calls_per_second <= OPTIONS_MAX_CALLS_PER_SECOND);
    demand(o->max_concurrent_calls >= 0 && o->max_concurrent_calls <= OPTIONS_MAX_CONCURRENT_CALLS);
    demand(o->ring_timeout_s >= 5 && o->ring_timeout_s <= 120);
    demand(o->max_call_duration_s >= 10 && o->max_call_duration_s <= 14400);
    demand(o->summary_wait_s >= 0 && o->summary_wait_s <= 600);
    demand(o->retry.max_attempts >= 1 && o->retry.max_attempts <= OPTIONS_MAX_ATTEMPTS);
    demand(o->retry.no_answer_delay_ms >= OPTIONS_MIN_DELAY_MS && o->retry.no_answer_delay_ms <= OPTIONS_MAX_DELAY_MS);
    demand(o->retry.busy_delay_ms >= OPTIONS_MIN_DELAY_MS && o->retry.busy_delay_ms <= OPTIONS_MAX_DELAY_MS);
    demand(!o->has_start || (o->start_ms > NOW_MS && o->start_ms <= NOW_MS + LIMIT_SCHEDULE_AHEAD_MS));
    demand(!o->has_expiry || o->expires_ms > NOW_MS);
    demand(timezone_is_valid(o->timezone, strlen(o->timezone)));
    demand(strcmp(o->trunk, "main") == 0 || strcmp(o->trunk, "second") == 0);
    check_url(o->on_call_complete);
    check_url(o->on_call_attempt);
    check_url(o->on_batch_complete);
    check_url(o->on_batch_failed);
    check_url(o->on_event);
    for (size_t i = 0; i < o->n_tags; i++)
        demand(utf8_is_valid(o->tags[i], strlen(o->tags[i])) &&
               utf8_count(o->tags[i], strlen(o->tags[i])) <= LIMIT_TAG_LEN);
    for (size_t i = 0; i < o->n_caller_ids; i++)
        demand(phone_is_valid(o->caller_ids[i]));
}

/* The options as text; the caller frees it. */
static void tell(const struct batch_options *o, struct buf *text)
{
    cJSON *object = cJSON_CreateObject();
    demand(object != NULL && options_add_json(o, object) == 0);
    demand(json_print(object, text) == 0);
    cJSON_Delete(object);
}

static void check_again(const struct batch_options *o)
{
    struct batch_options again;
    struct faults faults;
    struct buf first, second;
    cJSON *json;
    buf_init(&first, TEXT_MAX);
    buf_init(&second, TEXT_MAX);
    faults_init(&faults, LIMIT_FAULTS);
    tell(o, &first);
    demand(json_parse(buf_str(&first), buf_len(&first), &json, NULL) == 0);
    demand(read_options(json, &again, &faults) == 0);
    tell(&again, &second);
    demand(strcmp(buf_str(&first), buf_str(&second)) == 0);
    cJSON_Delete(json);
    batch_options_free(&again);
    faults_free(&faults);
    buf_free(&first);
    buf_free(&second);
}

static void check_refused(const struct faults *faults)
{
    cJSON *details = cJSON_CreateObject();
    struct buf text;
    cJSON *tree;
    demand(faults_count(faults) > 0);
    buf_init(&text, TEXT_MAX);
    demand(details != NULL && faults_add_field_errors(faults, details) == 0 && json_print(details, &text) == 0);
    demand(json_parse(buf_str(&text), buf_len(&text), &tree, NULL) == 0);
    cJSON_Delete(tree);
    cJSON_Delete(details);
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch_options options;
    struct faults faults;
    cJSON *json;
    if (json_parse((const char *)data, size, &json, NULL) != 0)
        return 0;
    faults_init(&faults, LIMIT_FAULTS);
    int rc = read_options(json, &options, &faults);
    demand(rc == 0 || rc == ERR_INVALID);
    demand((rc == 0) == (faults_count(&faults) == 0));
    if (rc == 0) {
        check_ranges(&options);
        check_again(&options);
        batch_options_free(&options);
    } else {
        check_refused(&faults);
    }
    faults_free(&faults);
    cJSON_Delete(json);
    return 0;
}
