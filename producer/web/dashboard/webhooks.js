// SPDX-License-Identifier: Apache-2.0
// Where webhooks lead, and how each place is.

import {read, write} from './api.js';
import {confirmed} from './dialog.js';
import {el, fill, refill} from './dom.js';
import {endpointRow} from './endpoint_row.js';
import {Form} from './form.js';
import {empty, faultBox, pageHead} from './parts.js';
import {showSecret} from './secret.js';
import {repeat} from './timing.js';

const EVERY_MS = 4000;

export function view({signal, canWrite}) {
  const list = el('div');
  const load = async () => {
    const {endpoints} = await read('/api/v1/webhooks/endpoints', signal);
    refill(
      list,
      endpoints.length
        ? endpoints.map(endpointRow)
        : el('section.card', empty('No endpoint yet.', 'A campaign that names a webhook makes one.')),
    );
  };
  const failed = (error) => fill(list, faultBox(error));
  repeat(EVERY_MS, signal, load, failed);
  const add = () => addEndpoint().then((isDone) => isDone && load().catch(failed));
  return el(
    'div',
    pageHead(
      'Webhooks',
      'Each endpoint is one origin: all its addresses share a secret, a queue and a health.',
      canWrite && el('button', {type: 'button', on: {click: add}}, 'Add an endpoint'),
    ),
    list,
  );
}

async function addEndpoint() {
  const form = new Form();
  const url = el('input', {type: 'url', required: true, autocomplete: 'off', maxlength: 2048});
  let made = null;
  const isDone = await confirmed('Add an endpoint', {
    body: form.field('url', 'An address at it', url, {
      note: 'Where there is one already it gets another secret, and the one before ends at once.',
    }),
    verb: 'Add it, or give it a new secret',
    run: async () => {
      try {
        made = await write('PUT', '/api/v1/webhooks/endpoints', {url: url.value.trim()});
      } catch (error) {
        form.showFaults(error.faults ?? []);
        throw error;
      }
    },
  });
  if (isDone) await showSecret(made.origin, made.secret);
  return isDone;
}
