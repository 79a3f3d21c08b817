// SPDX-License-Identifier: Apache-2.0
// The options of a campaign as they stand, and changing them: only what was changed is sent, and only if nobody else was faster.

import {ask, send} from './api.js';
import {el, fill} from './dom.js';
import {Form} from './form.js';
import {tell} from './notice.js';
import {changeOf, optionsForm} from './options_form.js';
import {faultBox} from './parts.js';
import {saving} from './saving.js';

const CHANGEABLE = ['scheduled', 'pending', 'processing', 'paused'];

export function tabView({batchId, signal, first, canWrite, onStatus}) {
  const stage = el('div');
  let isOpen = CHANGEABLE.includes(first.status);

  async function load() {
    const answer = await send('GET', `/api/v1/batch/${batchId}`, {signal});
    const {options} = await answer.json();
    fill(stage, settingsForm(batchId, options, answer.headers.get('ETag'), canWrite && isOpen, load));
  }
  onStatus(({status}) => {
    const is = CHANGEABLE.includes(status);
    if (is === isOpen) return;
    isOpen = is;
    load().catch((error) => fill(stage, faultBox(error)));
  });
  load().catch((error) => fill(stage, faultBox(error)));
  return stage;
}

function settingsForm(batchId, options, etag, mayChange, onSaved) {
  const form = new Form();
  const fields = optionsForm(form, options);
  const before = fields.read();
  const problems = el('div');
  const save = el('button.primary', {type: 'submit'}, 'Save the changes');

  const changed = () => changeOf(before, fields.read());

  async function sendChange(options) {
    const answer = await ask('PATCH', `/api/v1/batch/${batchId}`, {body: {options}, headers: {'If-Match': etag}});
    tell([answer.message, ...answer.warnings.map((warning) => warning.message)].join(' '));
    await onSaved();
  }

  return el(
    'form',
    {novalidate: true, on: {submit: saving(form, {save, problems, changed, send: sendChange})}},
    el('fieldset', {disabled: !mayChange}, fields.node),
    problems,
    mayChange
      ? el('div.actions.submit-row', save)
      : el('p.faint', 'They can be changed while the campaign is scheduled, runs or is paused.'),
  );
}
