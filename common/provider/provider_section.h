/* SPDX-License-Identifier: Apache-2.0
 *
 * The sections of a profile, inside the engine: each function reads one out of the tree into the profile and reports
 * what is wrong with it. Templates are checked against profile->variables, which must have been read before.
 */
#ifndef CARILLON_PROVIDER_SECTION_H
#define CARILLON_PROVIDER_SECTION_H

#include "common/provider/provider_format.h"
#include "common/provider/provider_lint.h"
#include "common/provider/provider_template.h"

/* The member "request" of `object`. */
void section_request(struct lint *l, const cJSON *object, unsigned request, const cJSON *variables,
                     struct profile_request *ret_request);
/* A template at the place where the lint stands. */
void section_template(struct lint *l, const cJSON *value, unsigned request, enum template_place place,
                      const cJSON *variables);

void section_start(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_call(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_poll(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_cancel(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_hang_up(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_lookup(struct lint *l, const cJSON *object, struct provider_profile *profile);
void section_callback(struct lint *l, const cJSON *object, struct provider_profile *profile);

#endif
