// SPDX-License-Identifier: Apache-2.0
// The rows of a campaign that were not taken, and why; as a file too, to mend and send again.

import {query, read, saveBlob} from './api.js';
import {csvText} from './csv_write.js';
import {el, fill} from './dom.js';
import {count, many} from './format.js';
import {tellFault} from './notice.js';
import {empty, faultBox, table} from './parts.js';
import {label, sentence} from './words.js';

const PAGE = 200;
const FILE_PAGE = 1000;
const KEPT = 10000; // faults, by the producer
const COLUMNS = ['chunk', 'row', 'field', 'value', 'code', 'message'];

export function tabView({batchId, signal, first}) {
  const path = (cursor, limit) => `/api/v1/batch/${batchId}/errors${query({limit, cursor})}`;
  const list = el('div');
  const more = el('div.actions');
  const rows = [];

  async function load(cursor) {
    try {
      const answer = await read(path(cursor, PAGE), signal);
      rows.push(...answer.errors);
      fill(
        list,
        rows.length
          ? table(['Chunk', 'Row', 'Field', 'Value', 'Fault', 'What is wrong'], rows.map(cells))
          : empty('Every row was taken.', 'Nothing was refused, and no number stood twice.'),
      );
      fill(more, answer.nextCursor && el('button', {type: 'button', on: {click: () => load(answer.nextCursor)}}, 'Show more'));
    } catch (error) {
      if (!signal.aborted) fill(list, faultBox(error));
    }
  }

  async function save() {
    try {
      const all = [];
      let cursor = '';
      do {
        const answer = await read(path(cursor, FILE_PAGE), signal);
        all.push(...answer.errors);
        cursor = answer.nextCursor;
      } while (cursor);
      const text = csvText([COLUMNS, ...all.map((row) => COLUMNS.map((name) => row[name] ?? ''))]);
      saveBlob(new Blob([text], {type: 'text/csv'}), `${batchId}-rows-not-taken.csv`);
    } catch (error) {
      tellFault(error);
    }
  }

  load('');
  const left = first.rejected + first.duplicates;
  return el(
    'section.card.flush',
    el(
      'div.card-head',
      el('h2', 'Rows not taken'),
      left > 0 && el('button', {type: 'button', on: {click: save}}, 'Download as CSV'),
    ),
    el('p.card-note.faint', leftOut(first)),
    list,
    more,
  );
}

function leftOut({rejected, duplicates}) {
  const kept = rejected + duplicates > KEPT ? ` The first ${count(KEPT)} faults are kept.` : '';
  const counted = ' Rows are counted as a spreadsheet does: the header is row 1 of each chunk.';
  return `${many(rejected, 'row')} refused, ${many(duplicates, 'duplicate')} left out.${kept}${counted}`;
}

function cells(row) {
  return [
    count(row.chunk),
    count(row.row),
    row.field ? el('code', row.field) : 'the whole row',
    el('span.mono', row.value ?? ''),
    label(row.code),
    sentence(row.message),
  ];
}
