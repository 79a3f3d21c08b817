/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON from a stranger, as a whole and in pieces: the first byte of the input is the size of the pieces, the rest is
 * the text. What json_parse() takes the cutter takes where it is an object, and nothing else; both say the same fault;
 * what the cutter hands out is JSON by itself; what is printed is taken again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/json/json.h"

#define NO_BOUND ((size_t)1 << 24)
#define TIGHT_BOUND 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

struct tally {
    size_t members;
    size_t elements;
    size_t max;
};

static void check_value(const char *value, size_t len, const struct tally *t)
{
    cJSON *parsed;
    demand(len > 0 && len <= t->max);
    demand(json_parse(value, len, &parsed, NULL) == 0);
    cJSON_Delete(parsed);
}

static int on_member(const char *key, const char *value, size_t len, void *arg)
{
    struct tally *t = arg;
    demand(utf8_is_valid(key, strlen(key)));
    check_value(value, len, t);
    t->members++;
    return 0;
}

static int on_element(size_t index, const char *value, size_t len, void *arg)
{
    struct tally *t = arg;
    demand(index == t->elements);
    check_value(value, len, t);
    t->elements++;
    return 0;
}

static int cut(const char *text, size_t len, size_t step, struct tally *t, struct json_fault *fault)
{
    const struct json_cutter_config config = {.array_key = "contacts",
                                              .element_max = t->max,
                                              .member_max = t->max,
                                              .on_member = on_member,
                                              .on_element = on_element,
                                              .arg = t};
    struct json_cutter *c;
    demand(json_cutter_create(&config, &c) == 0);
    int err = 0;
    for (size_t at = 0; err == 0 && at < len; at += step)
        err = json_cutter_feed(c, text + at, len - at < step ? len - at : step, fault);
    if (err == 0)
        err = json_cutter_finish(c, fault);
    json_cutter_free(c);
    return err;
}

static bool faults_agree(const struct json_fault *a, const struct json_fault *b)
{
    return a->offset == b->offset && strcmp(a->path, b->path) == 0 && strcmp(a->reason, b->reason) == 0;
}

static void check_fault(const struct json_fault *fault, size_t len)
{
    demand(fault->offset <= len && fault->reason[0] != '\0');
    demand(utf8_is_valid(fault->path, strlen(fault->path)));
}

static void check_print(const cJSON *value)
{
    struct buf printed;
    cJSON *again;
    buf_init(&printed, NO_BOUND);
    demand(json_print(value, &printed) == 0);
    demand(json_parse(buf_str(&printed), buf_len(&printed), &again, NULL) == 0);
    cJSON_Delete(again);
    buf_free(&printed);
}

/* Another reader finds one value in it, and nothing behind it. */
static void check_end(const char *text, size_t len)
{
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    demand(value != NULL && end != NULL);
    for (; end < text + len; end++)
        demand(*end == ' ' || *end == '\t' || *end == '\n' || *end == '\r');
    cJSON_Delete(value);
}

/* Bounds that bite give the same verdict for any cut. */
static void check_tight(const char *text, size_t len, size_t step)
{
    struct tally whole = {.max = TIGHT_BOUND};
    struct tally pieces = {.max = TIGHT_BOUND};
    struct json_fault whole_fault = {0, "", ""};
    struct json_fault pieces_fault = {0, "", ""};
    int err = cut(text, len, len > 0 ? len : 1, &whole, &whole_fault);
    demand(cut(text, len, step, &pieces, &pieces_fault) == err);
    demand(whole.members == pieces.members && whole.elements == pieces.elements);
    demand(faults_agree(&whole_fault, &pieces_fault));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = data[0] > 0 ? data[0] : 1;
    size_t len = size - 1;
    char *text = malloc(len + 1); /* of its own, so that a read beyond it is noticed */
    demand(text != NULL);
    memcpy(text, data + 1, len);
    cJSON *value = NULL;
    struct tally pieces = {.max = NO_BOUND};
    struct json_fault whole_fault = {0, "", ""};
    struct json_fault pieces_fault = {0, "", ""};
    int err = json_parse(text, len, &value, &whole_fault);
    int cut_err = cut(text, len, step, &pieces, &pieces_fault);
    demand((cut_err == 0) == (err == 0 && cJSON_IsObject(value)));
    if (err == 0) {
        check_print(value);
        check_end(text, len);
        cJSON_Delete(value);
    } else {
        check_fault(&whole_fault, len);
    }
    if (cut_err < 0)
        check_fault(&pieces_fault, len);
    if (err < 0 && strcmp(pieces_fault.reason, "expected an object") != 0)
        demand(faults_agree(&whole_fault, &pieces_fault));
    check_tight(text, len, step);
    free(text);
    return 0;
}
