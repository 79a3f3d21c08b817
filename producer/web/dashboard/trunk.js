// SPDX-License-Identifier: Apache-2.0
// One trunk, for the operator.

import {el} from './dom.js';
import {listOf, numberInput, numberOf, textInput} from './form.js';
import {card, facts, when} from './parts.js';
import {resourcePage} from './resource_page.js';
import {breakerBadge, breakerHint} from './trunk_breaker.js';

const FIELDS = [
  ['cps', 'Calls a second', ''],
  ['maxConcurrent', 'Calls at a time', 'no limit'],
  ['pollAfterMs', 'A silent call is looked up after, ms', 'as is usual'],
  ['lookupAbsentAfterMs', 'Lookups that find nothing lie apart, ms', '60000'],
  ['breakerPercent', 'Breaker: failed requests, percent', '50', '0: it never opens.'],
  ['breakerMinimum', 'Breaker: of how many at least', '20'],
];
const ACCOUNT = 'It stopped by itself: the platform refused its account. Put the credential right, then start it.';

export function view(context) {
  return resourcePage({...context, kind: 'trunk', title: 'Trunks', about: trunkFacts, fields: trunkFields});
}

function trunkFacts(trunk) {
  return [
    breakerHint(trunk),
    trunk.state === 'stopped' && trunk.reason === 'account' && el('p.hint.warn', ACCOUNT),
    card(
      null,
      facts([
        ['Breaker', breakerBadge(trunk)],
        ['Platform', trunk.profile],
        trunk.baseUrl && ['Where', el('span.mono', trunk.baseUrl)],
        ['Credential', trunk.credential],
        [
          'Variables',
          Object.entries(trunk.variables ?? {})
            .map(([name, value]) => `${name}=${value}`)
            .join(', ') || 'none',
        ],
        ['Cell', trunk.cell],
        trunk.stoppedAt && ['Stopped', when(trunk.stoppedAt)],
        ['Created', when(trunk.createdAt)],
      ]),
    ),
  ];
}

function trunkFields(form, trunk) {
  const numbers = FIELDS.map(([name, , placeholder]) =>
    numberInput(trunk[name], {min: name === 'breakerPercent' ? 0 : 1, placeholder}),
  );
  const callers = textInput(trunk.callerIds.join(', '));
  return {
    node: el(
      'div.form-grid',
      FIELDS.map(([name, title, , note], i) => form.field(name, title, numbers[i], {note})),
      form.field('callerIds', 'Called from', callers, {note: 'Numbers, with commas between them.', wide: true}),
    ),
    read: () => ({
      ...Object.fromEntries(FIELDS.map(([name], i) => [name, numberOf(numbers[i]) ?? null])),
      callerIds: listOf(callers) ?? [],
    }),
  };
}
