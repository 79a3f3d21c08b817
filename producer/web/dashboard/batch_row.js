// SPDX-License-Identifier: Apache-2.0
// One campaign in the list: what the list says of it, and what its own status adds.

import {el, fill, refill, setText} from './dom.js';
import {count, decimal, duration, instant, many, percent} from './format.js';
import {outcomeSplit, progress, stateBadge, when} from './parts.js';
import {href} from './router.js';
import {ENDED} from './words.js';

function timeLeft({status, startsAt, performance}) {
  if (status === 'scheduled') return instant(startsAt);
  return ENDED.includes(status) ? 'over' : duration(performance.estimatedTimeRemaining);
}

export function batchRow(batchId) {
  const state = el('span');
  const about = el('p.small.faint');
  const created = el('span');
  const bar = el('div');
  const counts = el('p.small.number');
  const rate = el('p.number');
  const remainingName = el('p.small.faint', 'Time left');
  const remaining = el('p.number');
  const outcomes = el('div.batch-outcomes');
  const node = el(
    'li.card.batch-row',
    el('div.batch-name', el('a.mono', {href: href(`/batches/${batchId}`)}, batchId), about),
    el('div.batch-state', state, el('p.small.faint', created)),
    el('div.batch-progress', bar, counts),
    el('div.batch-figure', el('p.small.faint', 'Rate'), rate),
    el('div.batch-figure', remainingName, remaining),
    outcomes,
  );
  let listed = ''; // the state that the list says it has
  let told = ''; // the one that its status had

  return {
    batchId,
    node,
    toldAt: 0,
    /** Whether the status adds something to what the list says. */
    wantsMore: () => told !== listed || !ENDED.includes(told),
    list(batch) {
      listed = batch.status;
      fill(state, stateBadge(batch.status));
      fill(created, when(batch.createdAt));
      if (!about.childNodes.length) setText(about, `Agent ${batch.agentId} · priority ${batch.priority}`);
      fill(bar, progress(batch));
      setText(counts, `${count(batch.processed)} of ${many(batch.total, 'contact')} · ${percent(batch.percentComplete)}`);
    },
    tell(status) {
      told = status.status;
      this.toldAt = Date.now();
      refill(
        about,
        `Agent ${status.agentId} · priority ${status.priority} · trunk ${status.trunk} `,
        status.tags.map((tag) => el('span.tag', tag)),
      );
      setText(rate, `${decimal(status.performance.callsPerSecond)} of ${decimal(status.maxCallsPerSecond)}/s`);
      setText(remainingName, status.status === 'scheduled' ? 'Starts' : 'Time left');
      setText(remaining, timeLeft(status));
      fill(outcomes, outcomeSplit(status.outcomes));
    },
  };
}
