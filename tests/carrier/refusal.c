/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/refusal.h"

#include <string.h>

#define SUBJECT_LEN_MAX 100 /* it is often a name that a client made up */

int refusal_say(struct buf *why, const char *subject, const char *fault)
{
    buf_clear(why);
    if (buf_printf(why, "%s %s", strlen(subject) <= SUBJECT_LEN_MAX ? subject : "a member", fault))
        buf_clear(why);
    return ERR_INVALID;
}
