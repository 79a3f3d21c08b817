/* SPDX-License-Identifier: Apache-2.0
 *
 * The versions of all that lies in a cell which this build can work with: it accepts a cell whose version lies between
 * them, and leaves any other alone (common/lua/cell_open.lua). A version changes when a build writes what one of the
 * version before could not read or keep; docs/decisions/0018-one-process-after-the-other.md says what that is and how a
 * fleet gets from one to the next. A script that is to write in both reads `schema` of the cell.
 */
#ifndef CARILLON_REDIS_SCHEMA_H
#define CARILLON_REDIS_SCHEMA_H

#define SCHEMA_OLDEST 1
#define SCHEMA_COLUMNS 2 /* from here on records may hold values only (docs/decisions/0022-columns-once-a-batch.md) */
#define SCHEMA_NEWEST 2 /* an empty cell takes it */

#endif
