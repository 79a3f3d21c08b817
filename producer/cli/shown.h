/* SPDX-License-Identifier: Apache-2.0
 *
 * How `carillon inspect` shows what lies in Redis: times as times, numbers as numbers, members split at their joints. A
 * secret is never shown, and of a telephone number only the last four digits unless the operator asks for all.
 */
#ifndef CARILLON_PRODUCER_CLI_SHOWN_H
#define CARILLON_PRODUCER_CLI_SHOWN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum shown_form {
    SHOWN_TEXT,
    SHOWN_NUMBER, /* an integer; text where it is none */
    SHOWN_SCORE, /* a number as sorted sets keep them, without its fraction */
    SHOWN_MS, /* Unix ms as an instant; what is too small for one is a duration, and stays a number */
    SHOWN_US, /* the same in microseconds */
    SHOWN_PHONE, /* digits */
    SHOWN_SEALED, /* never shown */
    SHOWN_GUESS, /* JSON, a number, or text, as it looks */
};

/* What one form makes of a value. `with_numbers`: telephone numbers whole. NULL where memory ran out; the caller owns
 * it. Text that is not UTF-8 becomes {"hex": "..."}. */
cJSON *shown_value(enum shown_form form, const char *text, size_t len, bool with_numbers);

/* The form that a field's or a placeholder's name tells: "start_ms", "tat_us", "number", "credential". */
enum shown_form shown_form_of(const char *name, size_t len);

/* Splits `text` as `pattern` says, "<batch>/<ordinal>/<dial>", into an object of those names, each in its name's form.
 * A pattern of one placeholder gives that value alone. Text that does not fit is shown as it is. */
cJSON *shown_parts(const char *pattern, const char *text, size_t len, bool with_numbers);

/* One "<name>=<value>" of a record in words. */
struct shown_word {
    const char *word; /* as stored: "b" */
    const char *name; /* as shown: "begunAt" */
    enum shown_form form;
};

/* "phase=live a=1 ..." as an object; words that are not in the table keep their name. */
cJSON *shown_words(const struct shown_word *words, size_t n, const char *text, size_t len, bool with_numbers);

/* Adds `value` to an object or (`name` NULL) an array, and takes it. False where memory ran out, or either is NULL. */
bool shown_add_take(cJSON *parent, const char *name, cJSON *value);

#endif
