// SPDX-License-Identifier: Apache-2.0
// The report by tag: what campaigns came to, summed over those of a span of days.

import {query as queryOf, read, saveBlob} from './api.js';
import {csvText} from './csv_write.js';
import {el, fill} from './dom.js';
import {count, decimal, percent} from './format.js';
import {empty, faultBox, pageHead, table, tile} from './parts.js';
import {href, rememberQuery} from './router.js';

const PAGES_MOST = 20; // of a thousand batches each
const FIGURES = ['batches', 'total', 'processed', 'succeeded', 'failed', 'pending', 'attempts', 'retries', 'minutes'];
const figure = (name) => ({name, end: true});
const roomy = (name) => ({name, end: true, roomy: true});
const COLUMNS = [
  'Tag',
  figure('Campaigns'),
  figure('Contacts'),
  ...['Done', 'Reached'].map(roomy),
  figure('Answer rate'),
  ...['Attempts', 'Retries', 'Minutes'].map(roomy),
];

export function view({query, signal}) {
  const days = {from: query.get('from') || '', to: query.get('to') || ''};
  const stage = el('div');
  let report = null;

  async function load() {
    fill(stage, el('p.waiting', 'Adding up…'));
    try {
      report = await wholeReport(days, signal);
      fill(stage, reportParts(report));
    } catch (error) {
      if (!signal.aborted) fill(stage, faultBox(error));
    }
  }
  const day = (name, title) =>
    el(
      'div',
      el('label', {for: `tags-${name}`}, title),
      el('input', {
        id: `tags-${name}`,
        type: 'date',
        value: days[name],
        on: {
          change: (event) => {
            days[name] = event.target.value;
            rememberQuery(days);
            load();
          },
        },
      }),
    );
  const save = () => report && saveBlob(new Blob([reportCsv(report)], {type: 'text/csv'}), 'tags.csv');

  load();
  return el(
    'div',
    pageHead(
      'Tags',
      'Campaigns summed up by their tags, as they stand now.',
      el('button', {type: 'button', on: {click: save}}, 'Download as CSV'),
    ),
    el('div.filters', {role: 'search'}, day('from', 'Created from'), day('to', 'until')),
    stage,
  );
}

/** All pages of the report as one: sums of pages add up. */
async function wholeReport(days, signal) {
  const tags = new Map();
  const totals = {};
  let [cursor, isCut, pages] = ['', false, 0];
  do {
    const range = {from: instantOf(days.from, 0), to: instantOf(days.to, 1)};
    const answer = await read(`/api/v1/reports/tags${queryOf({...range, cursor})}`, signal);
    for (const row of answer.tags) tags.set(row.tag, added(tags.get(row.tag), row));
    added(totals, answer.totals);
    isCut ||= answer.isCut;
    cursor = answer.nextCursor;
    pages += 1;
  } while (cursor && pages < PAGES_MOST);
  return {tags: [...tags].sort(([, a], [, b]) => b.total - a.total), totals, isCut: isCut || Boolean(cursor)};
}

function instantOf(date, daysLater) {
  if (!date) return '';
  const at = new Date(`${date}T00:00:00`);
  at.setDate(at.getDate() + daysLater);
  return at.toISOString();
}

function added(sum = {}, row) {
  for (const name of FIGURES) sum[name] = (sum[name] || 0) + row[name];
  return sum;
}

function rate(sum) {
  return sum.processed ? (100 * sum.succeeded) / sum.processed : null;
}

function reportParts({tags, totals, isCut}) {
  if (!tags.length) return el('section.card', empty('No campaign in these days.', 'Choose others.'));
  return [
    el(
      'div.tiles',
      tile('Campaigns', count(totals.batches)),
      tile('Contacts', count(totals.total), `${count(totals.processed)} done`),
      tile('Answer rate', percent(rate(totals))),
      tile('Attempts', count(totals.attempts), `${count(totals.retries)} retries`),
      tile('Minutes', decimal(totals.minutes)),
    ),
    isCut && el('p.hint.warn', 'There are more tags or campaigns than are shown: choose fewer days.'),
    el(
      'section.card.flush',
      table(
        COLUMNS,
        tags.map(([tag, sum]) => [
          tag === null ? el('span.faint', 'without a tag') : el('a', {href: href('/batches', {tag})}, tag),
          count(sum.batches),
          count(sum.total),
          count(sum.processed),
          count(sum.succeeded),
          rateBar(rate(sum)),
          count(sum.attempts),
          count(sum.retries),
          decimal(sum.minutes),
        ]),
      ),
    ),
  ];
}

function rateBar(share) {
  const bar = el('span.rate-bar', {'aria-hidden': 'true'}, el('span'));
  bar.firstChild.style.width = `${share ?? 0}%`;
  return el('span.rate', percent(share), bar);
}

function reportCsv({tags}) {
  return csvText([
    ['tag', ...FIGURES, 'answerRate'],
    ...tags.map(([tag, sum]) => [tag ?? '', ...FIGURES.map((name) => sum[name]), rate(sum)?.toFixed(2) ?? '']),
  ]);
}
