// SPDX-License-Identifier: Apache-2.0
// A batch as it goes on: server-sent events read from a fetch, since an EventSource can send no header.

import {send} from './api.js';
import {sleep} from './timing.js';

const SILENT_MS = 45000; // three heartbeats
const RETRY_MS = 2000;

/**
 * Calls `onStatus` with each status of the batch until its end, or the signal. `onLink` is told whether the stream stands.
 * A refusal that another try does not mend is thrown.
 */
export async function follow(batchId, signal, {onStatus, onLink, onEnd}) {
  const place = {lastId: '', retryMs: RETRY_MS, isOver: false};
  while (!signal.aborted && !place.isOver) {
    try {
      await listen(batchId, signal, place, {onStatus, onLink, onEnd});
    } catch (error) {
      if (signal.aborted) return;
      if ([401, 403, 404].includes(error.status)) throw error;
    }
    if (place.isOver || signal.aborted) return;
    onLink(false);
    await sleep(place.retryMs, signal).catch(() => {});
  }
}

async function listen(batchId, signal, place, told) {
  const quiet = new AbortController();
  const headers = place.lastId ? {'Last-Event-ID': place.lastId} : {};
  const answer = await send('GET', `/api/v1/batch/${encodeURIComponent(batchId)}/events`, {
    headers,
    signal: AbortSignal.any([signal, quiet.signal]),
  });
  if (answer.status === 204) {
    place.isOver = true;
    told.onEnd();
    return;
  }
  told.onLink(true);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let timer = setTimeout(() => quiet.abort(), SILENT_MS);
  let rest = '';
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENT_MS);
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      blocks.forEach((block) => take(eventOf(block), place, told));
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The fields of one event's lines. */
function eventOf(block) {
  const event = {name: 'message', data: '', id: null, retry: null};
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    if (at < 1) continue; // a comment, or nothing
    const value = line.slice(at + 1).replace(/^ /, '');
    const field = line.slice(0, at);
    if (field === 'event') event.name = value;
    if (field === 'data') event.data += event.data ? `\n${value}` : value;
    if (field === 'id') event.id = value;
    if (field === 'retry') event.retry = Number(value);
  }
  return event;
}

function take(event, place, {onStatus, onEnd}) {
  if (event.id !== null) place.lastId = event.id;
  if (event.retry) place.retryMs = event.retry;
  if (event.name === 'status') onStatus(JSON.parse(event.data));
  if (event.name === 'end') {
    place.isOver = true;
    onEnd();
  }
}
