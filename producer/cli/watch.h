/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching a batch until it ends: two live lines on a terminal, a plain line now and then elsewhere, with --json its
 * status as a JSON object a line.
 */
#ifndef CARILLON_PRODUCER_CLI_WATCH_H
#define CARILLON_PRODUCER_CLI_WATCH_H

#include "producer/cli/api_client.h"

/* CLI_DONE where it completed, CLI_FAILED where it was cancelled or failed or cannot be watched. A producer that goes
 * away is waited for, once it has answered; `has_answered`: it did already. A signal ends the watching and leaves the
 * batch alone: ask session_signal(). */
enum cli_exit watch_batch(struct session *s, struct api_client *api, const char *batch_id,
                          bool has_answered) MUST_CHECK;

#endif
