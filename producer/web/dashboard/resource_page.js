// SPDX-License-Identifier: Apache-2.0
// One tenant or trunk: how it is, and its limits in a form of which only what was changed is sent.

import {query as queryOf, read, write} from './api.js';
import {el, fill, refill} from './dom.js';
import {Form} from './form.js';
import {tell} from './notice.js';
import {faultBox, pageHead} from './parts.js';
import {href} from './router.js';
import {saving} from './saving.js';
import {activityBadge, stopButton} from './stopping.js';
import {repeat} from './timing.js';

const EVERY_MS = 3000;

/** `kind`: "tenant" or "trunk"; `about(item)` is what stands above the form, `fields(form, item)` gives {node, read()}. */
export async function resourcePage({kind, title, params, query, signal, about, fields}) {
  const path = `/api/v1/admin/${kind}s/${encodeURIComponent(params.id)}${queryOf({cell: query.get('cell')})}`;
  const state = el('div.actions');
  const told = el('div');
  const limits = el('div');
  const show = (item) => {
    refill(state, activityBadge(item), stopButton({[kind]: item.id}, item.state, renew));
    refill(told, about(item));
  };
  const renew = () =>
    read(path, signal)
      .then(show)
      .catch((error) => fill(told, faultBox(error)));
  const item = await read(path, signal);
  show(item);
  limitsForm(limits, path, item, fields, show);
  repeat(
    EVERY_MS,
    signal,
    async () => show(await read(path, signal)),
    (error) => fill(told, faultBox(error)),
  );
  return el(
    'div',
    el('p.crumb', el('a', {href: href(`/${kind}s`)}, title), ' /'),
    pageHead(params.id, null, state),
    told,
    limits,
  );
}

function limitsForm(stage, path, item, fields, show) {
  const form = new Form();
  const {node, read: readFields} = fields(form, item);
  const before = readFields();
  const problems = el('div');
  const save = el('button.primary', {type: 'submit'}, 'Save the changes');

  function changed() {
    const differs = ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]);
    const entries = Object.entries(readFields()).filter(differs);
    return entries.length ? Object.fromEntries(entries) : undefined;
  }

  async function send(change) {
    const saved = await write('PATCH', path, change);
    tell('The limits hold from now on.');
    show(saved);
    limitsForm(stage, path, saved, fields, show);
  }
  fill(
    stage,
    el(
      'form.card',
      {novalidate: true, on: {submit: saving(form, {save, problems, changed, send})}},
      el('h2', 'Limits'),
      node,
      problems,
      el('div.actions.gap-above', save),
    ),
  );
}
