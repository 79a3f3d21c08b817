// SPDX-License-Identifier: Apache-2.0
// A list of tenants or trunks, page by page.

import {query, read} from './api.js';
import {el, fill, refill} from './dom.js';
import {empty, faultBox, pageHead, table} from './parts.js';
import {repeat} from './timing.js';

const PAGE = 200;
const EVERY_MS = 4000;

/** `kind`: "tenants" or "trunks", as the API names the list. `cells(item, renew)` are the cells of a row. */
export function resourceList({kind, title, about, columns, cells, signal}) {
  const list = el('div');
  const more = el('div.actions');
  let shown = PAGE;

  const load = async () => {
    const items = [];
    let cursor = '';
    do {
      const answer = await read(`/api/v1/admin/${kind}${query({limit: PAGE, cursor})}`, signal);
      items.push(...answer[kind]);
      cursor = answer.nextCursor;
    } while (cursor && items.length < shown);
    refill(
      list,
      items.length
        ? el(
            'section.card.flush',
            table(
              columns,
              items.map((item) => cells(item, renew)),
            ),
          )
        : el('section.card', empty('There is none yet.', '')),
    );
    fill(more, cursor && el('button', {type: 'button', on: {click: showMore}}, 'Show more'));
  };
  const failed = (error) => fill(list, faultBox(error));
  const renew = () => load().catch(failed);
  function showMore() {
    shown += PAGE;
    renew();
  }
  repeat(EVERY_MS, signal, load, failed);
  return el('div', pageHead(title, about), list, more);
}
