// SPDX-License-Identifier: Apache-2.0
// The calls of a campaign: filters, a list of any length, and the timeline of the one that is asked for.

import {download, query as queryOf} from './api.js';
import {openCall} from './call.js';
import {CallPages} from './call_pages.js';
import {CALL_COLUMNS, callRowHeight, makeCallRow, showCallRow} from './call_row.js';
import {el, fill, setText} from './dom.js';
import {count, many} from './format.js';
import {tell, tellFault} from './notice.js';
import {choice, empty, faultBox} from './parts.js';
import {rememberQuery} from './router.js';
import {repeat} from './timing.js';
import {WindowList} from './window_list.js';
import {CALL_STATUSES, ENDED, OUTCOMES, callName, outcomeName} from './words.js';

const RENEW_MS = 2500;

export function tabView(context) {
  return new CallsTab(context).node;
}

class CallsTab {
  constructor({batchId, query, signal, first, onStatus}) {
    Object.assign(this, {batchId, signal, status: first});
    this.filters = {status: query.get('status') || '', outcome: query.get('outcome') || ''};
    this.problems = el('div');
    this.counted = el('p.small.faint');
    this.stage = el('div', {on: {click: (event) => this.clicked(event)}});
    this.node = el('div', this.filterBar(), this.problems, this.counted, this.stage);
    this.begin();
    onStatus((status) => this.tell(status));
    const renew = async () => !ENDED.includes(this.status.status) && this.pages.renew();
    repeat(RENEW_MS, signal, renew, (error) => this.fail(error));
    if (query.get('call')) queueMicrotask(() => this.open(query.get('call')));
  }

  filterBar() {
    const statuses = [['', 'All'], ...CALL_STATUSES.map((name) => [name, callName(name)])];
    const outcomes = [['', 'All'], ...OUTCOMES.map((name) => [name, outcomeName(name)])];
    const changed = (name) => (value) => {
      this.filters[name] = value;
      rememberQuery(this.filters);
      this.begin();
    };
    return el(
      'div.filters',
      choice('calls-status', 'Status', statuses, this.filters.status, changed('status')),
      choice('calls-outcome', 'Outcome', outcomes, this.filters.outcome, changed('outcome')),
      el('div.actions.filters-end', this.exportButton('csv', 'CSV'), this.exportButton('ndjson', 'NDJSON')),
    );
  }

  exportButton(format, name) {
    const button = el('button', {type: 'button', on: {click: save}}, `Export ${name}`);
    const path = () => `/api/v1/batch/${this.batchId}/calls/export${queryOf({format, ...this.filters})}`;
    const {batchId} = this;
    async function save() {
      button.disabled = true;
      try {
        await download(path(), `${batchId}.${format}`);
        tell('The calls were saved.');
      } catch (error) {
        tellFault(error);
      }
      button.disabled = false;
    }
    return button;
  }

  /** A list from its beginning, by the filters as they are now. */
  begin() {
    const {batchId, signal} = this;
    fill(this.problems);
    this.pages = new CallPages({
      batchId,
      signal,
      filters: {...this.filters},
      total: this.status.statistics.total,
      onChange: () => this.changed(),
      onError: (error) => this.fail(error),
    });
    this.list = new WindowList({
      signal,
      label: 'Calls',
      columns: CALL_COLUMNS,
      rowHeight: callRowHeight,
      makeRow: () => makeCallRow(batchId),
      showRow: showCallRow,
      source: this.pages,
    });
    fill(this.stage, this.list.node, el('div.card.when-empty', empty('No call here.', 'The filters let none by.')));
    this.changed();
  }

  changed() {
    setText(this.counted, this.countText());
    this.stage.classList.toggle('is-empty', this.pages.total === 0);
    this.list.refresh();
  }

  countText() {
    const {pages, status} = this;
    if (!pages.hasFilter) return many(status.statistics.total, 'call');
    return pages.next === null ? many(pages.known(), 'call') : `${count(pages.known())} calls so far; scroll for more`;
  }

  tell(status) {
    this.status = status;
    if (status.statistics.total === this.pages.whole) return;
    this.pages.batchTotal = status.statistics.total;
    this.changed();
  }

  fail(error) {
    fill(this.problems, faultBox(error));
  }

  /** A click anywhere in a row opens its call; one that wants another tab follows the link. */
  clicked(event) {
    const link = event.target.closest('.window-row')?.querySelector('a[data-call]');
    if (!link?.dataset.call || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.open(link.dataset.call);
  }

  open(callId) {
    rememberQuery({...this.filters, call: callId});
    openCall(callId, this.signal, () => this.signal.aborted || rememberQuery(this.filters));
  }
}
