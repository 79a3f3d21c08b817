// SPDX-License-Identifier: Apache-2.0
// The calls of a batch as far as they are needed: pages by the API's cursors, which lead from one page to the next only. Pages far
// from what is looked at are forgotten but for their cursor.

import {query, read} from './api.js';

const PAGE = 1000;
const PAGES_KEPT = 120; // some 40 MB

export class CallPages {
  /** `onChange` is called when items came; `onError` with what kept them from coming. */
  constructor({batchId, filters, total, signal, onChange, onError}) {
    Object.assign(this, {batchId, filters, signal, onChange, onError});
    this.hasFilter = Boolean(filters.status || filters.outcome);
    this.whole = total;
    this.pages = []; // {cursor, start, count, rows}
    this.next = ''; // the cursor behind the last page; null: there is nothing behind it
    this.wanted = [0, 0];
    this.isReading = false;
  }

  /** How many rows there are, as far as is known: with a filter one more while there may be any. */
  get total() {
    if (!this.hasFilter) return this.whole;
    return this.known() + (this.next === null ? 0 : 1);
  }

  set batchTotal(total) {
    if (total > this.whole && this.next === null) this.next = this.pages.pop()?.cursor ?? '';
    this.whole = total;
  }

  known() {
    const last = this.pages.at(-1);
    return last ? last.start + last.count : 0;
  }

  pageOf(index) {
    let low = 0;
    let high = this.pages.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const page = this.pages[middle];
      if (index < page.start) high = middle - 1;
      else if (index >= page.start + page.count) low = middle + 1;
      else return page;
    }
    return null;
  }

  get(index) {
    const page = this.pageOf(index);
    return page?.rows?.[index - page.start];
  }

  need(first, last) {
    this.wanted = [first, last];
    if (!this.isReading) this.readWanted();
  }

  /** Reads until what is wanted, which may change meanwhile, is there. */
  async readWanted() {
    this.isReading = true;
    try {
      for (let page = this.missing(); page && !this.signal.aborted; page = this.missing()) {
        await this.readPage(page);
        this.forget();
        this.onChange();
      }
    } catch (error) {
      if (!this.signal.aborted) this.onError(error);
    } finally {
      this.isReading = false;
    }
  }

  /** The page to read next for what is wanted; null: nothing is missing. */
  missing() {
    const [first, last] = this.wanted;
    for (let i = first; i < Math.min(last, this.known()); i += 1) {
      const page = this.pageOf(i);
      if (page && !page.rows) return page;
      if (page) i = page.start + page.count - 1;
    }
    const isBehind = last > this.known() || this.known() === 0;
    return isBehind && this.next !== null ? {cursor: this.next, start: this.known(), isNew: true} : null;
  }

  async readPage(page) {
    const path = `/api/v1/batch/${this.batchId}/calls${query({...this.filters, limit: PAGE, cursor: page.cursor})}`;
    const answer = await read(path, this.signal);
    page.rows = answer.calls;
    if (!page.isNew) return;
    page.count = answer.calls.length;
    page.isNew = false;
    this.next = answer.nextCursor;
    this.pages.push(page);
  }

  forget() {
    const kept = this.pages.filter((page) => page.rows);
    const middle = (this.wanted[0] + this.wanted[1]) / 2;
    kept.sort((a, b) => Math.abs(a.start - middle) - Math.abs(b.start - middle));
    kept.slice(PAGES_KEPT).forEach((page) => {
      page.rows = null;
    });
  }

  /** Reads the pages in sight again, since calls go on; their rows stay until the new ones are there. */
  async renew() {
    if (this.isReading || this.hasFilter) return;
    const pages = new Set(this.wanted.map((index) => this.pageOf(index)).filter(Boolean));
    for (const page of pages) {
      if (this.signal.aborted) return;
      await this.readPage(page);
    }
    this.onChange();
  }
}
