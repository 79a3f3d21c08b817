/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the parts of a pack into a batch, in order, a few under way at a time. Parts may still be added behind.
 */
#ifndef CARILLON_PRODUCER_INGEST_SEND_H
#define CARILLON_PRODUCER_INGEST_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "producer/ingest_pack.h"
#include "producer/ingest_steps.h"

/* A contact of the part that was left out because the batch has its number, or its id. Before the part is dropped. */
typedef void (*ingest_left_out_fn)(size_t part, size_t contact, bool is_id, void *arg);

struct ingest_send_config {
    struct ingest_steps *steps; /* borrowed, like all that follows */
    struct ingest_pack *pack; /* its parts are dropped as they are written */
    const char *batch_id;
    ingest_left_out_fn on_left_out; /* NULL: they are only counted */
    void (*on_written)(void *arg); /* a part more is written */
    void *arg;
};

/* Plain value: embed it; {0} is one that was never used. */
struct ingest_send {
    struct ingest_send_config config;
    struct contact_layout *layout; /* that the batch has, as far as is known; NULL: records keep their metadata */
    bool is_form_chosen; /* whether there are columns: with the first part */
    bool is_plain; /* Redis looks for duplicates */
    bool is_behind; /* its index has to be brought up before anything is sent */
    char chunk[8]; /* what the parts belong to, "0" for a creation's own contacts; set before anything is sent */
    size_t confirmed; /* parts known to be written */
    size_t next; /* the next part to send */
    uint64_t total; /* of the batch, as the last answer told */
    uint64_t accepted; /* contacts taken, whenever that was */
    uint64_t duplicates;
    uint64_t fresh; /* contacts that were taken just now, not by an earlier try */
};

/* Frees what sending needed; also a value that was never used. */
void ingest_send_free(struct ingest_send *s);

/* Sends whole parts, as many as may be under way. */
void ingest_send_more(struct ingest_send *s);
/* What is under way came to nothing known: ingest_send_more() begins behind what is confirmed. */
void ingest_send_again(struct ingest_send *s);
/* Whole parts that are not known to be written. */
size_t ingest_send_backlog(const struct ingest_send *s);

#endif
