// SPDX-License-Identifier: Apache-2.0
// One webhook endpoint: its health, what may be done about it, and its deliveries.

import {read, write} from './api.js';
import {deliveryList} from './deliveries.js';
import {confirmed} from './dialog.js';
import {el, fill} from './dom.js';
import {endpointBadge, endpointFacts} from './endpoint_row.js';
import {Form, numberInput} from './form.js';
import {count, many} from './format.js';
import {tell} from './notice.js';
import {card, faultBox, pageHead} from './parts.js';
import {href, navigate} from './router.js';
import {showSecret} from './secret.js';
import {repeat} from './timing.js';

const EVERY_MS = 3000;
const SINCE_MS = 7 * 86400 * 1000; // for so long what was given up is known

export async function view({params, signal, canWrite, setTitle}) {
  const path = `/api/v1/webhooks/endpoints/${encodeURIComponent(params.id)}`;
  let endpoint = await read(path, signal);
  setTitle(endpoint.origin);
  const health = el('div');
  const actions = el('div.actions');
  const show = (now) => {
    const isOther = now.status !== endpoint.status || !actions.childNodes.length;
    endpoint = now;
    fill(health, endpointBadge(now), el('div.gap-above', endpointFacts(now)));
    if (isOther) fill(actions, canWrite && endpointActions(path, endpoint, () => read(path, signal).then(show)));
  };
  show(endpoint);
  repeat(
    EVERY_MS,
    signal,
    async () => show(await read(path, signal)),
    (error) => fill(health, faultBox(error)),
  );
  return el(
    'div',
    el('p.crumb', el('a', {href: href('/webhooks')}, 'Webhooks'), ' /'),
    pageHead(endpoint.origin, null, actions),
    card('Health', health),
    deliveryList(endpoint.id, signal, canWrite),
  );
}

function endpointActions(path, endpoint, renew) {
  const button = (name, run, style = '') =>
    el(`button${style}`, {type: 'button', on: {click: async () => (await run()) && renew()}}, name);
  const removing = button('Remove', () => remove(path, endpoint), '.danger');
  if (endpoint.status === 'disabled') return [button('Enable', () => turn(path, 'active'), '.primary'), removing];
  return [
    button('Recover', () => recover(path)),
    button('Send a test', () => test(path, endpoint)),
    button('New secret', () => rotate(path, endpoint)),
    button('Disable', () => turn(path, 'disabled'), '.danger'),
    removing,
  ];
}

function turn(path, status) {
  const isOn = status === 'active';
  return confirmed(isOn ? 'Enable this endpoint?' : 'Disable this endpoint?', {
    body: el(
      'p',
      isOn
        ? 'What was known against it is forgotten, and what waits is sent.'
        : 'Nothing is sent there any more: what waits or comes is given up.',
    ),
    verb: isOn ? 'Enable' : 'Disable',
    isDanger: !isOn,
    run: async () => {
      await write('PATCH', path, {status});
      tell(isOn ? 'The endpoint is enabled.' : 'The endpoint is disabled.');
    },
  });
}

function recover(path) {
  return confirmed('Send again what was given up?', {
    body: el(
      'p',
      'Everything that was given up in the last seven days is sent again, with the same ids: a receiver may know them already.',
    ),
    verb: 'Send it again',
    run: async () => {
      let since = new Date(Date.now() - SINCE_MS).toISOString();
      let [recovered, gone] = [0, 0];
      while (since) {
        const answer = await write('POST', `${path}/recover?since=${encodeURIComponent(since)}`);
        recovered += answer.recovered;
        gone += answer.gone;
        since = answer.nextSince;
      }
      tell(
        `${many(recovered, 'delivery is', 'deliveries are')} sent again${gone ? `; ${count(gone)} are not kept any more` : ''}.`,
      );
    },
  });
}

function test(path, endpoint) {
  const form = new Form();
  const url = el('input', {type: 'url', value: `${endpoint.origin}/`, autocomplete: 'off'});
  return confirmed('Send a test', {
    body: form.field('url', 'To', url, {note: 'A signed event webhook.test, tried once.'}),
    verb: 'Send it',
    run: async () => {
      await write('POST', `${path}/test`, {url: url.value.trim()});
      tell('The test is on its way: it stands among the deliveries.');
    },
  });
}

async function rotate(path, endpoint) {
  const hours = numberInput(24, {min: 0, max: 168});
  const form = new Form();
  let made = null;
  const isDone = await confirmed('Make another secret?', {
    body: form.field('graceSeconds', 'The one before signs beside it for, hours', hours),
    verb: 'Make it',
    run: async () => {
      made = await write('POST', `${path}/secret/rotate`, {graceSeconds: Math.round(Number(hours.value) * 3600)});
    },
  });
  if (isDone) await showSecret(endpoint.origin, made.secret);
  return isDone;
}

/** Resolves to false: there is nothing left to renew. */
async function remove(path, endpoint) {
  const isDone = await confirmed('Remove this endpoint?', {
    body: el(
      'p',
      'What waits for it, or comes of campaigns that name it, is dropped, and its secret signs nothing any more. ' +
        'Where it is named again, it is made anew.',
    ),
    verb: 'Remove',
    isDanger: true,
    run: async () => {
      const {dropped} = await write('DELETE', path);
      tell(`${endpoint.origin} is removed${dropped ? `: ${many(dropped, 'webhook was', 'webhooks were')} dropped` : ''}.`);
    },
  });
  if (isDone) navigate(href('/webhooks'));
  return false;
}
