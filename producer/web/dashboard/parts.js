// SPDX-License-Identifier: Apache-2.0
// Parts that several views are put together from.

import {el, refill} from './dom.js';
import {count, instant, percent} from './format.js';
import {OUTCOMES, callName, callTone, label, outcomeColour, outcomeName, stateMeaning, stateTone} from './words.js';

export function badge(tone, text, title) {
  return el(`span.badge.${tone}`, {title}, text);
}

export function stateBadge(state) {
  return badge(stateTone(state), label(state), stateMeaning(state));
}

export function callBadge(status) {
  return badge(callTone(status), callName(status));
}

export function outcomeMark(outcome) {
  if (!outcome) return el('span.faint', '–');
  return el('span.outcome', swatch(outcomeColour(outcome)), outcomeName(outcome));
}

export function swatch(colour) {
  const node = el('span.swatch', {'aria-hidden': 'true'});
  node.style.background = colour;
  return node;
}

/** An instant with the whole of it, in UTC, for who points at it. */
export function when(iso) {
  return iso ? el('time.number', {datetime: iso, title: iso}, instant(iso)) : el('span.faint', '–');
}

/** A bar of how far a batch has come: what succeeded and what failed of all. */
export function progress(statistics) {
  const {total, succeeded, failed, percentComplete} = statistics;
  const bar = el('div.progress', {
    role: 'progressbar',
    'aria-valuemin': 0,
    'aria-valuemax': 100,
    'aria-valuenow': Math.floor(percentComplete),
    'aria-label': 'Progress',
  });
  for (const [part, tone] of [
    [succeeded, 'good'],
    [failed, 'bad'],
  ]) {
    if (!part) continue;
    const span = el(`span.${tone}`);
    span.style.width = `${(100 * part) / Math.max(total, 1)}%`;
    bar.append(span);
  }
  return bar;
}

/** How many contacts ended how, as one bar with its legend. */
export function outcomeSplit(outcomes) {
  const present = OUTCOMES.filter((outcome) => outcomes?.[outcome] > 0);
  if (!present.length) return el('p.faint.small', 'No contact has an outcome yet.');
  const sum = present.reduce((total, outcome) => total + outcomes[outcome], 0);
  const bar = el('div.split', {'aria-hidden': 'true'});
  for (const outcome of present) {
    const part = el('span');
    part.style.flex = `${outcomes[outcome]} 0 0`;
    part.style.background = outcomeColour(outcome);
    bar.append(part);
  }
  const legend = el(
    'ul.legend',
    present.map((outcome) =>
      el(
        'li',
        swatch(outcomeColour(outcome)),
        outcomeName(outcome),
        el('strong.number', count(outcomes[outcome])),
        el('span.faint', percent((100 * outcomes[outcome]) / sum)),
      ),
    ),
  );
  return el('div', bar, legend);
}

export function tile(name, value, beside) {
  return el('div.tile', el('p.name', name), el('p.value', value), beside && el('p.beside', beside));
}

export function facts(pairs) {
  return el(
    'dl.facts',
    pairs.filter(Boolean).map(([name, value]) => [el('dt', name), el('dd', value ?? '–')]),
  );
}

export function card(title, ...content) {
  return el('section.card', title && el('h2', title), content);
}

export function pageHead(title, about, ...actions) {
  return el('div.page-head', el('div.words', el('h1', title), about && el('p', about)), el('div.actions', actions));
}

export function empty(title, about) {
  return el('div.empty', el('strong', title), about);
}

/** `columns`: names, or {name, end, roomy}: figures stand at the end, what is roomy is left out where there is no room. */
export function table(columns, rows) {
  const style = (column) =>
    [column.end && 'end', column.roomy && 'roomy']
      .filter(Boolean)
      .map((name) => `.${name}`)
      .join('');
  const head = columns.map((column) => el(`th${style(column)}`, {scope: 'col'}, column.name ?? column));
  const body = rows.map((cells) =>
    el(
      'tr',
      cells.map((cell, i) => el(`td${style(columns[i])}`, cell)),
    ),
  );
  return el(
    'div.scroll',
    {tabindex: 0, role: 'group', 'aria-label': 'Table'},
    el('table', el('thead', el('tr', head)), el('tbody', body)),
  );
}

/** What went wrong, with the names of the fields at fault. */
export function faultBox(error) {
  const box = el('div.fault', {role: 'alert'}, el('strong', error.message || String(error)));
  if (error.faults?.length) {
    box.append(
      el(
        'ul',
        error.faults.map(({path, message}) => el('li', el('code', path), ' ', message)),
      ),
    );
    if (error.details.more) box.append(el('p.small', `and ${count(error.details.more)} more`));
  }
  const told = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(' · ');
  if (told) box.append(el('p.small', told));
  if (error instanceof TypeError || error instanceof ReferenceError) console.error(error); // ours, not theirs
  return box;
}

/** A list of options for a filter; '' stands for all. */
export function choice(id, name, options, value, onChange) {
  const select = el(
    'select',
    {id, on: {change: () => onChange(select.value)}},
    options.map(([key, text]) => el('option', {value: key, selected: key === (value ?? '')}, text)),
  );
  return el('div', el('label', {for: id}, name), select);
}

/** A place that is filled again and again. */
export function place(spec = 'div') {
  const node = el(spec);
  return {node, show: (...content) => refill(node, ...content)};
}
