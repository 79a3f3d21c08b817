// SPDX-License-Identifier: Apache-2.0
// "Why is my batch not dialing?", answered by the operator for whichever tenant asks.

import {read} from './api.js';
import {el, fill} from './dom.js';
import {Form, textInput} from './form.js';
import {faultBox, pageHead} from './parts.js';
import {rememberQuery} from './router.js';
import {repeat} from './timing.js';
import {whyCard} from './why.js';

const EVERY_MS = 2000;

export function view({query, signal}) {
  const form = new Form();
  const input = textInput(query.get('batch') || '', {required: true, placeholder: 'batch_…'});
  input.classList.add('mono');
  const stage = el('div');
  let asking = null;

  function ask(batchId) {
    asking?.abort();
    asking = new AbortController();
    const until = AbortSignal.any([signal, asking.signal]);
    const card = whyCard();
    fill(stage, card.node);
    repeat(
      EVERY_MS,
      until,
      async () => card.show(await read(`/api/v1/admin/batch/${encodeURIComponent(batchId)}/why`, until)),
      (error) => {
        fill(stage, faultBox(error));
        if (error.status >= 400 && error.status < 500) asking.abort();
      },
    );
  }
  function submitted(event) {
    event.preventDefault();
    const batchId = input.value.trim();
    rememberQuery({batch: batchId});
    if (batchId) ask(batchId);
    else fill(stage);
  }
  if (query.get('batch')) ask(query.get('batch'));
  return el(
    'div',
    pageHead('Why', 'Why a campaign does not dial, or not faster: of whichever tenant.'),
    el(
      'form.card.why-form',
      {on: {submit: submitted}},
      form.field('id', 'Campaign', input),
      el('button.primary', {type: 'submit'}, 'Ask'),
    ),
    stage,
  );
}
