// SPDX-License-Identifier: Apache-2.0
// A secret that is shown this once.

import {confirmed} from './dialog.js';
import {el} from './dom.js';

export function showSecret(of, secret) {
  const field = el('input.mono', {
    type: 'text',
    readonly: true,
    value: secret,
    'aria-label': 'Secret',
    on: {focus: () => field.select()},
  });
  return confirmed('Its secret', {
    body: [
      el('p', `What is sent to ${of} is signed with this secret. It is shown this once: keep it now.`),
      el('div.gap-above', field),
    ],
    verb: 'I have it',
    run: async () => {},
  });
}
