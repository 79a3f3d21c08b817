/* SPDX-License-Identifier: Apache-2.0
 *
 * How the command line tool ends. Operators' scripts rely on these. A watch that a signal ends dies of that signal, so
 * that a shell sees 128 and its number (130 for ^C) and a loop of a script ends too.
 */
#ifndef CARILLON_PRODUCER_CLI_EXIT_H
#define CARILLON_PRODUCER_CLI_EXIT_H

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1, /* it was refused, or went wrong, or what was asked about is not as it should be */
    CLI_USAGE = 2, /* the command line makes no sense: nothing was tried */
    CLI_CONFIGURATION = 3, /* a file or variable that says how to reach things makes no sense, or a cell's schema; or
                              the user of Redis lacks a permission that every verb needs */
    CLI_NO_REDIS = 4, /* Redis cannot be reached, or is not to be used: a replica, or one that evicts keys */
};

#endif
