// SPDX-License-Identifier: Apache-2.0
// One call: what it came to, and every dial on the way there.

import {read} from './api.js';
import {openDialog} from './dialog.js';
import {el, fill, refill} from './dom.js';
import {duration, instant, milliseconds} from './format.js';
import {callBadge, facts, faultBox, outcomeMark, when} from './parts.js';
import {repeat} from './timing.js';
import {FOLLOWED, SOURCES, VERDICTS, label, outcomeColour} from './words.js';

const EVERY_MS = 2000;

/** Opens the call's timeline; it is kept up to date while it is open. */
export function openCall(callId, viewSignal, onClose) {
  const leaving = new AbortController();
  const signal = AbortSignal.any([viewSignal, leaving.signal]);
  const body = el('div.dialog-body', el('p.faint', 'Loading…'));
  const opened = openDialog('Call', body, {
    wide: true,
    onClose: () => {
      leaving.abort();
      onClose?.();
    },
  });
  opened.dialog.classList.add('call-dialog');
  let said = '';
  repeat(
    EVERY_MS,
    signal,
    async () => {
      const call = await read(`/api/v1/call/${encodeURIComponent(callId)}/attempts`, signal);
      if (JSON.stringify(call) === said) return;
      said = JSON.stringify(call);
      refill(body, callParts(call));
    },
    (error) => fill(body, faultBox(error)),
  );
}

function callParts(call) {
  return [
    el('p.call-title', el('strong.mono', call.phoneNumber), callBadge(call.status), call.outcome && outcomeMark(call.outcome)),
    facts([
      ['Contact', [call.contactName, call.contactId && `(${call.contactId})`].filter(Boolean).join(' ') || '–'],
      ['Attempts', String(call.attempts)],
      ['Talked', duration(call.duration)],
      call.nextAttemptAt && ['Next attempt', when(call.nextAttemptAt)],
      call.callSid && ['Platform’s id', el('span.mono', call.callSid)],
      call.recordingUrl && [
        'Recording',
        el('a', {href: call.recordingUrl, rel: 'noreferrer noopener', target: '_blank'}, 'Open'),
      ],
      ['Id', el('span.mono', call.id)],
    ]),
    el('h3.call-heading', 'Timeline'),
    call.dials.length ? el('ol.timeline', call.dials.map(dialOf)) : el('p.faint', 'It was not dialed yet.'),
  ];
}

function dialOf(dial) {
  const late = dial.begunAt && dial.slotAt ? Date.parse(dial.begunAt) - Date.parse(dial.slotAt) : null;
  return el(
    'li',
    el('p', el('strong', `Dial ${dial.dial}`), dial.attempt ? ` · attempt ${dial.attempt}` : ''),
    dial.begunAt &&
      el(
        'p.small.faint',
        `begun ${instant(dial.begunAt)}${late !== null ? `, ${milliseconds(Math.max(0, late))} after its place in the rate` : ''}`,
      ),
    dial.results.length ? dial.results.map(resultOf) : el('p.small', 'Nothing is known of it yet.'),
  );
}

function resultOf(result) {
  const why = [
    result.verdict && (VERDICTS[result.verdict] || label(result.verdict)),
    result.source && SOURCES[result.source],
    result.reason,
  ].filter(Boolean);
  const node = el(
    'div.result',
    el(
      'p',
      result.outcome ? outcomeMark(result.outcome) : el('span', 'Given back'),
      result.endedAt && el('span.small.faint', `ended ${instant(result.endedAt)}`),
    ),
    why.length > 0 && el('p.small.faint', why.join(' · ')),
    el('p.small', FOLLOWED[result.then] || result.then, result.nextAttemptAt ? ` Due ${instant(result.nextAttemptAt)}.` : ''),
  );
  if (result.outcome) node.style.borderLeftColor = outcomeColour(result.outcome);
  return node;
}
