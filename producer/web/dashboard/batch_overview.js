// SPDX-License-Identifier: Apache-2.0
// A campaign at a glance: figures, what holds it back, its pace, its outcomes and the retries to come.

import {read} from './api.js';
import {endingsChart, paceChart, retriesChart} from './charts.js';
import {el, fill} from './dom.js';
import {count, decimal, duration, instant, many, percent} from './format.js';
import {callBadge, card, facts, faultBox, outcomeSplit, place, progress, table, tile, when} from './parts.js';
import {href} from './router.js';
import {repeat} from './timing.js';
import {whyCard} from './why.js';
import {ENDED} from './words.js';

const BINS = 60;
const RETRIES_EVERY_MS = 5000;
const WHY_EVERY_MS = 3000;

export function tabView({batchId, signal, first, trace, onStatus}) {
  const tiles = el('div.tiles');
  const bar = place();
  const outcomes = place();
  const recent = place();
  const times = place();
  const pace = paceChart(signal);
  const endings = endingsChart(signal);
  let status = first;

  const draw = () => {
    pace.show({points: trace.pace(BINS), limit: status.maxCallsPerSecond}, paceSummary(status));
    endings.show(trace.endings(BINS), endingsSummary(status, trace));
  };
  onStatus((now) => {
    status = now;
    fill(tiles, tilesOf(now));
    bar.show(progress(now.statistics));
    outcomes.show(outcomeSplit(now.outcomes));
    recent.show(recentCalls(batchId, now.recentCalls));
    times.show(timesOf(now));
    draw();
    if (!trace.hasPast) trace.readPast(signal).then(draw, () => {}); // where it fails, the charts begin with now
  });

  const why = whyCard();
  const retries = retriesPart(batchId, signal);
  repeat(
    WHY_EVERY_MS,
    signal,
    async () => {
      if (!ENDED.includes(status.status)) why.show(await read(`/api/v1/batch/${batchId}/why`, signal));
      why.node.hidden = ENDED.includes(status.status);
    },
    (error) => why.fail(error),
  );

  return el(
    'div',
    tiles,
    el('section.card', el('h2.unseen', 'Progress'), bar.node, el('div.gap-above', outcomes.node)),
    why.node,
    el('div.grid.two', card('Calls begun a second', pace.node), card('Outcomes over time', endings.node)),
    el('div.grid.two', retries, el('section.card', el('h2', 'Times'), times.node)),
    el(
      'section.card.flush',
      el('div.card-head', el('h2', 'Latest calls'), el('a.small', {href: href(`/batches/${batchId}/calls`)}, 'All calls')),
      recent.node,
    ),
  );
}

function tilesOf(status) {
  const {statistics: s, performance: p} = status;
  const left = ENDED.includes(status.status)
    ? ['Took', duration(p.elapsedTime)]
    : ['Time left', duration(p.estimatedTimeRemaining)];
  return [
    tile('Contacts done', `${count(s.processed)}`, `of ${count(s.total)} · ${percent(s.percentComplete)}`),
    tile('Reached', percent(s.successRate), `${count(s.succeeded)} of those done`),
    tile('Calls a second', decimal(p.callsPerSecond), `limit ${decimal(status.maxCallsPerSecond)}`),
    tile(
      'On the line',
      count(status.ongoing),
      status.maxConcurrentCalls ? `limit ${count(status.maxConcurrentCalls)}` : 'no limit of its own',
    ),
    tile('Attempts', count(status.attempts), `up to ${status.options.retryStrategy.maxAttempts} a contact`),
    tile(left[0], left[1], status.expiresAt ? `expires ${instant(status.expiresAt)}` : ''),
  ];
}

function paceSummary(status) {
  return (
    `${decimal(status.performance.callsPerSecond)} calls a second now, of at most ${decimal(status.maxCallsPerSecond)}. ` +
    'What lies before this page was opened is made of each call’s last attempt.'
  );
}

function endingsSummary(status, trace) {
  const cut = trace.isCut ? ' Of what was before this page was opened, the first 20,000 calls are shown.' : '';
  const done = many(status.statistics.processed, 'contact has', 'contacts have');
  return `${done} an outcome, ${count(status.statistics.succeeded)} of them reached.${cut}`;
}

function windowText({start, end, timezone, days}) {
  return `${start} and ${end} (${timezone}), ${days.length === 7 ? 'every day' : days.join(', ')}`;
}

function timesOf(status) {
  return facts([
    ['Created', when(status.timestamps.createdAt)],
    status.timestamps.startedAt ? ['Started', when(status.timestamps.startedAt)] : ['Starts', when(status.startsAt)],
    ['Ended', when(status.timestamps.completedAt)],
    ['Expires', when(status.expiresAt)],
    ['Calls between', status.callingWindow ? windowText(status.callingWindow) : 'any time'],
    ['Time zone', status.timezone],
  ]);
}

function recentCalls(batchId, calls) {
  if (!calls.length) return el('p.empty', 'No call has begun yet.');
  return table(
    ['Begun', 'Number', {name: 'Name', roomy: true}, 'Status', {name: 'Talked', end: true, roomy: true}],
    calls.map((call) => [
      call.status === 'SCHEDULED' ? '–' : when(call.createdAt),
      el('a.mono', {href: href(`/batches/${batchId}/calls`, {call: call.id})}, call.phoneNumber),
      call.contactName || '',
      callBadge(call.status),
      duration(call.duration),
    ]),
  );
}

function retriesSummary({total, due, nextAt, lastAt}) {
  const now = due ? `, ${count(due)} of them due now` : '';
  return `${many(total, 'retry waits', 'retries wait')}${now}; the first is due ${instant(nextAt)}, the last ${instant(lastAt)}.`;
}

/** Retries that wait, by when they are due. */
function retriesPart(batchId, signal) {
  const chart = retriesChart(signal);
  const said = place();
  const node = card('Retries by due time', said.node, chart.node);
  chart.node.hidden = true;
  repeat(
    RETRIES_EVERY_MS,
    signal,
    async () => {
      const answer = await read(`/api/v1/batch/${batchId}/retries`, signal);
      chart.node.hidden = answer.total === 0;
      said.show(answer.total === 0 && el('p.faint.small', 'No retry waits.'));
      if (answer.total) chart.show(answer, retriesSummary(answer));
    },
    (error) => said.show(faultBox(error)),
  );
  return node;
}
