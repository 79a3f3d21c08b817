// SPDX-License-Identifier: Apache-2.0
// What may be done with a campaign in its state. Each is asked about before, and its failure shown where it was asked.

import {freshKey, write} from './api.js';
import {confirmed} from './dialog.js';
import {el} from './dom.js';
import {count, many} from './format.js';
import {tell} from './notice.js';
import {swatch} from './parts.js';
import {href, navigate} from './router.js';
import {ENDED, OUTCOMES, REDIALED, outcomeColour, outcomeName} from './words.js';

export function batchActions(batchId, status) {
  const state = status.status;
  const actions = [];
  const add = (name, run, style = '') => actions.push(el(`button${style}`, {type: 'button', on: {click: run}}, name));
  if (state === 'draft') add('Start', () => startDraft(batchId, status), '.primary');
  if (['scheduled', 'pending', 'processing'].includes(state)) add('Pause', () => pause(batchId));
  if (state === 'paused') add('Resume', () => resume(batchId, status), '.primary');
  if (!ENDED.includes(state)) add('Cancel', () => cancel(batchId, status), '.danger');
  if (ENDED.includes(state)) {
    add('Call again…', () => redial(batchId, status));
    add('Remove', () => remove(batchId), '.danger');
  }
  return actions;
}

const path = (batchId, verb) => `/api/v1/batch/${batchId}/${verb}`;

function startDraft(batchId, status) {
  return confirmed('Start this campaign?', {
    body: el(
      'p',
      `${many(status.statistics.total, 'contact')} will be called, at up to ${status.maxCallsPerSecond} calls a second.`,
    ),
    verb: 'Start calling',
    run: async () => tell((await write('POST', path(batchId, 'start'))).message),
  });
}

function pause(batchId) {
  return confirmed('Pause this campaign?', {
    body: el('p', 'No new call begins. Calls on the line come to their end, and retries wait.'),
    verb: 'Pause',
    run: async () => tell((await write('POST', path(batchId, 'pause'))).message),
  });
}

function resume(batchId, status) {
  const was = status.reason === 'poison' ? ` It paused itself since its calls were refused: ${status.refusal}.` : '';
  return confirmed('Resume this campaign?', {
    body: el('p', `Calls begin again, at up to ${status.maxCallsPerSecond} a second.${was}`),
    verb: 'Resume',
    run: async () => tell((await write('POST', path(batchId, 'resume'))).message),
  });
}

function cancel(batchId, status) {
  const hangUp = el('input', {type: 'checkbox', id: 'hang-up'});
  return confirmed('Cancel this campaign?', {
    body: [
      el(
        'p',
        `${many(status.statistics.pending, 'contact')} without an outcome will not be called any more. This cannot be undone.`,
      ),
      el('label.check', {for: 'hang-up'}, hangUp, `Hang up the calls on the line too (${count(status.ongoing)} now)`),
    ],
    verb: 'Cancel the campaign',
    isDanger: true,
    run: async () => {
      const answer = await write('POST', path(batchId, 'cancel'), {cancelInFlight: hangUp.checked});
      tell([answer.message, ...(answer.warnings || []).map((warning) => warning.message)].join(' '));
    },
  });
}

async function redial(batchId, status) {
  const offered = OUTCOMES.filter((outcome) => outcome !== 'COMPLETED' && status.outcomes[outcome] > 0);
  if (!offered.length) return tell('Every contact of this campaign was spoken to: there is nobody to call again.');
  const boxes = offered.map((outcome) =>
    el('input', {type: 'checkbox', value: outcome, id: `redial-${outcome}`, checked: REDIALED.includes(outcome)}),
  );
  const key = freshKey();
  let made = '';
  const isDone = await confirmed('Call again', {
    body: el(
      'fieldset',
      el('legend', 'A new campaign of the contacts that ended with'),
      boxes.map((box, i) =>
        el(
          'label.check',
          {for: box.id},
          box,
          swatch(outcomeColour(offered[i])),
          `${outcomeName(offered[i])} (${count(status.outcomes[offered[i]])})`,
        ),
      ),
    ),
    verb: 'Start calling',
    run: async () => {
      const outcomes = boxes.filter((box) => box.checked).map((box) => box.value);
      made = (await write('POST', path(batchId, 'redial'), {outcomes}, {'Idempotency-Key': key})).batchId;
    },
  });
  if (isDone) navigate(href(`/batches/${made}`));
  return isDone;
}

async function remove(batchId) {
  const isDone = await confirmed('Remove this campaign?', {
    body: el('p', 'It and all that it holds is gone at once, its calls and their contacts among them. This cannot be undone.'),
    verb: 'Remove',
    isDanger: true,
    run: () => write('DELETE', `/api/v1/batch/${batchId}`),
  });
  if (isDone) navigate(href('/batches'));
}
