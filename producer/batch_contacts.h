/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/batch/{id}/contacts: the callbacks of its route. A numbered chunk of a draft is written while it
 * arrives, no faster than Redis takes it: where it is cut short, the same chunk again goes on from what was written.
 * What goes into a running batch, or has no number, is written when all of it is there, so that nothing of a body that
 * was cut is ever dialed.
 */
#ifndef CARILLON_PRODUCER_BATCH_CONTACTS_H
#define CARILLON_PRODUCER_BATCH_CONTACTS_H

#include <stddef.h>

#include "common/http/server.h"

/* `arg` of each is the struct api. */
void batch_contacts_headers(struct http_request *req, void *arg);
void batch_contacts_body(struct http_request *req, const char *data, size_t len, void *arg);
void batch_contacts_complete(struct http_request *req, void *arg);
void batch_contacts_gone(struct http_request *req, void *arg);

#endif
