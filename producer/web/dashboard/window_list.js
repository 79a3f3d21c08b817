// SPDX-License-Identifier: Apache-2.0
// A list of any length of which only the rows in sight, and a few around them, are in the page. Rows are used again: row i has
// the node i modulo how many there are, so that a scroll by one row touches one node.

import {el} from './dom.js';

const AROUND = 12; // rows above and below what is seen
const ROWS_MOST = 200;
const HEIGHT_MOST_PX = 8e6; // what every browser scrolls; longer lists are scrolled in larger steps

export class WindowList {
  /**
   * `columns`: [[name, class]]. `makeRow()` makes a row's node; `showRow(node, item, index)` shows an item in it (undefined: not
   * known yet). `source`: {total, get(index), need(first, last)}. `rowHeight(width)` in pixels.
   */
  constructor({label, columns, rowHeight, makeRow, showRow, source, signal}) {
    Object.assign(this, {rowHeight, makeRow, showRow, source, pool: [], at: [], shownTotal: -1, isAsked: false});
    this.sizer = el('div.window-sizer', {role: 'presentation'});
    this.head = el(
      'div.window-row.window-head',
      {role: 'row'},
      columns.map(([name, style]) => el(`span.${style}`, {role: 'columnheader'}, name)),
    );
    this.scroller = el('div.window-scroll', {tabindex: 0, role: 'rowgroup', 'aria-label': `${label}, scrolls`}, this.sizer);
    this.node = el(
      'div.window-list',
      {role: 'table', 'aria-label': label},
      el('div', {role: 'rowgroup'}, this.head),
      this.scroller,
    );
    this.scroller.addEventListener('scroll', () => this.ask(), {passive: true});
    const resized = new ResizeObserver(() => this.refresh());
    resized.observe(this.scroller);
    signal.addEventListener('abort', () => resized.disconnect(), {once: true});
  }

  /** Shows again what is in sight: the items have changed, or how many there are. */
  refresh() {
    this.at = [];
    this.ask();
  }

  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.paint();
    });
  }

  /** The rows in sight: [first, behind the last]. */
  range() {
    const height = this.rowHeight(this.scroller.clientWidth);
    const seen = Math.ceil(this.scroller.clientHeight / height) + 1;
    const first = Math.min(Math.floor(this.topPx() / height), Math.max(0, this.source.total - 1));
    return [first, Math.min(this.source.total, first + seen)];
  }

  /** How far down the whole list its seen top is, as if every row had its full height. */
  topPx() {
    const whole = this.source.total * this.rowHeight(this.scroller.clientWidth);
    const room = this.sizer.offsetHeight - this.scroller.clientHeight;
    if (whole <= HEIGHT_MOST_PX || room <= 0) return this.scroller.scrollTop;
    return (this.scroller.scrollTop / room) * (whole - this.scroller.clientHeight);
  }

  paint() {
    if (!this.scroller.isConnected) return;
    const {total} = this.source;
    const height = this.rowHeight(this.scroller.clientWidth);
    if (total !== this.shownTotal || height !== this.shownHeight) {
      Object.assign(this, {shownTotal: total, shownHeight: height, at: []});
      this.sizer.style.height = `${Math.min(total * height, HEIGHT_MOST_PX)}px`;
      this.node.setAttribute('aria-rowcount', total + 1);
    }
    const [from, to] = this.range();
    const first = Math.max(0, from - AROUND);
    const last = Math.min(total, Math.min(to + AROUND, first + ROWS_MOST));
    const shift = this.scroller.scrollTop - this.topPx();
    this.fitPool(last - first);
    for (let i = first; i < last; i += 1) this.place(i, i * height + shift, height);
    this.hideOthers(first, last);
    this.source.need(from, to);
  }

  /** As many nodes as there are rows to show, and not fewer than once were: a smaller window only hides some. */
  fitPool(rows) {
    while (this.pool.length < rows) {
      const node = this.makeRow();
      node.setAttribute('role', 'row');
      this.pool.push(node);
      this.sizer.append(node);
      this.at = [];
    }
    if (this.at.length === 0)
      this.pool.forEach((node) => {
        node.hidden = true;
      });
  }

  /** What was shown elsewhere would stand in the way: in larger steps rows move. */
  hideOthers(first, last) {
    this.at.forEach((shown, slot) => {
      if (!shown || (shown.index >= first && shown.index < last)) return;
      this.pool[slot].hidden = true;
      this.at[slot] = undefined;
    });
  }

  place(index, top, height) {
    const slot = index % this.pool.length;
    const node = this.pool[slot];
    const item = this.source.get(index);
    const shown = this.at[slot];
    if (shown?.index === index && shown.item === item && shown.top === top) return;
    node.hidden = false;
    node.style.transform = `translateY(${top}px)`;
    node.style.height = `${height}px`;
    node.setAttribute('aria-rowindex', index + 2);
    this.showRow(node, item, index);
    this.at[slot] = {index, item, top};
  }
}
