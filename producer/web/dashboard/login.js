// SPDX-License-Identifier: Apache-2.0
// The way in: an API key, which the producer turns into a cookie that no script can read.

import {ask} from './api.js';
import {el, fill} from './dom.js';
import {faultBox} from './parts.js';

/** The view of the login; `onSession` is called once there is a session. */
export function loginView(onSession) {
  const problems = el('div');
  const input = el('input.mono', {
    id: 'key',
    name: 'key',
    type: 'password',
    autocomplete: 'current-password',
    spellcheck: 'false',
    required: true,
    placeholder: 'crl_…',
  });
  const button = el('button.primary', {type: 'submit'}, 'Sign in');
  const form = el(
    'form',
    {on: {submit: submitted}},
    problems,
    el('label', {for: 'key'}, 'API key'),
    input,
    el(
      'p.field-note',
      'A tenant’s, a viewer’s or an operator’s. It is kept as a cookie that scripts cannot read, for 12 hours.',
    ),
    button,
  );

  async function submitted(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      await ask('POST', '/dashboard/session', {body: {key: input.value.trim()}});
      onSession();
    } catch (error) {
      fill(
        problems,
        faultBox(error.status === 401 ? {message: 'This key is not known, or is over.', code: error.code} : error),
      );
      input.select();
    } finally {
      button.disabled = false;
    }
  }

  queueMicrotask(() => input.focus());
  return el(
    'div.login',
    el('img', {src: '/dashboard/icon.svg', alt: '', width: 48, height: 48}),
    el('h1', 'Carillon'),
    el('p.faint', 'Campaigns of telephone calls'),
    form,
  );
}
