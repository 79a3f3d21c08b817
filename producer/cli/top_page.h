/* SPDX-License-Identifier: Apache-2.0
 *
 * How a look at a fleet reads on a screen of a given size: lines of text, none longer than it is wide.
 */
#ifndef CARILLON_PRODUCER_CLI_TOP_PAGE_H
#define CARILLON_PRODUCER_CLI_TOP_PAGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "producer/cli/top_look.h"

#define TOP_COLUMNS_MOST 300
#define TOP_LINES_MOST 400
#define TOP_COLUMNS_PLAIN 160 /* where there is no screen */

struct top_line {
    char text[TOP_COLUMNS_MOST + 1];
    bool is_heading;
};

/* A plain value, too large for a stack. */
struct top_page {
    struct top_line lines[TOP_LINES_MOST];
    size_t n;
};

struct top_view {
    const cJSON *shown; /* NULL: nothing was seen so far */
    size_t columns;
    size_t rows; /* 0: as many as there are, and no line about keys */
    enum top_sort sort;
    bool is_paused;
    const char *problem; /* why the last look failed; "" for none */
};

void top_page_write(const struct top_view *view, struct top_page *ret_page);

#endif
