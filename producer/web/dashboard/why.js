// SPDX-License-Identifier: Apache-2.0
// What holds a batch back, rendered for people: the verdict in a sentence, then every level from the cell to its calls.

import {el, fill, refill} from './dom.js';
import {count, instant, relative} from './format.js';
import {badge, faultBox} from './parts.js';
import {label} from './words.js';

// What is as it should be: calls go out, as fast as they may.
const WELL = [
  'RUNNING',
  'BATCH_COMPLETED',
  'CALLS_LIVE',
  'CALLS_CLAIMED',
  'CALLS_ENDED',
  'BATCH_RATE',
  'TENANT_RATE',
  'TRUNK_RATE',
];
const SOON_MS = 5000;
const INSTANT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const LEVELS = {cell: 'Cell', trunk: 'Trunk', tenant: 'Tenant', flow: 'Turn', batch: 'Campaign', calls: 'Calls'};

/** A card that shows an answer of the why route, and the next one in its place. */
export function whyCard() {
  const body = el('div');
  const node = el('section.card.why', {'aria-label': 'What holds it back'}, body);
  let said = '';
  return {
    node,
    show(why) {
      const text = JSON.stringify([why.verdict, why.chain]);
      if (text === said) return;
      said = text;
      refill(body, whyParts(why));
    },
    fail(error) {
      said = '';
      fill(body, faultBox(error));
    },
  };
}

function whyParts(why) {
  const {verdict} = why;
  const isWell = WELL.includes(verdict.code);
  return [
    el(
      'div.card-head',
      el('h2', 'Why'),
      badge(isWell ? 'good' : 'warn', label(verdict.code)),
      el('span.small.faint', `as of ${instant(why.asOf)}`),
    ),
    el('p.why-verdict', inOurTime(verdict.message)),
    endOf(verdict) && el('p.small.faint', endOf(verdict)),
    el('details', el('summary.small', 'Level by level'), el('ol.why-chain', why.chain.map(levelOf))),
  ];
}

function endOf({until, untilEvent}) {
  if (until && Date.parse(until) - Date.now() < SOON_MS) return '';
  if (until) return `Until ${instant(until)} (${relative(until)}).`;
  return untilEvent ? `Until ${untilEvent}.` : '';
}

/** A sentence of the producer's with its instants on the reader's clock. */
function inOurTime(message) {
  return message.replace(INSTANT, instant);
}

function levelOf({level, id, reasons, counts}) {
  const holding = reasons.some((reason) => reason.holds);
  return el(
    holding ? 'li.holds' : 'li',
    el('strong', LEVELS[level] || level),
    ' ',
    id && el('span.mono.faint', id),
    counts &&
      el(
        'p.small.faint',
        Object.entries(counts)
          .map(([name, n]) => `${count(n)} ${name}`)
          .join(' · '),
      ),
    reasons.length === 0 && !counts && el('span.small.faint', ' nothing here holds it back'),
    reasons.map((reason) => el('p.small', inOurTime(reason.message), ' ', el('span.faint', endOf(reason)))),
  );
}
