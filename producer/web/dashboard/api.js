// SPDX-License-Identifier: Apache-2.0
// Requests to the producer. The session is a cookie that scripts cannot read; the header is what other sites cannot send.

import {sleep} from './timing.js';

const MARK = {'X-Carillon-Dashboard': '1'};
const TRIES = 4;
const WAIT_MOST_S = 10;

/** An answer that is not 2xx, or none at all (`status` 0). `faults` names what is wrong: [{path, message}]. */
export class ApiError extends Error {
  constructor(status, body, headers) {
    super(words(body) || body?.error || (status === 0 ? 'The server cannot be reached.' : `The server answered ${status}.`));
    this.name = 'ApiError';
    this.status = status;
    this.code = body?.code || '';
    this.details = body?.details || {};
    this.requestId = headers?.get('X-Request-Id') || '';
    this.retryAfterS = Number(headers?.get('Retry-After')) || 0;
    this.faults = Object.entries(this.details.fieldErrors || {}).flatMap(([path, messages]) =>
      messages.map((message) => ({path, message})),
    );
  }
}

/** What an answer says, without the pointer to its details: those are shown beside it. */
function words(body) {
  return body?.message?.replace(/ ?details\.fieldErrors names each fault by its path\./, '');
}

/** A query without what is not told: {tag: '', limit: 50} becomes "?limit=50". */
export function query(values) {
  const told = Object.entries(values).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return told.length ? `?${new URLSearchParams(told)}` : '';
}

/** A fetch as the producer wants it. Throws ApiError for whatever is not 2xx; tells the page when the session is over. */
export async function send(method, path, {body, type = 'application/json', headers = {}, signal} = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: {...MARK, ...(body === undefined ? {} : {'Content-Type': type}), ...headers},
      body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, null, null);
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  if (answer.status === 401 && path !== '/dashboard/session') window.dispatchEvent(new Event('session-over'));
  throw new ApiError(answer.status, parsed(text), answer.headers);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The same for what only reads: where the tenant asks faster than it may, it waits as long as it is told to. */
async function sendPatiently(path, options) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send('GET', path, options);
    } catch (error) {
      if (error.status !== 429 || error.retryAfterS > WAIT_MOST_S || tries === TRIES) throw error;
      await sleep(Math.max(error.retryAfterS, 1) * 1000, options.signal);
    }
  }
}

/** What send() brings, read as JSON; null where it has no content. */
export async function ask(method, path, options = {}) {
  const answer = await (method === 'GET' ? sendPatiently(path, options) : send(method, path, options));
  return answer.status === 204 ? null : answer.json();
}

export const read = (path, signal) => ask('GET', path, {signal});
export const write = (method, path, body, headers) => ask(method, path, {body, headers});

/** A name for one creation: the same sent again creates nothing twice. Not randomUUID(), which plain http does not have. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `dashboard-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Saves what a route answers as a file of that name. */
export async function download(path, name) {
  const blob = await (await send('GET', path)).blob();
  saveBlob(blob, name);
}

export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
