/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of each dial, from all witnesses; and the promises about the dials of one contact and of one number.
 */
#ifndef CARILLON_SIM_JUDGE_DIAL_H
#define CARILLON_SIM_JUDGE_DIAL_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/campaign.h"
#include "tests/sim/judge.h"

#define DIAL_KEY_CAP 96
#define DIAL_WORD_CAP 24

/* Instants are true time, 0 where it never came to that. */
struct dial {
    char key[DIAL_KEY_CAP]; /* <batch>.<ordinal>.<dial> */
    struct sim_batch *batch;
    size_t ordinal;
    unsigned number;
    int64_t begun_us; /* as Redis reserved it */
    int64_t known_us; /* when Redis reserved it */
    int64_t sent_us;
    int n_sent;
    int64_t placed_us;
    int n_placed;
    int64_t ended_us;
    bool is_found; /* by its number, after Redis forgot it: when it was begun is not known any more */
    bool is_anothers; /* what was told of it is of a call to the same number that Redis forgot */
    bool is_forgotten; /* the platform took the call and knows nothing of it: what is promised of it ends there */
    char outcome[DIAL_WORD_CAP]; /* the platform's word */
    char id[72]; /* the platform's */
    char told[DIAL_WORD_CAP]; /* what Redis was told last, */
    char first_told[DIAL_WORD_CAP]; /* and at first, of what it remembers */
    int64_t first_told_us;
};

struct dial_book;

struct dial_book *dial_book_create(struct campaign *campaign);
void dial_book_free(struct dial_book *book);

/* The dial, new where nothing was heard of it. NULL where it is none of this campaign. */
struct dial *dial_book_get(struct dial_book *book, const char *batch, const char *ordinal, const char *number);
/* The dial whose token stands in the text. */
struct dial *dial_book_get_by_text(struct dial_book *book, const char *text, size_t len);
/* All, of struct dial; in the order of their batches, contacts and numbers once they were judged. */
GPtrArray *dial_book_dials(struct dial_book *book);
/* The contact's last dial that was placed, or NULL. */
const struct dial *dial_book_last_placed(const struct dial_book *book, const struct sim_batch *batch, size_t ordinal,
                                         int *ret_placed);

void dial_book_judge(struct dial_book *book, struct tally *tally);

/* The contact was never called, and has the outcome of a call to its number that Redis forgot (docs/failure-model.md).
 */
bool dial_book_has_anothers(const struct dial_book *book, const struct sim_batch *batch, size_t ordinal);

/* Redis forgot it, and its batch was cancelled or expired before it was told again (docs/failure-model.md). */
bool dial_was_cut(const struct dial_book *book, const struct dial *dial);

/* What the platform's word is to us: "COMPLETED", ...; NULL for what says nothing of the call. */
const char *dial_truth(const struct dial *dial);
/* `told` is that, or what can be known of it where the platform keeps no tokens; or there is none. */
bool dial_is_told_truly(const struct dial_book *book, const struct dial *dial, const char *told);

#endif
