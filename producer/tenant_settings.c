/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/tenant_settings.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/calling_window.h"
#include "common/domain/options.h"
#include "common/domain/timezone.h"

#define CREDITS "available_s" /* the field that holds them */

const struct resource_field tenant_fields[TENANT_FIELDS] = {
    {"state", "state", RESOURCE_TEXT, "STATE"},
    {"reason", "reason", RESOURCE_TEXT, NULL},
    {"stopped_ms", "stoppedAt", RESOURCE_INSTANT, NULL},
    {"alias", "alias", RESOURCE_TEXT, NULL},
    {"cps", "cps", RESOURCE_NUMBER, "CPS"},
    {"max_concurrent", "maxConcurrent", RESOURCE_NUMBER, "CONCURRENT"},
    {"weight", "weight", RESOURCE_NUMBER, "WEIGHT"},
    {"keep_days", "keepDays", RESOURCE_NUMBER, NULL},
    {CREDITS, "credits", RESOURCE_NUMBER, "CREDITS"},
    {"reserved_s", "reservedCredits", RESOURCE_NUMBER, NULL},
    {"trunks", "trunks", RESOURCE_JSON, "TRUNKS"},
    {"max_requests_per_second", "maxRequestsPerSecond", RESOURCE_NUMBER, NULL},
    {"max_batches", "maxBatches", RESOURCE_NUMBER, NULL},
    {"max_queued_contacts", "maxQueuedContacts", RESOURCE_NUMBER, NULL},
    {"max_bytes", "maxBytes", RESOURCE_NUMBER, NULL},
    {"timezone", "timezone", RESOURCE_TEXT, NULL},
    {"window", "callingWindow", RESOURCE_JSON, NULL},
    {"created_ms", "createdAt", RESOURCE_INSTANT, NULL},
};

const char *const tenant_members[TENANT_MEMBERS] = {"cps",
                                                    "maxConcurrent",
                                                    "weight",
                                                    "keepDays",
                                                    "trunks",
                                                    "alias",
                                                    "credits",
                                                    "addCredits",
                                                    "maxRequestsPerSecond",
                                                    "timezone",
                                                    "callingWindow",
                                                    "maxBatches",
                                                    "maxQueuedContacts",
                                                    "maxBytes"};

static const struct resource_number numbers[] = {
    {"cps", "cps", 1, RESOURCE_CPS_MOST, false},
    {"maxConcurrent", "max_concurrent", 1, RESOURCE_CONCURRENT_MOST, true},
    {"weight", "weight", 1, TENANT_WEIGHT_MOST, false},
    {"keepDays", "keep_days", 1, TENANT_KEEP_DAYS_MOST, false},
    {"credits", CREDITS, 0, TENANT_CREDITS_MOST_S, true},
    {"maxRequestsPerSecond", "max_requests_per_second", 1, LIMIT_TENANT_REQUEST_RATE, true},
    {"maxBatches", "max_batches", 1, LIMIT_QUOTA, true},
    {"maxQueuedContacts", "max_queued_contacts", 1, LIMIT_QUOTA, true},
    {"maxBytes", "max_bytes", 1, LIMIT_QUOTA, true},
};

static bool is_alias(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > (size_t)BATCH_REQUEST_USER_BYTES || !utf8_is_valid(text, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    }
    return true;
}

static void read_alias(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *alias = cJSON_GetObjectItemCaseSensitive(body, "alias");
    if (!alias)
        return;
    if (cJSON_IsNull(alias))
        resource_put_str(change, "alias", "");
    else if (!cJSON_IsString(alias))
        faults_add(faults, "alias", FAULT_TYPE, "must be a string, or null");
    else if (!is_alias(alias->valuestring))
        faults_add(faults, "alias", FAULT_LENGTH, "must have 1 to %d bytes of printable UTF-8 text",
                   BATCH_REQUEST_USER_BYTES);
    else
        resource_put_str(change, "alias", alias->valuestring);
}

static void read_trunks(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *trunks = cJSON_GetObjectItemCaseSensitive(body, "trunks"), *trunk;
    uint64_t before = faults_count(faults);
    size_t i = 0;
    if (!trunks)
        return;
    if (!cJSON_IsArray(trunks)) {
        faults_add(faults, "trunks", FAULT_TYPE, "must be a list of ids");
        return;
    }
    if (cJSON_GetArraySize(trunks) < 1 || cJSON_GetArraySize(trunks) > TENANT_TRUNKS_MOST) {
        faults_add(faults, "trunks", FAULT_LENGTH, "must hold 1 to %d ids", TENANT_TRUNKS_MOST);
        return;
    }
    cJSON_ArrayForEach(trunk, trunks)
    {
        if (!cJSON_IsString(trunk) || !ident_is_valid(trunk->valuestring, strlen(trunk->valuestring), LIMIT_ID_LEN))
            faults_add_path(faults, FAULT_CHARACTERS, "must be an id: 1 to 64 letters, digits, _ and -", "trunks[%zu]",
                            i);
        i++;
    }
    if (faults_count(faults) == before)
        resource_put_json(change, "trunks", trunks);
}

void tenant_settings_add_credits(struct resource_change *change, int64_t seconds)
{
    char text[1 + REDIS_I64_LEN] = "+";
    (void)redis_arg_i64(seconds, text + 1);
    resource_put_str(change, CREDITS, text);
}

static void read_added_credits(const cJSON *body, bool is_new, struct resource_change *change, struct faults *faults)
{
    const cJSON *added = cJSON_GetObjectItemCaseSensitive(body, "addCredits");
    if (!added)
        return;
    if (is_new || cJSON_GetObjectItemCaseSensitive(body, "credits"))
        faults_add(faults, "addCredits", FAULT_NOT_ALLOWED, "adds to what a tenant has left: not beside credits");
    else if (!cJSON_IsNumber(added) || added->valuedouble != floor(added->valuedouble))
        faults_add(faults, "addCredits", FAULT_TYPE, "must be an integer");
    else if (added->valuedouble < 1 || added->valuedouble > (double)TENANT_CREDITS_MOST_S)
        faults_add(faults, "addCredits", FAULT_RANGE, "must be an integer from 1 to %" PRId64, TENANT_CREDITS_MOST_S);
    else
        tenant_settings_add_credits(change, (int64_t)added->valuedouble);
}

static void read_timezone(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *zone = cJSON_GetObjectItemCaseSensitive(body, "timezone");
    if (!zone)
        return;
    if (cJSON_IsNull(zone))
        resource_put_str(change, "timezone", "");
    else if (!cJSON_IsString(zone) || !timezone_is_valid(zone->valuestring, strlen(zone->valuestring)))
        faults_add(faults, "timezone", FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York, or null");
    else
        resource_put_str(change, "timezone", zone->valuestring);
}

/* Kept as it is given: a batch that gives none reads it as its own, in its own zone where the window names none. */
static void read_window(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *window = cJSON_GetObjectItemCaseSensitive(body, "callingWindow");
    struct calling_window read;
    if (!window)
        return;
    if (cJSON_IsNull(window))
        resource_put_str(change, "window", "");
    else if (calling_window_read(window, "callingWindow", OPTIONS_DEFAULT_TIMEZONE, &read, faults, NULL) == 0)
        resource_put_json(change, "window", window);
}

void tenant_settings_read(const cJSON *body, bool is_new, struct resource_change *change, struct faults *faults)
{
    static const char *const required[] = {"cps", "trunks"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        resource_read_number(change, body, &numbers[i], faults);
    read_trunks(body, change, faults);
    read_alias(body, change, faults);
    read_added_credits(body, is_new, change, faults);
    read_timezone(body, change, faults);
    read_window(body, change, faults);
    if (is_new)
        resource_require(body, required, sizeof required / sizeof required[0], faults);
}

bool tenant_settings_place(const cJSON *body, size_t index, const char **ret_field, char ret_value[TENANT_PLACE_CAP])
{
    static const struct {
        const char *member, *field;
    } places[TENANT_PLACES] = {{"alias", "alias"}, {"maxRequestsPerSecond", "max_requests_per_second"}};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, places[index].member);
    if (!item)
        return false;
    *ret_field = places[index].field;
    ret_value[0] = '\0';
    if (cJSON_IsString(item))
        snprintf(ret_value, TENANT_PLACE_CAP, "%s", item->valuestring);
    else if (cJSON_IsNumber(item))
        snprintf(ret_value, TENANT_PLACE_CAP, "%" PRId64, (int64_t)item->valuedouble);
    return true;
}
