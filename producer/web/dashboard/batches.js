// SPDX-License-Identifier: Apache-2.0
// The tenant's campaigns, newest first: a page of them, kept up to date.

import {query as queryOf, read, send} from './api.js';
import {batchRow} from './batch_row.js';
import {el, fill, refill} from './dom.js';
import {choice, empty, faultBox, pageHead} from './parts.js';
import {href, rememberQuery} from './router.js';
import {eachOf, repeat} from './timing.js';
import {BATCH_STATES, label} from './words.js';

const PAGE = 25;
const EVERY_MS = 3000;
const ASKS_MOST = 10; // of one page: a filter bounds what is looked at for an answer
const AT_ONCE = 3;
const RENEWED = 8; // statuses each time, beside those that were never asked for: a tenant's requests are counted
const FILTERS = ['status', 'tag', 'agentId', 'kind', 'from', 'to'];
const STATES = [['', 'All'], ...BATCH_STATES.map((state) => [state, label(state)])];
const KINDS = [
  ['', 'Campaigns'],
  ['dial', 'Single calls'],
];

export function view(context) {
  return new CampaignList(context).node;
}

class CampaignList {
  constructor({query, session, signal, canWrite}) {
    this.signal = signal;
    this.filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) || '']));
    this.pages = ['']; // the cursor of each page up to the one that is shown
    this.rows = new Map();
    this.asked = 0;
    this.problems = el('div');
    this.list = el('ul.batch-list', {'aria-label': 'Campaigns'});
    this.pager = el('div.actions');
    const add = canWrite && el('a.button.primary', {href: href('/batches/new')}, 'New campaign');
    const head = pageHead('Campaigns', `of ${session.tenant}`, add);
    this.node = el('div', head, this.filterBar(), this.problems, this.list, this.pager);
    repeat(
      EVERY_MS,
      signal,
      () => this.load(),
      (error) => this.fail(error),
    );
  }

  filterBar() {
    return el(
      'div.filters',
      {role: 'search'},
      choice('filter-status', 'State', STATES, this.filters.status, (value) => this.filter('status', value)),
      choice('filter-kind', 'Kind', KINDS, this.filters.kind, (value) => this.filter('kind', value)),
      this.textFilter('tag', 'Tag'),
      this.textFilter('agentId', 'Agent'),
      this.dayFilter('from', 'Created from', 0),
      this.dayFilter('to', 'until', 1),
    );
  }

  textFilter(name, title) {
    const change = (event) => this.filter(name, event.target.value.trim());
    const input = el('input', {id: `filter-${name}`, type: 'search', value: this.filters[name], on: {change}});
    return el('div', el('label', {for: input.id}, title), input);
  }

  /** A day of the reader's calendar; the end of it is the start of the next one. */
  dayFilter(name, title, daysLater) {
    const change = (event) => this.filter(name, startOfDay(event.target.value, daysLater));
    const shown = this.filters[name] && dayOf(this.filters[name], daysLater);
    const input = el('input', {id: `filter-${name}`, type: 'date', value: shown, on: {change}});
    return el('div', el('label', {for: input.id}, title), input);
  }

  filter(name, value) {
    this.filters[name] = value;
    this.pages = [''];
    rememberQuery(this.filters);
    this.loadNow();
  }

  loadNow() {
    this.load().catch((error) => this.fail(error));
  }

  fail(error) {
    if (!this.signal.aborted) fill(this.problems, faultBox(error));
  }

  async load() {
    this.asked += 1;
    const mine = this.asked;
    const {batches, cursor} = await pageOf(this.filters, this.pages.at(-1), this.signal);
    if (mine !== this.asked) return;
    fill(this.problems);
    this.showRows(batches);
    refill(this.pager, this.pagerOf(cursor));
    await eachOf(this.rowsToRenew(batches), AT_ONCE, (row) => this.renew(row));
  }

  /** Those whose status was never told, and those that wait longest for another one. */
  rowsToRenew(batches) {
    const wanting = batches.map((batch) => this.rows.get(batch.batchId)).filter((row) => row.wantsMore());
    const known = wanting.filter((row) => row.toldAt).sort((a, b) => a.toldAt - b.toldAt);
    return [...wanting.filter((row) => !row.toldAt), ...known.slice(0, RENEWED)];
  }

  async renew(row) {
    try {
      row.tell(await read(`/api/v1/batch/${row.batchId}`, this.signal));
    } catch (error) {
      if (error.status !== 404) throw error; // it was removed meanwhile
    }
  }

  /** Rows that stay are changed in their place, so that focus and what is read out stay too. */
  showRows(batches) {
    const ids = new Set(batches.map((batch) => batch.batchId));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.node.remove();
      this.rows.delete(id);
    }
    this.list.querySelectorAll('.nothing').forEach((node) => node.remove());
    if (!batches.length) {
      this.list.append(el('li.card.nothing', empty('No campaign here.', 'None was made yet, or the filters let none by.')));
    }
    batches.forEach((batch, i) => {
      if (!this.rows.has(batch.batchId)) this.rows.set(batch.batchId, batchRow(batch.batchId));
      const row = this.rows.get(batch.batchId);
      row.list(batch);
      if (this.list.children[i] !== row.node) this.list.insertBefore(row.node, this.list.children[i] || null);
    });
  }

  pagerOf(next) {
    const turn = (change) => () => {
      change();
      this.loadNow();
    };
    const {pages} = this;
    return [
      el('button', {type: 'button', disabled: pages.length === 1, on: {click: turn(() => pages.pop())}}, '← Newer'),
      el('span.small.faint', `Page ${pages.length}`),
      el('button', {type: 'button', disabled: !next, on: {click: turn(() => pages.push(next))}}, 'Older →'),
    ];
  }
}

/** A day as an instant. */
function startOfDay(date, daysLater) {
  if (!date) return '';
  const at = new Date(`${date}T00:00:00`);
  at.setDate(at.getDate() + daysLater);
  return at.toISOString();
}

/** And back: "2027-11-16". */
function dayOf(iso, daysLater) {
  const at = new Date(iso);
  at.setDate(at.getDate() - daysLater);
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

/** A page of batches that the filters let by, and the cursor of the next one ('': there is none). */
async function pageOf(filters, from, signal) {
  const batches = [];
  let cursor = from;
  for (let asks = 0; asks < ASKS_MOST; asks += 1) {
    const path = `/api/v1/batch/list${queryOf({...filters, limit: PAGE - batches.length, cursor})}`;
    const answer = await send('GET', path, {signal});
    batches.push(...(await answer.json()));
    cursor = answer.headers.get('X-Next-Cursor') || '';
    if (!cursor || batches.length >= PAGE) break;
  }
  return {batches, cursor};
}
