// SPDX-License-Identifier: Apache-2.0
// The deliveries of a webhook endpoint, and the attempts of each.

import {query, read, write} from './api.js';
import {openDialog} from './dialog.js';
import {el, fill} from './dom.js';
import {instant, milliseconds} from './format.js';
import {tell} from './notice.js';
import {badge, choice, empty, facts, faultBox, table, when} from './parts.js';
import {label} from './words.js';

const PAGE = 50;
const roomy = (name) => ({name, roomy: true});
const COLUMNS = ['Event', 'State', ...['Attempts', 'Created', 'Next attempt', 'Last answer'].map(roomy), ''];
const STATES = ['pending', 'in_flight', 'retrying', 'delivered', 'dead'];
const TONES = {pending: 'info', in_flight: 'info', retrying: 'warn', delivered: 'good', dead: 'bad'};
const TRIGGERS = {schedule: 'by schedule', manual: 'asked for', test: 'a test', recover: 'recovered'};

export function deliveryList(endpointId, signal, canWrite) {
  const stage = el('div');
  const more = el('div.actions');
  const rows = [];
  let state = '';

  async function load(cursor) {
    if (!cursor) rows.length = 0;
    try {
      let next = cursor;
      let found = 0;
      do {
        // a page may hold none and still have a next one
        const answer = await read(
          `/api/v1/webhooks/deliveries${query({endpoint: endpointId, state, limit: PAGE, cursor: next})}`,
          signal,
        );
        rows.push(...answer.deliveries);
        found += answer.deliveries.length;
        next = answer.nextCursor;
      } while (next && found < PAGE);
      fill(
        stage,
        rows.length
          ? deliveryTable(rows, (id) => openDelivery(id, signal, canWrite))
          : empty('No delivery here.', 'Nothing was sent, or the state lets none by.'),
      );
      fill(more, next && el('button', {type: 'button', on: {click: () => load(next)}}, 'Show more'));
    } catch (error) {
      if (!signal.aborted) fill(stage, faultBox(error));
    }
  }
  load('');
  return el(
    'section.card.flush',
    el(
      'div.card-head',
      el('h2', 'Deliveries'),
      choice('delivery-state', 'State', [['', 'All'], ...STATES.map((name) => [name, label(name)])], '', (value) => {
        state = value;
        load('');
      }),
      el('button', {type: 'button', on: {click: () => load('')}}, 'Refresh'),
    ),
    stage,
    more,
  );
}

function deliveryTable(rows, open) {
  return table(
    COLUMNS,
    rows.map((row) => [
      row.event,
      badge(TONES[row.state] || 'idle', label(row.state)),
      String(row.attempts),
      when(row.createdAt),
      row.nextAttemptAt ? when(row.nextAttemptAt) : '',
      row.lastCode ? label(row.lastCode) : '',
      el('button.plain', {type: 'button', 'aria-label': `Attempts of ${row.id}`, on: {click: () => open(row.id)}}, 'Attempts'),
    ]),
  );
}

async function openDelivery(id, signal, canWrite) {
  const body = el('div.dialog-body', el('p.faint', 'Loading…'));
  openDialog('Delivery', body, {wide: true}).dialog.classList.add('call-dialog');
  try {
    const delivery = await read(`/api/v1/webhooks/deliveries/${encodeURIComponent(id)}`, signal);
    fill(body, deliveryParts(delivery, canWrite));
  } catch (error) {
    if (!signal.aborted) fill(body, faultBox(error));
  }
}

function deliveryParts(delivery, canWrite) {
  return [
    el('p.call-title', el('strong', delivery.event), badge(TONES[delivery.state] || 'idle', label(delivery.state))),
    delivery.hint && el('p.hint.warn', delivery.hint),
    facts([
      ['Webhook id', el('span.mono', delivery.webhookId)],
      delivery.callId && ['Call', el('span.mono', delivery.callId)],
      ['Created', when(delivery.createdAt)],
      delivery.nextAttemptAt && ['Next attempt', when(delivery.nextAttemptAt)],
      delivery.endedAt && ['Ended', when(delivery.endedAt)],
      delivery.reason && ['Given up', label(delivery.reason)],
    ]),
    canWrite && ['dead', 'delivered'].includes(delivery.state) && el('div.actions.gap-above', redeliverButton(delivery.id)),
    el('h3.call-heading', 'Attempts'),
    delivery.log.length ? el('ol.timeline', delivery.log.map(attemptOf)) : el('p.faint', 'None is known.'),
  ];
}

function redeliverButton(id) {
  const button = el('button', {type: 'button', on: {click: send}}, 'Send it again');
  async function send() {
    button.disabled = true;
    try {
      await write('POST', `/api/v1/webhooks/deliveries/${encodeURIComponent(id)}/redeliver`);
      tell('It is sent again.');
    } catch (error) {
      button.after(faultBox(error));
    }
  }
  return button;
}

function attemptOf(attempt) {
  const {dnsMs, connectMs, tlsMs, firstByteMs} = attempt.phases;
  const phases = [
    ['name', dnsMs],
    ['connection', connectMs],
    ['TLS', tlsMs],
    ['first byte', firstByteMs],
  ].filter(([, ms]) => ms !== null);
  return el(
    'li',
    el(
      'p',
      el('strong', `Attempt ${attempt.attempt}`),
      ` · ${instant(attempt.startedAt)} · ${TRIGGERS[attempt.trigger] || attempt.trigger}`,
    ),
    el(
      'p.small',
      attempt.httpStatus ? `HTTP ${attempt.httpStatus}` : label(attempt.code),
      ` after ${milliseconds(attempt.durationMs)}`,
    ),
    phases.length > 0 && el('p.small.faint', phases.map(([name, ms]) => `${name} at ${ms} ms`).join(', ')),
    attempt.hint && el('p.small.faint', attempt.hint),
  );
}
