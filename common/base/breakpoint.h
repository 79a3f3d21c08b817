/* SPDX-License-Identifier: Apache-2.0
 *
 * Points at which a test may stop or kill the process that reaches them, so that "it died exactly there" is a fact and
 * not a race. They work in the debug and sanitizer builds (CARILLON_BREAKPOINTS); a release passes over them.
 *
 *   CARILLON_BREAKPOINT=dial.begun:kill        ends the process (SIGKILL) when a dial has begun
 *   CARILLON_BREAKPOINT=dial.sending:stop:3    stops it (SIGSTOP) when a dial is sent for the third time
 */
#ifndef CARILLON_BASE_BREAKPOINT_H
#define CARILLON_BASE_BREAKPOINT_H

/* `group` and `point` name the place: "<group>.<point>". */
void breakpoint_reach(const char *group, const char *point);

#endif
