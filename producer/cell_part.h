/* SPDX-License-Identifier: Apache-2.0
 *
 * The reply of cell_show.lua, part by part.
 */
#ifndef CARILLON_PRODUCER_CELL_PART_H
#define CARILLON_PRODUCER_CELL_PART_H

enum cell_part {
    CELL_PART_SCHEMA, /* "" where the cell is empty */
    CELL_PART_STOPPED, /* since, ms, or "" */
    CELL_PART_CLOSED, /* until, ms, or "" */
    CELL_PART_CLAIMED,
    CELL_PART_LIVE,
    CELL_PART_ENDED,
    CELL_PART_EVENTS,
    CELL_PART_WEBHOOKS,
    CELL_PART_PROCESSES, /* "<process>/<id>/<oldest>/<newest>/<version>", last heard of ms, ... */
    CELL_PART_EPOCH,
    CELL_PART_TRUNKS,
    CELL_PART_LATE, /* ms */
    CELL_PART_WORKERS, /* worker, last seen ms, ... */
};

#endif
