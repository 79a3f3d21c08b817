/* SPDX-License-Identifier: Apache-2.0
 *
 * What every verb about one batch begins with: its id is read and judged, the producer is reached.
 */
#ifndef CARILLON_PRODUCER_CLI_BATCH_VERB_H
#define CARILLON_PRODUCER_CLI_BATCH_VERB_H

#include "producer/cli/api_client.h"

/* `arg` is batch_verb_run()'s own. */
typedef enum cli_exit (*batch_verb_fn)(struct session *s, struct api_client *api, const char *batch_id,
                                       const void *arg);

/* Calls `fn` with the batch that the verb's subject names. CLI_USAGE where that is no batch's id, and what
 * api_client_open() says. */
enum cli_exit batch_verb_run(struct session *s, batch_verb_fn fn, const void *arg);
/* The same for a batch that is named elsewhere. */
enum cli_exit batch_verb_run_on(struct session *s, const char *id, batch_verb_fn fn, const void *arg);

/* Starts a draft. */
enum cli_exit batch_verb_start(struct session *s, const char *id);

#endif
