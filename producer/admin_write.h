/* SPDX-License-Identifier: Apache-2.0
 *
 * A tenant or a trunk that an operator makes (POST) or changes (PATCH), from its body to the last reply. Private to the
 * routes of the two.
 */
#ifndef CARILLON_PRODUCER_ADMIN_WRITE_H
#define CARILLON_PRODUCER_ADMIN_WRITE_H

#include "producer/admin_list.h"
#include "producer/exchange.h"
#include "producer/resource_change.h"

struct admin_write {
    const struct admin_view *view;
    bool is_new;
    const char *cell; /* borrowed, as the next */
    const char *id; /* of the path, or the body's */
    cJSON *body; /* owned, as all below */
    struct resource_change *change;
    struct faults faults;
    struct admin_one shown;
    exchange_fn on_written; /* what is left to be done; NULL: nothing */
};

/* `w` is all zero and lives in the exchange's kept state. Reads cell, id and body, with the faults of unknown members
 * and of an id that is none in w->faults. False where it has answered. `members`: those that a body may have beside a
 * new one's id. */
bool admin_write_begin(struct exchange *x, struct admin_write *w, const struct admin_view *view, bool is_new,
                       const char *const *members, size_t n_members);
/* Frees all but the body. */
void admin_write_clear(struct admin_write *w);

/* Where there are faults: answers 400 and gives true. */
bool admin_write_is_refused(struct exchange *x, const struct admin_write *w);
/* Nothing is wrong with it, and writing begins: to be called before anything is sent that writes. */
void admin_write_note_asked(const struct exchange *x, const struct admin_write *w);
/* Runs resource_set with w->change, then w->on_written. */
void admin_write_apply(struct exchange *x, struct admin_write *w);
/* It is done: logs it, and answers with how it stands now. */
void admin_write_finish(struct exchange *x, struct admin_write *w);
/* Logs that it is not done, or not known; the second answers so, too. */
void admin_write_note_not_done(const struct exchange *x, const struct admin_write *w, int err);
void admin_write_fail(struct exchange *x, const struct admin_write *w, int err);

#endif
