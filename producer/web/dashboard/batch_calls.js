// SPDX-License-Identifier: Apache-2.0
// The calls of a campaign: filters, a list of any length, and the timeline of the one that is asked for.

import {download} from './api.js';
import {openCall} from './call.js';
import {CallPages} from './call_pages.js';
import {el, fill, setText} from './dom.js';
import {count, duration, instant, many} from './format.js';
import {tell, tellFault} from './notice.js';
import {choice, empty, faultBox} from './parts.js';
import {href, rememberQuery} from './router.js';
import {repeat} from './timing.js';
import {WindowList} from './window_list.js';
import {CALL_STATUSES, ENDED, OUTCOMES, callName, callTone, outcomeColour, outcomeName} from './words.js';

const RENEW_MS = 2500;
const NARROW_PX = 700;
const COLUMNS = [['#', 'c-place'], ['Number', 'c-number'], ['Contact', 'c-name'], ['Status', 'c-status'], ['Outcome', 'c-outcome'],
  ['Attempts', 'c-attempts'], ['Begun', 'c-begun'], ['Talked', 'c-talked'], ['Next attempt', 'c-next']];

export function tabView({batchId, query, signal, first, onStatus}) {
  const filters = {status: query.get('status') || '', outcome: query.get('outcome') || ''};
  const problems = el('div');
  const counted = el('p.small.faint');
  const stage = el('div');
  let pages = null;
  let list = null;
  let status = first;

  const count1 = () => setText(counted, countText(pages, status));
  const changed = () => {
    count1();
    list.refresh();
    stage.classList.toggle('is-empty', pages.total === 0);
  };
  const begin = () => {
    fill(problems);
    pages = new CallPages({batchId, filters: {...filters}, total: status.statistics.total, signal, onChange: changed,
      onError: (error) => fill(problems, faultBox(error))});
    list = new WindowList({label: 'Calls', columns: COLUMNS, rowHeight: (width) => (width < NARROW_PX ? 64 : 44), makeRow: () => makeRow(batchId), showRow, source: pages, signal});
    fill(stage, list.node, el('div.card.when-empty', empty('No call here.', 'The filters let none by.')));
    changed();
  };
  const filtered = (name) => (value) => {
    filters[name] = value;
    rememberQuery(filters);
    begin();
  };
  const open = (callId) => {
    rememberQuery({...filters, call: callId});
    openCall(callId, signal, () => rememberQuery(filters));
  };
  stage.addEventListener('click', (event) => {
    const link = event.target.closest('.window-row')?.querySelector('a[data-call]');
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open(link.dataset.call);
  });

  onStatus((now) => {
    status = now;
    if (pages && now.statistics.total !== pages.whole) {
      pages.batchTotal = now.statistics.total;
      changed();
    }
  });
  begin();
  repeat(RENEW_MS, signal, async () => {
    if (!ENDED.includes(status.status)) await pages.renew();
  }, (error) => fill(problems, faultBox(error)));
  if (query.get('call')) queueMicrotask(() => open(query.get('call')));

  return el('div',
    el('div.filters',
      choice('calls-status', 'Status', [['', 'All'], ...CALL_STATUSES.map((name) => [name, callName(name)])], filters.status, filtered('status')),
      choice('calls-outcome', 'Outcome', [['', 'All'], ...OUTCOMES.map((name) => [name, outcomeName(name)])], filters.outcome, filtered('outcome')),
      el('div.actions.filters-end', exportButton(batchId, filters, 'csv'), exportButton(batchId, filters, 'ndjson'))),
    problems, counted, stage);
}

function countText(pages, status) {
  if (!pages.hasFilter) return many(status.statistics.total, 'call');
  return pages.next === null ? many(pages.known(), 'call') : `${count(pages.known())} calls so far; scroll for more`;
}

function exportButton(batchId, filters, format) {
  const button = el('button', {type: 'button', on: {click: save}}, `Export ${format === 'csv' ? 'CSV' : 'NDJSON'}`);
  async function save() {
    button.disabled = true;
    const told = new URLSearchParams(Object.entries({format, ...filters}).filter(([, value]) => value));
    try {
      await download(`/api/v1/batch/${batchId}/calls/export?${told}`, `${batchId}.${format}`);
      tell('The calls were saved.');
    } catch (error) {
      tellFault(error);
    }
    button.disabled = false;
  }
  return button;
}

/* ---- a row ---- */

function makeRow(batchId) {
  const link = el('a.mono', {'data-call': ''});
  link.dataset.base = href(`/batches/${batchId}/calls`);
  return el('div.window-row', COLUMNS.map(([, style]) => el(`span.${style}`, {role: 'cell'},
    style === 'c-number' ? link : style === 'c-status' ? el('span.badge') : style === 'c-outcome' ? [el('span.swatch', {'aria-hidden': 'true'}), el('span')] : null)));
}

function showRow(node, call, index) {
  const [place, number, name, status, outcome, attempts, begun, talked, next] = node.children;
  setText(place, count(index + 1));
  node.classList.toggle('unknown', !call);
  const link = number.firstChild;
  setText(link, call ? call.phoneNumber : '…');
  link.dataset.call = call?.id || '';
  if (call) link.href = `${link.dataset.base}?call=${call.id}`;
  else link.removeAttribute('href');
  setText(name, call ? call.contactName || call.contactId || '' : '');
  const badge = status.firstChild;
  badge.className = call ? `badge ${callTone(call.status)}` : 'badge idle';
  setText(badge, call ? callName(call.status) : 'Loading');
  const [swatch, said] = outcome.children;
  swatch.style.background = call?.outcome ? outcomeColour(call.outcome) : 'transparent';
  setText(said, call?.outcome ? outcomeName(call.outcome) : '');
  setText(attempts, call?.attempts ? count(call.attempts) : '');
  setText(begun, call?.attempts ? instant(call.createdAt) : '');
  setText(talked, call?.duration ? duration(call.duration) : '');
  setText(next, call?.nextAttemptAt ? instant(call.nextAttemptAt) : '');
}
