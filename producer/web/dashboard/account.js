// SPDX-License-Identifier: Apache-2.0
// What the tenant may, and what of it is used.

import {read} from './api.js';
import {el, fill} from './dom.js';
import {bytes, count, instant} from './format.js';
import {card, facts, faultBox, pageHead} from './parts.js';
import {repeat} from './timing.js';

const EVERY_MS = 5000;
const QUOTAS = [
  ['batches', 'Campaigns under way', count],
  ['queuedContacts', 'Contacts not done', count],
  ['bytes', 'Memory of those', bytes],
];

export function view({session, signal}) {
  const quotas = el('div');
  repeat(
    EVERY_MS,
    signal,
    async () => fill(quotas, quotaParts(await read('/api/v1/tenant', signal))),
    (error) => fill(quotas, faultBox(error)),
  );
  return el(
    'div',
    pageHead('Account', session.tenant),
    el(
      'div.grid.two',
      card('Quotas', quotas),
      card(
        'Signed in',
        facts([
          ['Tenant', session.tenant],
          ['Role', session.role === 'viewer' ? 'viewer: may look, and change nothing' : 'tenant: may look and change'],
          ['Key', el('span.mono', session.keyId)],
          ['Signed in until', session.expiresAt ? instant(session.expiresAt) : 'the browser ends'],
        ]),
      ),
    ),
  );
}

function quotaParts({quotas}) {
  return [
    ...QUOTAS.map(([name, title, shown]) => {
      const {used, limit} = quotas[name];
      const meter =
        limit !== null &&
        el(
          'div.progress',
          {role: 'meter', 'aria-label': title, 'aria-valuenow': used, 'aria-valuemin': 0, 'aria-valuemax': limit},
          el('span'),
        );
      if (meter) meter.firstChild.style.width = `${Math.min(100, (100 * used) / limit)}%`;
      return el(
        'div.quota',
        el(
          'p',
          el('strong', title),
          ' ',
          el('span.number.faint', `${shown(used)}${limit === null ? ', no limit' : ` of ${shown(limit)}`}`),
        ),
        meter,
      );
    }),
    el('p.small.faint', `${count(quotas.requestsPerSecond.limit)} requests a second.`),
  ];
}
