/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/timestamp.h"

#include <string.h>

#define MS_PER_DAY INT64_C(86400000)
#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* The civil calendar is counted in eras of 400 years that begin on 1 March of year 0, so that the leap day is the last
 * of its year and every era has 146097 days. 719468 days lie between that day and 1 January 1970. */
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468

static int64_t days_from_date(int year, int month, int day)
{
    int y = month <= 2 ? year - 1 : year;
    int era = y / 400;
    int year_of_era = y - era * 400;
    int month_from_march = month > 2 ? month - 3 : month + 9;
    int day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t since_zero = days + DAYS_TO_1970;
    int era = (int)(since_zero / DAYS_PER_ERA);
    int day_of_era = (int)(since_zero % DAYS_PER_ERA);
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    *ret_month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *ret_year = era * 400 + year_of_era + (*ret_month <= 2);
}

static void put_digits(char *at, int width, int value)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

void timestamp_format(int64_t ms, char ret[TIMESTAMP_LEN + 1])
{
    int year, month, day;
    if (ms < 0)
        ms = 0;
    if (ms > LAST_MS)
        ms = LAST_MS;
    date_from_days(ms / MS_PER_DAY, &year, &month, &day);
    int in_day = (int)(ms % MS_PER_DAY);
    memcpy(ret, "0000-00-00T00:00:00.000Z", TIMESTAMP_LEN + 1);
    put_digits(ret, 4, year);
    put_digits(ret + 5, 2, month);
    put_digits(ret + 8, 2, day);
    put_digits(ret + 11, 2, in_day / 3600000);
    put_digits(ret + 14, 2, in_day / 60000 % 60);
    put_digits(ret + 17, 2, in_day / 1000 % 60);
    put_digits(ret + 20, 3, in_day % 1000);
}

/* What is left to read. */
struct cursor {
    const char *at;
    const char *end;
};

static bool take_char(struct cursor *c, const char *any_of)
{
    if (c->at == c->end || *c->at == '\0' || !strchr(any_of, *c->at))
        return false;
    c->at++;
    return true;
}

static bool take_digits(struct cursor *c, int width, int min, int max, int *ret_value)
{
    int value = 0;
    if (c->end - c->at < width)
        return false;
    for (int i = 0; i < width; i++, c->at++) {
        if (*c->at < '0' || *c->at > '9')
            return false;
        value = value * 10 + (*c->at - '0');
    }
    *ret_value = value;
    return value >= min && value <= max;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(struct cursor *c, int64_t *ret_days)
{
    int year, month, day;
    if (!take_digits(c, 4, 1970, 9999, &year) || !take_char(c, "-") || !take_digits(c, 2, 1, 12, &month) ||
        !take_char(c, "-") || !take_digits(c, 2, 1, days_in_month(year, month), &day))
        return false;
    *ret_days = days_from_date(year, month, day);
    return true;
}

/* [.digits], cut to milliseconds. */
static bool take_fraction(struct cursor *c, int *ret_ms)
{
    int ms = 0, scale = 100;
    if (!take_char(c, "."))
        return true;
    const char *first = c->at;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, scale /= 10)
        ms += (*c->at - '0') * scale;
    *ret_ms = ms;
    return c->at > first;
}

static bool take_time(struct cursor *c, int64_t *ret_ms)
{
    int hour, minute, second = 0, ms = 0;
    if (!take_digits(c, 2, 0, 23, &hour) || !take_char(c, ":") || !take_digits(c, 2, 0, 59, &minute))
        return false;
    if (take_char(c, ":") && (!take_digits(c, 2, 0, 59, &second) || !take_fraction(c, &ms)))
        return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + ms;
    return true;
}

static bool take_offset(struct cursor *c, bool *ret_has_offset, int32_t *ret_offset_s)
{
    int hours, minutes;
    if (c->at == c->end)
        return true;
    *ret_has_offset = true;
    if (take_char(c, "Zz"))
        return true;
    bool is_west = *c->at == '-';
    if (!take_char(c, "+-") || !take_digits(c, 2, 0, 23, &hours) || !take_char(c, ":") ||
        !take_digits(c, 2, 0, 59, &minutes))
        return false;
    *ret_offset_s = (hours * 60 + minutes) * 60 * (is_west ? -1 : 1);
    return true;
}

int timestamp_parse(const char *text, size_t len, struct timestamp_parts *ret_parts)
{
    struct cursor c = {text, text + len};
    struct timestamp_parts parts = {0};
    int64_t days, in_day_ms;
    if (!take_date(&c, &days) || !take_char(&c, "Tt ") || !take_time(&c, &in_day_ms) ||
        !take_offset(&c, &parts.has_offset, &parts.offset_s) || c.at != c.end)
        return ERR_INVALID;
    parts.wall_ms = days * MS_PER_DAY + in_day_ms;
    *ret_parts = parts;
    return 0;
}

/* ---- RFC 2822 ---- */

static bool take_word(struct cursor *c, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return false;
    c->at += len;
    return true;
}

/* One of `n` words of three letters: its index, or -1. */
static int take_name(struct cursor *c, const char names[][4], int n)
{
    for (int i = 0; i < n; i++)
        if (take_word(c, names[i]))
            return i;
    return -1;
}

static bool take_mail_date(struct cursor *c, int64_t *ret_days)
{
    static const char weekdays[][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int day, month, year;
    if (take_name(c, weekdays, 7) >= 0 && !take_word(c, ", "))
        return false;
    bool has_two_digits = c->end - c->at >= 2 && c->at[1] != ' ';
    if (!take_digits(c, has_two_digits ? 2 : 1, 1, 31, &day) || !take_char(c, " "))
        return false;
    month = take_name(c, months, 12) + 1;
    if (month == 0 || !take_char(c, " ") || !take_digits(c, 4, 1970, 9999, &year) || day > days_in_month(year, month))
        return false;
    *ret_days = days_from_date(year, month, day);
    return true;
}

static bool take_mail_time(struct cursor *c, int64_t *ret_ms)
{
    int hour, minute, second = 0;
    if (!take_digits(c, 2, 0, 23, &hour) || !take_char(c, ":") || !take_digits(c, 2, 0, 59, &minute))
        return false;
    if (take_char(c, ":") && !take_digits(c, 2, 0, 59, &second))
        return false;
    *ret_ms = ((hour * 60 + minute) * 60 + second) * INT64_C(1000);
    return true;
}

static bool take_mail_zone(struct cursor *c, int32_t *ret_offset_s)
{
    int hours, minutes;
    if (take_word(c, "GMT") || take_word(c, "UTC") || take_word(c, "UT"))
        return true;
    bool is_west = c->at < c->end && *c->at == '-';
    if (!take_char(c, "+-") || !take_digits(c, 2, 0, 23, &hours) || !take_digits(c, 2, 0, 59, &minutes))
        return false;
    *ret_offset_s = (hours * 60 + minutes) * 60 * (is_west ? -1 : 1);
    return true;
}

int timestamp_parse_rfc2822(const char *text, size_t len, struct timestamp_parts *ret_parts)
{
    struct cursor c = {text, text + len};
    struct timestamp_parts parts = {.has_offset = true};
    int64_t days, in_day_ms;
    if (!take_mail_date(&c, &days) || !take_char(&c, " ") || !take_mail_time(&c, &in_day_ms) || !take_char(&c, " ") ||
        !take_mail_zone(&c, &parts.offset_s) || c.at != c.end)
        return ERR_INVALID;
    parts.wall_ms = days * MS_PER_DAY + in_day_ms;
    *ret_parts = parts;
    return 0;
}
