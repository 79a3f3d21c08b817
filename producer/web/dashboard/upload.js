// SPDX-License-Identifier: Apache-2.0
// A checked file on its way in, as `carillon submit` does it: a draft, its contacts in numbered chunks, its start. A chunk that
// broke off is sent again with the same bytes, which the producer takes once; nothing dials before all are there.

import {ApiError, ask, freshKey, write} from './api.js';
import {sleep} from './timing.js';

const TRIES = 8;
const WAIT_MS = 1000;
const WAIT_MOST_MS = 30000;

export class Upload {
  /** `checked` is what checkFile() resolved to; `onProgress(share, words)`. */
  constructor(file, request, checked, {signal, onProgress}) {
    Object.assign(this, {file, request, checked, signal, onProgress});
    this.key = freshKey();
    this.batchId = '';
    this.sent = 0; // chunks
    this.rejected = 0;
    this.duplicates = 0;
  }

  /** Goes on where it is, to the end; after a failure it may be called again. */
  async run({isStarted}) {
    const {chunks} = this.checked;
    if (!this.batchId) {
      this.onProgress(0, 'Making a draft…');
      const made = await this.patiently(() =>
        write('POST', '/api/v1/batch?draft=true', this.request, {'Idempotency-Key': this.key}),
      );
      this.batchId = made.batchId;
    }
    for (; this.sent < chunks.length; this.sent += 1) {
      this.onProgress(this.sent / chunks.length, `Sending part ${this.sent + 1} of ${chunks.length}…`);
      const answer = await this.patiently(() => this.sendChunk(this.sent));
      this.rejected += answer.rejected;
      this.duplicates += answer.duplicates;
    }
    this.onProgress(1, isStarted ? 'Starting…' : 'Done.');
    if (isStarted) await this.patiently(() => write('POST', `/api/v1/batch/${this.batchId}/start`));
    return this.batchId;
  }

  sendChunk(index) {
    const {from, to} = this.checked.chunks[index];
    const body = new Blob([this.file.slice(0, this.checked.headerEnd), this.file.slice(from, to)]);
    return ask('POST', `/api/v1/batch/${this.batchId}/contacts?chunk=${index + 1}`, {
      body,
      type: 'text/csv',
      signal: this.signal,
    });
  }

  /** Tries again what may pass by itself: a connection that broke, 429, 503 and the conflicts with a Retry-After. */
  async patiently(send) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await send();
      } catch (error) {
        const mayPass =
          error instanceof ApiError &&
          (error.status === 0 || error.status === 408 || error.status >= 502 || error.retryAfterS > 0);
        if (!mayPass || tries === TRIES) throw error;
        await sleep(Math.max(error.retryAfterS * 1000, Math.min(WAIT_MS * 2 ** (tries - 1), WAIT_MOST_MS)), this.signal);
      }
    }
  }

  /** Ends the draft: nothing of it is kept for long. */
  async discard() {
    if (this.batchId) await write('POST', `/api/v1/batch/${this.batchId}/cancel`);
  }
}
