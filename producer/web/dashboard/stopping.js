// SPDX-License-Identifier: Apache-2.0
// Stopping and starting a cell, a tenant or a trunk: asked about before, since it holds for all that is in it.

import {write} from './api.js';
import {confirmed} from './dialog.js';
import {el} from './dom.js';
import {tell} from './notice.js';
import {badge} from './parts.js';
import {label} from './words.js';

const WHAT = {cell: 'everything in this cell', tenant: 'every campaign of this tenant', trunk: 'every call over this trunk'};

/** A button that stops `what` ({cell}, {tenant} or {trunk}), or starts it where it is stopped; `done` follows. */
export function stopButton(what, state, done) {
  const [kind, name] = Object.entries(what)[0];
  const isStopped = state === 'stopped';
  const run = async () => {
    const isDone = await confirmed(`${isStopped ? 'Start' : 'Stop'} the ${kind} ${name}?`, {
      body: el(
        'p',
        isStopped
          ? `Calls begin again: ${WHAT[kind]}.`
          : `No new call begins within a second: ${WHAT[kind]}, retries too. Calls on the line come to their end.`,
      ),
      verb: isStopped ? 'Start' : 'Stop',
      isDanger: !isStopped,
      run: () => write('POST', `/api/v1/admin/${isStopped ? 'start' : 'stop'}`, what),
    });
    if (!isDone) return;
    tell(`The ${kind} ${name} is ${isStopped ? 'started' : 'stopped'}.`);
    done();
  };
  return el(isStopped ? 'button.primary' : 'button.danger', {type: 'button', on: {click: run}}, isStopped ? 'Start' : 'Stop');
}

export function activityBadge({state, reason}) {
  const tone = {active: 'good', stopped: 'bad', closed: 'warn'}[state] || 'idle';
  return badge(tone, reason && reason !== 'operator' ? `${label(state)} (${reason})` : label(state));
}
