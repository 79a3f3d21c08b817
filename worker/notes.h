/* SPDX-License-Identifier: Apache-2.0
 *
 * What a script brought about beyond the calls it was asked for: a trunk's breaker that opened or closed, a batch that
 * paused itself, something that was set aside since nothing can be made of what Redis holds of it. The worker whose
 * call it was logs and counts it, so that the fleet tells it once.
 */
#ifndef CARILLON_WORKER_NOTES_H
#define CARILLON_WORKER_NOTES_H

struct redisReply;

#define NOTE_WORDS 3 /* of one among the calls of a claim, or of checks: fewer than a call has */

/* For outbox_spec: `arg` is the struct worker_cell. A note that is not known is passed over. */
void notes_take(const struct redisReply *note, void *arg);

#endif
