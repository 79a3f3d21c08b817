// SPDX-License-Identifier: Apache-2.0
// What is shown of a file of contacts: as it will be read, and what the producer says of it.

import {columnMeaning} from './contact_columns.js';
import {el} from './dom.js';
import {count, instant, many} from './format.js';
import {table, tile} from './parts.js';
import {label, sentence} from './words.js';

const FAULTS_SHOWN = 100;

export function filePreview({columns, rows}) {
  const names = columns.map((column) => ({name: el('span', column.name || '–', el('span.column-is', columnMeaning(column)))}));
  return el(
    'div.preview',
    el('p.label', 'The first rows'),
    table(
      names,
      rows.map((fields) => fields.map((field) => el('span.mono', field))),
    ),
  );
}

export function checkedReport(checked) {
  const {accepted, rejected, duplicates, suppressed} = checked;
  const isAll = rejected + duplicates === 0;
  return el(
    'section.card.checked',
    {'aria-label': 'What would become of it'},
    el('h2', accepted ? 'This would be called' : 'Nobody would be called'),
    el(
      'div.tiles',
      tile('Taken', count(accepted), `of ${many(checked.rows, 'row')}`),
      tile('Refused', count(rejected)),
      tile('Duplicates', count(duplicates)),
      tile('Do not call', count(suppressed), 'among those taken'),
      checked.earliestStart && tile('First call', instant(checked.earliestStart)),
      checked.pieces === 1 && checked.earliestEnd && tile('All called once', instant(checked.earliestEnd), 'at the earliest'),
    ),
    checked.expiresBefore && el('p.hint.warn', 'It expires before every contact could be called once.'),
    checked.warnings.map((warning) => el('p.hint.warn', el('code', warning.path), ' ', warning.message)),
    isAll ? el('p.faint', 'Every row can be taken.') : faultTable(checked),
  );
}

function faultTable({faults, rejected, duplicates}) {
  const shown = faults.slice(0, FAULTS_SHOWN);
  return el(
    'div',
    el('h3', `${many(rejected + duplicates, 'row')} would be left out`),
    table(
      [{name: 'Row', end: true}, 'Field', 'Value', 'Fault', 'What is wrong'],
      shown.map((fault) => [
        count(fault.row),
        fault.field ? el('code', fault.field) : 'the whole row',
        el('span.mono', fault.value ?? ''),
        label(fault.code),
        sentence(fault.message),
      ]),
    ),
    faults.length > shown.length &&
      el(
        'p.small.faint',
        `and ${count(faults.length - shown.length)} faults more; all of them can be downloaded from the campaign.`,
      ),
  );
}
