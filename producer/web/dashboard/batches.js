// SPDX-License-Identifier: Apache-2.0
// The tenant's campaigns, newest first: a page of them, kept up to date.

import {query as queryOf, read, send} from './api.js';
import {batchRow} from './batch_row.js';
import {el, fill} from './dom.js';
import {choice, empty, faultBox, pageHead} from './parts.js';
import {href, rememberQuery} from './router.js';
import {eachOf, repeat} from './timing.js';
import {BATCH_STATES, label} from './words.js';

const PAGE = 25;
const EVERY_MS = 3000;
const ASKS_MOST = 10; // of one page: a filter bounds what is looked at for an answer
const AT_ONCE = 3;

const KINDS = [
  ['', 'Campaigns'],
  ['dial', 'Single calls'],
];

export function view({query, session, signal, canWrite}) {
  const filters = Object.fromEntries(
    ['status', 'tag', 'agentId', 'kind', 'from', 'to'].map((name) => [name, query.get(name) || '']),
  );
  const pages = ['']; // the cursor of each page up to the one that is shown
  const problems = el('div');
  const list = el('ul.batch-list', {'aria-label': 'Campaigns'});
  const pager = el('div.actions');
  const rows = new Map();
  let asking = 0;

  const load = async () => {
    asking += 1;
    const mine = asking;
    const {batches, cursor} = await pageOf(filters, pages.at(-1), signal);
    if (mine !== asking) return;
    fill(problems);
    showRows(list, rows, batches);
    fill(pager, pagerOf(pages, cursor, turned));
    await eachOf(
      batches.filter((batch) => rows.get(batch.batchId).wantsMore(batch)),
      AT_ONCE,
      async ({batchId}) => {
        const status = await read(`/api/v1/batch/${batchId}`, signal).catch((error) =>
          error.status === 404 ? null : Promise.reject(error),
        );
        if (status) rows.get(batchId)?.tell(status);
      },
    );
  };
  const shown = (error) => fill(problems, faultBox(error));
  const turned = () => load().catch(shown);
  const changed = (name) => (value) => {
    filters[name] = value;
    pages.length = 1;
    rememberQuery(filters);
    turned();
  };

  repeat(EVERY_MS, signal, load, shown);
  return el(
    'div',
    pageHead(
      'Campaigns',
      `of ${session.tenant}`,
      canWrite && el('a.button.primary', {href: href('/batches/new')}, 'New campaign'),
    ),
    filterBar(filters, changed),
    problems,
    list,
    pager,
  );
}

function filterBar(filters, changed) {
  const text = (name, title, type = 'search') =>
    el(
      'div',
      el('label', {for: `filter-${name}`}, title),
      el('input', {
        id: `filter-${name}`,
        type,
        value: filters[name].slice(0, type === 'date' ? 10 : undefined),
        on: {
          change: (event) =>
            changed(name)(type === 'date' ? startOfDay(event.target.value, name === 'to') : event.target.value.trim()),
        },
      }),
    );
  return el(
    'div.filters',
    {role: 'search'},
    choice(
      'filter-status',
      'State',
      [['', 'All'], ...BATCH_STATES.map((state) => [state, label(state)])],
      filters.status,
      changed('status'),
    ),
    choice('filter-kind', 'Kind', KINDS, filters.kind, changed('kind')),
    text('tag', 'Tag'),
    text('agentId', 'Agent'),
    text('from', 'Created from', 'date'),
    text('to', 'until', 'date'),
  );
}

/** A day of the reader's calendar as an instant; the end of it is the start of the next one. */
function startOfDay(date, isEnd) {
  if (!date) return '';
  const at = new Date(`${date}T00:00:00`);
  if (isEnd) at.setDate(at.getDate() + 1);
  return at.toISOString();
}

/** A page of batches that the filters let by, and the cursor of the next one ('': there is none). */
async function pageOf(filters, from, signal) {
  const batches = [];
  let cursor = from;
  for (let asks = 0; asks < ASKS_MOST; asks += 1) {
    const answer = await send('GET', `/api/v1/batch/list${queryOf({...filters, limit: PAGE - batches.length, cursor})}`, {
      signal,
    });
    batches.push(...(await answer.json()));
    cursor = answer.headers.get('X-Next-Cursor') || '';
    if (!cursor || batches.length >= PAGE) break;
  }
  return {batches, cursor};
}

/** Rows that stay are changed in their place, so that focus and what is read out stay too. */
function showRows(list, rows, batches) {
  const ids = new Set(batches.map((batch) => batch.batchId));
  for (const [id, row] of rows) {
    if (ids.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  if (!batches.length)
    return fill(list, el('li.card', empty('No campaign here.', 'None was made yet, or the filters let none by.')));
  list.querySelectorAll('.empty').forEach((node) => node.parentNode.remove());
  batches.forEach((batch, i) => {
    if (!rows.has(batch.batchId)) rows.set(batch.batchId, batchRow(batch.batchId));
    const row = rows.get(batch.batchId);
    row.list(batch);
    if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
  });
  return list;
}

function pagerOf(pages, next, turned) {
  const turn = (change) => () => {
    change();
    turned();
  };
  return [
    el('button', {type: 'button', disabled: pages.length === 1, on: {click: turn(() => pages.pop())}}, '← Newer'),
    el('span.small.faint', `Page ${pages.length}`),
    el('button', {type: 'button', disabled: !next, on: {click: turn(() => pages.push(next))}}, 'Older →'),
  ];
}
