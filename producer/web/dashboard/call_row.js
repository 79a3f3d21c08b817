// SPDX-License-Identifier: Apache-2.0
// A row of the list of calls. It is made once and shows one call after the other.

import {el, setText} from './dom.js';
import {count, duration, instant} from './format.js';
import {href} from './router.js';
import {callName, callTone, outcomeColour, outcomeName} from './words.js';

const NARROW_PX = 700; // as in views.css: two lines a row
const HEIGHT_PX = 44;
const NARROW_HEIGHT_PX = 64;

export const CALL_COLUMNS = [
  ['#', 'c-place'],
  ['Number', 'c-number'],
  ['Contact', 'c-name'],
  ['Status', 'c-status'],
  ['Outcome', 'c-outcome'],
  ['Attempts', 'c-attempts'],
  ['Begun', 'c-begun'],
  ['Talked', 'c-talked'],
  ['Next attempt', 'c-next'],
];

export function callRowHeight(width) {
  return width <= NARROW_PX ? NARROW_HEIGHT_PX : HEIGHT_PX;
}

export function makeCallRow(batchId) {
  const inside = {
    'c-number': () => el('a.mono', {'data-call': '', 'data-base': href(`/batches/${batchId}/calls`)}),
    'c-status': () => el('span.badge'),
    'c-outcome': () => [el('span.swatch', {'aria-hidden': 'true'}), el('span')],
  };
  return el(
    'div.window-row',
    CALL_COLUMNS.map(([, style]) => el(`span.${style}`, {role: 'cell'}, inside[style]?.())),
  );
}

export function showCallRow(node, call, index) {
  const [place, number, name, status, outcome, attempts, begun, talked, next] = node.children;
  node.classList.toggle('unknown', !call);
  setText(place, count(index + 1));
  showNumber(number.firstChild, call);
  showStatus(status.firstChild, call);
  showOutcome(...outcome.children, call?.outcome);
  setText(name, call?.contactName || call?.contactId || '');
  setText(attempts, call?.attempts ? count(call.attempts) : '');
  setText(begun, call?.attempts ? instant(call.createdAt) : '');
  setText(talked, call?.duration ? duration(call.duration) : '');
  setText(next, call?.nextAttemptAt ? instant(call.nextAttemptAt) : '');
}

function showNumber(link, call) {
  setText(link, call ? call.phoneNumber : '…');
  link.dataset.call = call?.id || '';
  if (call) link.href = `${link.dataset.base}?call=${call.id}`;
  else link.removeAttribute('href');
}

function showStatus(badge, call) {
  badge.className = call ? `badge ${callTone(call.status)}` : 'badge idle';
  setText(badge, call ? callName(call.status) : 'Loading');
}

function showOutcome(swatch, said, outcome) {
  swatch.style.background = outcome ? outcomeColour(outcome) : 'transparent';
  setText(said, outcome ? outcomeName(outcome) : '');
}
