// SPDX-License-Identifier: Apache-2.0
// One tenant, for the operator.

import {el} from './dom.js';
import {listOf, numberInput, numberOf, textInput, textOf} from './form.js';
import {duration} from './format.js';
import {card, facts, when} from './parts.js';
import {resourcePage} from './resource_page.js';

const FIELDS = [
  ['cps', 'Calls a second', '', 'Over all its trunks.'],
  ['maxConcurrent', 'Calls at a time', 'no limit'],
  ['weight', 'Share', '1', 'Of a trunk, beside other tenants.'],
  ['credits', 'Credit, seconds', 'no limit'],
  ['keepDays', 'Campaigns are kept, days', '30'],
  ['maxRequestsPerSecond', 'Requests a second', 'the servers’ default'],
  ['maxBatches', 'Campaigns under way', 'the servers’ default'],
  ['maxQueuedContacts', 'Contacts not done', 'the servers’ default'],
  ['maxBytes', 'Bytes of those', 'the servers’ default'],
];

export function view(context) {
  return resourcePage({...context, kind: 'tenant', title: 'Tenants', about: tenantFacts, fields: tenantFields});
}

function tenantFacts(tenant) {
  const window = tenant.callingWindow;
  return card(
    null,
    facts([
      ['Cell', tenant.cell],
      tenant.stoppedAt && ['Stopped', when(tenant.stoppedAt)],
      [
        'Credit',
        tenant.credits === null
          ? 'no limit'
          : `${duration(tenant.credits)}, of which ${duration(tenant.reservedCredits)} are held by calls on the line`,
      ],
      ['Calls between', window ? `${window.start} and ${window.end}` : 'any time, where a campaign names none'],
      ['Created', when(tenant.createdAt)],
    ]),
  );
}

function tenantFields(form, tenant) {
  const numbers = FIELDS.map(([name, , placeholder]) =>
    numberInput(tenant[name], {min: name === 'credits' ? 0 : 1, placeholder}),
  );
  const trunks = textInput(tenant.trunks.join(', '));
  const alias = textInput(tenant.alias);
  const zone = textInput(tenant.timezone, {placeholder: 'UTC'});
  return {
    node: el(
      'div.form-grid',
      FIELDS.map(([name, title, , note], i) => form.field(name, title, numbers[i], {note})),
      form.field('trunks', 'Trunks', trunks, {note: 'Its default first, with commas between them.'}),
      form.field('alias', 'Alias', alias, {note: 'What its clients may also say for userId.'}),
      form.field('timezone', 'Time zone', zone),
    ),
    read: () => ({
      ...Object.fromEntries(FIELDS.map(([name], i) => [name, numberOf(numbers[i]) ?? null])),
      trunks: listOf(trunks) ?? [],
      alias: textOf(alias) ?? null,
      timezone: textOf(zone) ?? null,
    }),
  };
}
