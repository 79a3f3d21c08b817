/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a profile's tree with a finger on the place: typed reads of members that report what is wrong, by its path,
 * and go on. Inside the engine.
 */
#ifndef CARILLON_PROVIDER_LINT_H
#define CARILLON_PROVIDER_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/domain/faults.h"
#include "common/provider/provider_format.h"

struct lint {
    struct faults *faults; /* may be NULL: only the count matters */
    unsigned n_faults;
    char path[FAULT_PATH_LEN + 1];
    size_t path_len;
};

/* Goes down to a member or element; what it returns goes to lint_leave(). Both accept any name. */
size_t lint_enter(struct lint *l, const char *name);
size_t lint_enter_index(struct lint *l, size_t index);
void lint_leave(struct lint *l, size_t mark);

/* Reports a fault at the place, or at its member `name`. */
void lint_fault(struct lint *l, const char *code, const char *message);
void lint_fault_in(struct lint *l, const char *name, const char *code, const char *message);

/* Reports every member of `object` that is not in `names`, which ends with NULL. */
void lint_members(struct lint *l, const cJSON *object, const char *const *names);

/* Each reads the member `name` of `object`. Absent: NULL (false, `otherwise`), and a fault where it is required. Of a
 * wrong type or form: the same, and a fault. */
enum lint_need { LINT_OPTIONAL, LINT_REQUIRED };
const char *lint_text(struct lint *l, const cJSON *object, const char *name, enum lint_need need);
const cJSON *lint_pointers(struct lint *l, const cJSON *object, const char *name, enum lint_need need);
const char *lint_header_name(struct lint *l, const cJSON *object, const char *name, enum lint_need need);
const cJSON *lint_object(struct lint *l, const cJSON *object, const char *name, enum lint_need need);
const cJSON *lint_array(struct lint *l, const cJSON *object, const char *name, enum lint_need need);
bool lint_bool(struct lint *l, const cJSON *object, const char *name);
int64_t lint_int(struct lint *l, const cJSON *object, const char *name, int64_t min, int64_t max, int64_t otherwise);
/* Two integers, the first not above the second; `ret` is left alone where they are absent or wrong. */
bool lint_range(struct lint *l, const cJSON *object, const char *name, int64_t min, int64_t max, int64_t ret[2]);
/* One of `words` (ends with NULL): its index, or -1. */
int lint_word(struct lint *l, const cJSON *object, const char *name, enum lint_need need, const char *const *words);

/* True for a token of RFC 9110 section 5.6.2. */
bool lint_is_header_name(const char *name);

#endif
