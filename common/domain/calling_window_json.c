/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/timestamp.h"
#include "common/domain/calling_window.h"
#include "common/domain/timezone.h"
#include "common/json/json.h"

#define MS_PER_DAY INT64_C(86400000)
#define MIN_PER_DAY (24 * 60)
#define TIME_LEN 5 /* "09:00" */
#define DATE_LEN 10 /* "2026-12-25" */
#define MIDNIGHT "T00:00:00Z"

static const char *const DAYS[CALLING_WINDOW_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* One reading of a window. */
struct reading {
    const char *path;
    struct calling_window w;
    struct faults *faults;
    struct faults *warnings;
    bool has_start;
    bool has_end;
    bool is_bad;
};

static void fault(struct reading *r, const char *member, const char *code, const char *message)
{
    r->is_bad = true;
    faults_add_path(r->faults, code, message, "%s.%s", r->path, member);
}

static void fault_in_list(struct reading *r, const char *member, size_t i, const char *code, const char *message)
{
    r->is_bad = true;
    faults_add_path(r->faults, code, message, "%s.%s[%zu]", r->path, member, i);
}

static void warn_of_duplicate(struct reading *r, const char *member, size_t i)
{
    faults_add_path(r->warnings, FAULT_DUPLICATE, "was given before: it counts once", "%s.%s[%zu]", r->path, member, i);
}

/* ---- times of day ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* HH:MM to minutes after midnight, 24:00 included; -1 for anything else. */
static int32_t parse_time(const char *text)
{
    if (strlen(text) != TIME_LEN || !is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' || !is_digit(text[3]) ||
        !is_digit(text[4]))
        return -1;
    int32_t hours = (text[0] - '0') * 10 + (text[1] - '0'), minutes = (text[3] - '0') * 10 + (text[4] - '0');
    int32_t total = hours * 60 + minutes;
    return minutes < 60 && total <= MIN_PER_DAY ? total : -1;
}

static bool read_time(struct reading *r, const char *member, const cJSON *value, int32_t max, const char *message,
                      int32_t *ret_min)
{
    if (!cJSON_IsString(value)) {
        fault(r, member, FAULT_TYPE, message);
        return false;
    }
    int32_t minutes = parse_time(value->valuestring);
    if (minutes < 0 || minutes > max) {
        fault(r, member, FAULT_TIME, message);
        return false;
    }
    *ret_min = minutes;
    return true;
}

static void read_start(struct reading *r, const cJSON *value)
{
    r->has_start =
        read_time(r, "start", value, MIN_PER_DAY - 1, "must be a time of day from 00:00 to 23:59", &r->w.start_min);
}

static void read_end(struct reading *r, const cJSON *value)
{
    r->has_end = read_time(r, "end", value, MIN_PER_DAY, "must be a time of day from 00:00 to 24:00", &r->w.end_min);
}

/* ---- days ---- */

static void read_day(struct reading *r, size_t i, const cJSON *item)
{
    for (size_t day = 0; cJSON_IsString(item) && day < CALLING_WINDOW_DAYS; day++) {
        if (strcmp(item->valuestring, DAYS[day]) != 0)
            continue;
        if (r->w.days & (1u << day))
            warn_of_duplicate(r, "days", i);
        r->w.days = (uint8_t)(r->w.days | (1u << day));
        return;
    }
    fault_in_list(r, "days", i, cJSON_IsString(item) ? FAULT_RANGE : FAULT_TYPE,
                  "must be \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\"");
}

static void read_days(struct reading *r, const cJSON *value)
{
    r->w.days = 0;
    if (!cJSON_IsArray(value)) {
        fault(r, "days", FAULT_TYPE, "must be a list of days such as \"mon\"");
        return;
    }
    if (cJSON_GetArraySize(value) == 0)
        fault(r, "days", FAULT_NEVER_OPEN, "must name at least one day: without any the window never opens");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        read_day(r, i++, item);
    }
}

/* ---- the zone ---- */

static void read_zone(struct reading *r, const cJSON *value)
{
    const char *text = cJSON_IsString(value) ? value->valuestring : NULL;
    if (!text)
        fault(r, "timezone", FAULT_TYPE, "must be an IANA time zone such as America/New_York");
    else if (strcmp(text, "contact") == 0)
        fault(r, "timezone", FAULT_NOT_ALLOWED, "cannot be \"contact\" yet: name an IANA time zone");
    else if (!timezone_is_valid(text, strlen(text)))
        fault(r, "timezone", FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York");
    else
        memcpy(r->w.timezone, text, strlen(text) + 1);
}

/* ---- closed dates ---- */

/* YYYY-MM-DD to days since 1970. */
static bool parse_date(const char *text, int32_t *ret_day)
{
    char instant[DATE_LEN + sizeof MIDNIGHT];
    struct timestamp_parts parts;
    if (strlen(text) != DATE_LEN)
        return false;
    memcpy(instant, text, DATE_LEN);
    memcpy(instant + DATE_LEN, MIDNIGHT, sizeof MIDNIGHT);
    if (timestamp_parse(instant, DATE_LEN + sizeof MIDNIGHT - 1, &parts) < 0)
        return false;
    *ret_day = (int32_t)(parts.wall_ms / MS_PER_DAY);
    return true;
}

/* Keeps the list ascending. */
static void add_closed(struct reading *r, size_t i, int32_t day)
{
    size_t at = r->w.n_closed;
    while (at > 0 && r->w.closed[at - 1] > day)
        at--;
    if (at > 0 && r->w.closed[at - 1] == day) {
        warn_of_duplicate(r, "closedDates", i);
        return;
    }
    memmove(&r->w.closed[at + 1], &r->w.closed[at], (r->w.n_closed - at) * sizeof r->w.closed[0]);
    r->w.closed[at] = day;
    r->w.n_closed++;
}

static void read_closed_dates(struct reading *r, const cJSON *value)
{
    if (!cJSON_IsArray(value)) {
        fault(r, "closedDates", FAULT_TYPE, "must be a list of dates such as \"2026-12-25\"");
        return;
    }
    if (cJSON_GetArraySize(value) > LIMIT_CLOSED_DATES) {
        fault(r, "closedDates", FAULT_TOO_MANY, "must not hold more than 366");
        return;
    }
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        int32_t day;
        if (cJSON_IsString(item) && parse_date(item->valuestring, &day))
            add_closed(r, i, day);
        else
            fault_in_list(r, "closedDates", i, cJSON_IsString(item) ? FAULT_TIME : FAULT_TYPE,
                          "must be a date such as \"2026-12-25\"");
        i++;
    }
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    void (*read)(struct reading *r, const cJSON *value);
} MEMBERS[] = {
    {"start", read_start},
    {"end", read_end},
    {"days", read_days},
    {"timezone", read_zone},
    {"closedDates", read_closed_dates},
};
#define MEMBERS_COUNT (sizeof MEMBERS / sizeof MEMBERS[0])

static void read_members(struct reading *r, const cJSON *json)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, json)
    {
        size_t i = 0;
        while (i < MEMBERS_COUNT && strcmp(MEMBERS[i].name, value->string) != 0)
            i++;
        if (i < MEMBERS_COUNT)
            MEMBERS[i].read(r, value);
        else
            fault(r, value->string, FAULT_UNKNOWN_FIELD, "is not an option");
    }
    if (!cJSON_GetObjectItemCaseSensitive(json, "start"))
        fault(r, "start", FAULT_REQUIRED, "is required");
    if (!cJSON_GetObjectItemCaseSensitive(json, "end"))
        fault(r, "end", FAULT_REQUIRED, "is required");
    if (r->has_start && r->has_end && r->w.start_min == r->w.end_min)
        fault(r, "end", FAULT_RANGE, "must differ from start: a whole day is 00:00 to 24:00");
}

int calling_window_read(const cJSON *json, const char *path, const char *zone, struct calling_window *ret,
                        struct faults *faults, struct faults *warnings)
{
    struct reading r = {.path = path, .w = {.days = CALLING_WINDOW_EVERY_DAY}, .faults = faults, .warnings = warnings};
    if (!cJSON_IsObject(json)) {
        faults_add(faults, path, FAULT_TYPE, "must be an object");
        return ERR_INVALID;
    }
    size_t len = strlen(zone);
    if (len < sizeof r.w.timezone)
        memcpy(r.w.timezone, zone, len + 1);
    read_members(&r, json);
    if (r.is_bad)
        return ERR_INVALID;
    *ret = r.w;
    return 0;
}

/* ---- writing ---- */

static bool add_time(cJSON *object, const char *name, int32_t minutes)
{
    char text[TIME_LEN + 1] = "00:00";
    text[0] = (char)('0' + minutes / 600);
    text[1] = (char)('0' + minutes / 60 % 10);
    text[3] = (char)('0' + minutes % 60 / 10);
    text[4] = (char)('0' + minutes % 10);
    return json_add_str(object, name, text) != NULL;
}

static bool add_days(const struct calling_window *w, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "days");
    for (size_t day = 0; day < CALLING_WINDOW_DAYS; day++) {
        if ((w->days & (1u << day)) && !json_add_item(list, DAYS[day]))
            return false;
    }
    return list != NULL;
}

static bool add_closed_dates(const struct calling_window *w, cJSON *object)
{
    cJSON *list = cJSON_AddArrayToObject(object, "closedDates");
    for (size_t i = 0; i < w->n_closed; i++) {
        char text[TIMESTAMP_LEN + 1];
        timestamp_format(w->closed[i] * MS_PER_DAY, text);
        text[DATE_LEN] = '\0';
        if (!json_add_item(list, text))
            return false;
    }
    return list != NULL;
}

int calling_window_add_json(const struct calling_window *w, cJSON *object, const char *key)
{
    cJSON *window = cJSON_AddObjectToObject(object, key);
    bool is_complete = window && add_time(window, "start", w->start_min) && add_time(window, "end", w->end_min) &&
                       add_days(w, window) && json_add_str(window, "timezone", w->timezone) &&
                       add_closed_dates(w, window);
    return is_complete ? 0 : ERR_NOMEM;
}
