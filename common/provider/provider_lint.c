/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/provider_lint.h"

#include <stdio.h>
#include <string.h>

static size_t append_path(struct lint *l, const char *separator, const char *name)
{
    size_t mark = l->path_len;
    int n = snprintf(l->path + mark, sizeof l->path - mark, "%s%s", separator, name);
    if (n > 0)
        l->path_len = mark + (size_t)n < sizeof l->path ? mark + (size_t)n : sizeof l->path - 1;
    return mark;
}

size_t lint_enter(struct lint *l, const char *name)
{
    return append_path(l, l->path_len > 0 ? "." : "", name);
}

size_t lint_enter_index(struct lint *l, size_t index)
{
    char text[32];
    snprintf(text, sizeof text, "[%zu]", index);
    return append_path(l, "", text);
}

void lint_leave(struct lint *l, size_t mark)
{
    l->path[mark] = '\0';
    l->path_len = mark;
}

void lint_fault(struct lint *l, const char *code, const char *message)
{
    l->n_faults++;
    faults_add(l->faults, l->path, code, "%s", message);
}

void lint_fault_in(struct lint *l, const char *name, const char *code, const char *message)
{
    size_t mark = lint_enter(l, name);
    lint_fault(l, code, message);
    lint_leave(l, mark);
}

void lint_members(struct lint *l, const cJSON *object, const char *const *names)
{
    if (!cJSON_IsObject(object))
        return;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        const char *const *name = names;
        while (*name != NULL && strcmp(*name, member->string) != 0)
            name++;
        if (*name == NULL)
            lint_fault_in(l, member->string, FAULT_UNKNOWN_FIELD, "is not a member that is known here");
    }
}

/* The member if it is there; reports where it had to be. */
static const cJSON *find_member(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (member == NULL && need == LINT_REQUIRED)
        lint_fault_in(l, name, FAULT_REQUIRED, "is required");
    return member;
}

const char *lint_text(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const cJSON *member = find_member(l, object, name, need);
    if (member == NULL)
        return NULL;
    if (!cJSON_IsString(member) || member->valuestring[0] == '\0') {
        lint_fault_in(l, name, FAULT_TYPE, "must be a text that is not empty");
        return NULL;
    }
    return member->valuestring;
}

static bool is_pointer(const cJSON *value)
{
    return cJSON_IsString(value) && pointer_is_valid(value->valuestring);
}

const cJSON *lint_pointers(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const cJSON *member = find_member(l, object, name, need);
    if (member == NULL)
        return NULL;
    bool is_good = is_pointer(member) || (cJSON_IsArray(member) && member->child != NULL);
    for (const cJSON *one = cJSON_IsArray(member) ? member->child : NULL; one != NULL; one = one->next)
        is_good = is_good && is_pointer(one);
    if (!is_good) {
        lint_fault_in(l, name, FAULT_TYPE, "must be a JSON pointer, such as \"/call/id\", or a list of them");
        return NULL;
    }
    return member;
}

bool lint_is_header_name(const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0'; n++) {
        char c = name[n];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && strchr("!#$%&'*+-.^_`|~", c) == NULL)
            return false;
    }
    return n > 0;
}

const char *lint_header_name(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const char *text = lint_text(l, object, name, need);
    if (text != NULL && !lint_is_header_name(text)) {
        lint_fault_in(l, name, FAULT_CHARACTERS, "is not the name of a header");
        return NULL;
    }
    return text;
}

const cJSON *lint_object(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const cJSON *member = find_member(l, object, name, need);
    if (member != NULL && !cJSON_IsObject(member)) {
        lint_fault_in(l, name, FAULT_TYPE, "must be an object");
        return NULL;
    }
    return member;
}

const cJSON *lint_array(struct lint *l, const cJSON *object, const char *name, enum lint_need need)
{
    const cJSON *member = find_member(l, object, name, need);
    if (member != NULL && !cJSON_IsArray(member)) {
        lint_fault_in(l, name, FAULT_TYPE, "must be an array");
        return NULL;
    }
    return member;
}

bool lint_bool(struct lint *l, const cJSON *object, const char *name)
{
    const cJSON *member = find_member(l, object, name, LINT_OPTIONAL);
    if (member != NULL && !cJSON_IsBool(member))
        lint_fault_in(l, name, FAULT_TYPE, "must be true or false");
    return cJSON_IsTrue(member);
}

static bool is_int_within(const cJSON *value, int64_t min, int64_t max, int64_t *ret_value)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= (double)min && value->valuedouble <= (double)max))
        return false;
    int64_t number = (int64_t)value->valuedouble;
    if ((double)number != value->valuedouble)
        return false;
    *ret_value = number;
    return true;
}

int64_t lint_int(struct lint *l, const cJSON *object, const char *name, int64_t min, int64_t max, int64_t otherwise)
{
    const cJSON *member = find_member(l, object, name, LINT_OPTIONAL);
    int64_t value = otherwise;
    if (member != NULL && !is_int_within(member, min, max, &value)) {
        char message[96];
        snprintf(message, sizeof message, "must be an integer from %lld to %lld", (long long)min, (long long)max);
        lint_fault_in(l, name, FAULT_RANGE, message);
    }
    return value;
}

bool lint_range(struct lint *l, const cJSON *object, const char *name, int64_t min, int64_t max, int64_t ret[2])
{
    const cJSON *member = find_member(l, object, name, LINT_OPTIONAL);
    if (member == NULL)
        return false;
    int64_t low;
    int64_t high;
    if (cJSON_IsArray(member) && cJSON_GetArraySize(member) == 2 &&
        is_int_within(cJSON_GetArrayItem(member, 0), min, max, &low) &&
        is_int_within(cJSON_GetArrayItem(member, 1), min, max, &high) && low <= high) {
        ret[0] = low;
        ret[1] = high;
        return true;
    }
    char message[128];
    snprintf(message, sizeof message, "must be two integers, least and greatest, from %lld to %lld", (long long)min,
             (long long)max);
    lint_fault_in(l, name, FAULT_RANGE, message);
    return false;
}

int lint_word(struct lint *l, const cJSON *object, const char *name, enum lint_need need, const char *const *words)
{
    const char *text = lint_text(l, object, name, need);
    if (text == NULL)
        return -1;
    char message[FAULT_MESSAGE_LEN] = "must be one of";
    size_t at = strlen(message);
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0)
            return i;
        int n = snprintf(message + at, sizeof message - at, "%s %s", i > 0 ? "," : "", words[i]);
        at += n > 0 && at + (size_t)n < sizeof message ? (size_t)n : 0;
    }
    lint_fault_in(l, name, FAULT_RANGE, message);
    return -1;
}
