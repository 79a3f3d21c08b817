// SPDX-License-Identifier: Apache-2.0
// One webhook endpoint at a glance.

import {el} from './dom.js';
import {count, duration, instant, many, milliseconds, relative} from './format.js';
import {badge, facts, when} from './parts.js';
import {href} from './router.js';
import {label} from './words.js';

const TONES = {active: 'good', degraded: 'warn', paused: 'warn', disabled: 'bad'};
const NOTICES = {
  failing_for_a_day: 'It has failed for a day.',
  failing_for_four_days: 'It has failed for four days; after five it is disabled.',
};

export function endpointBadge({status}) {
  return badge(TONES[status] || 'idle', label(status));
}

export function endpointRow(endpoint) {
  return el(
    'section.card',
    {'aria-label': endpoint.origin},
    el('div.card-head', el('h2', el('a', {href: href(`/webhooks/${endpoint.id}`)}, endpoint.origin)), endpointBadge(endpoint)),
    endpoint.notice && el('p.hint.warn', NOTICES[endpoint.notice] || endpoint.notice),
    endpointFacts(endpoint),
  );
}

export function endpointFacts(endpoint) {
  const waits = endpoint.pending
    ? `${many(endpoint.pending, 'delivery', 'deliveries')}, the oldest for ${duration(endpoint.oldestPendingSeconds)}`
    : 'nothing';
  return facts([
    ['Waits', waits],
    endpoint.failingSince && [
      'Failing since',
      [
        when(endpoint.failingSince),
        ` (${relative(endpoint.failingSince)}, ${many(endpoint.consecutiveFailures, 'failure')} in a row)`,
      ],
    ],
    endpoint.pausedUntil && ['Paused until', `${instant(endpoint.pausedUntil)} (${relative(endpoint.pausedUntil)})`],
    endpoint.disabledAt && ['Disabled', when(endpoint.disabledAt)],
    endpoint.reason && ['Reason', label(endpoint.reason)],
    ['Last success', when(endpoint.lastSuccessAt)],
    ['Answers in', endpoint.latencyMs === null ? '–' : milliseconds(endpoint.latencyMs)],
    ['Requests at a time', count(endpoint.room)],
  ]);
}
