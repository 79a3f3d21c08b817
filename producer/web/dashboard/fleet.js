// SPDX-License-Identifier: Apache-2.0
// The whole fleet at a glance, for its operator: cells, processes, Redis.

import {read} from './api.js';
import {el, fill, refill} from './dom.js';
import {bytes, count, duration, instant, many, milliseconds, relative} from './format.js';
import {badge, card, empty, facts, faultBox, pageHead, table, tile, when} from './parts.js';
import {activityBadge, stopButton} from './stopping.js';
import {repeat} from './timing.js';
import {label} from './words.js';

const EVERY_MS = 2000;
const LATE_MS = 1000;
const SEEN_MS = 10000; // a worker that was not seen for longer does not count

export function view({signal}) {
  const stage = el('div', el('p.waiting', 'Loading…'));
  const load = async () => refill(stage, fleetParts(await read('/api/v1/admin/fleet', signal), renew));
  const failed = (error) => fill(stage, faultBox(error));
  const renew = () => load().catch(failed);
  repeat(EVERY_MS, signal, load, failed);
  return el('div', pageHead('Fleet', 'The cells that this server serves, who works them, and their Redis.'), stage);
}

function fleetParts({asOf, redis, cells}, renew) {
  const alive = cells
    .flatMap(({workers}) => workers)
    .filter(({lastSeenAt}) => Date.parse(asOf) - Date.parse(lastSeenAt) < SEEN_MS);
  const sum = (name) => cells.reduce((total, cell) => total + cell[name], 0);
  return [
    el(
      'div.tiles',
      tile('Workers', count(alive.length), alive.length ? 'seen just now' : 'nothing is dialed'),
      tile('On the line', count(sum('live'))),
      tile('About to be placed', count(sum('claimed'))),
      tile('Events', count(sum('events')), 'for the notifier'),
      tile('Webhooks', count(sum('webhooks')), 'not delivered yet'),
      tile('Redis answers in', `${count(redis.roundTripUs)} µs`),
    ),
    cells.map((cell) => cellCard(cell, renew)),
    redisCard(redis),
  ];
}

function cellCard(cell, renew) {
  return el(
    'section.card',
    {'aria-label': `Cell ${cell.cell}`},
    el('div.card-head', el('h2', `Cell ${cell.cell}`), activityBadge(cell), stopButton({cell: cell.cell}, cell.state, renew)),
    cell.closedUntil && el('p.hint.warn', `Closed until ${instant(cell.closedUntil)}: workers tell what they hold.`),
    cell.lateMs > LATE_MS && el('p.hint.warn', `The trunk whose turn is most overdue has waited ${milliseconds(cell.lateMs)}.`),
    el(
      'div.grid.two.cell-parts',
      facts([
        ['Trunks with work', count(cell.trunksWithWork)],
        ['Most overdue turn', milliseconds(cell.lateMs)],
        [
          'Calls',
          `${count(cell.claimed)} about to be placed, ${count(cell.live)} on the line, ${count(cell.ended)} waiting for a summary`,
        ],
        ['Waits for the notifier', `${many(cell.events, 'event')}, ${many(cell.webhooks, 'webhook')}`],
        cell.stoppedAt && ['Stopped', when(cell.stoppedAt)],
        ['Data', `schema ${cell.schema}, epoch ${cell.epoch}`],
      ]),
      el(
        'div',
        cell.workers.length ? null : el('p.hint.warn', 'No worker was seen: nothing is dialed or settled.'),
        processTable(cell),
      ),
    ),
  );
}

function processTable({processes, workers}) {
  if (!processes.length) return empty('No process was heard of.', '');
  const seen = new Map(workers.map(({id, lastSeenAt}) => [id, lastSeenAt]));
  return table(
    ['Process', 'Id', {name: 'Version', roomy: true}, 'Seen'],
    processes.map((process) => [
      process.process.replace('carillon-', ''),
      el('span.mono', process.id),
      process.version,
      relative(seen.get(process.id) || process.lastHeardAt),
    ]),
  );
}

function redisCard(redis) {
  const share = redis.memoryMaxBytes ? (100 * redis.memoryUsedBytes) / redis.memoryMaxBytes : null;
  const meter =
    share !== null &&
    el(
      'div.progress',
      {role: 'meter', 'aria-label': 'Memory', 'aria-valuenow': Math.round(share), 'aria-valuemin': 0, 'aria-valuemax': 100},
      el('span'),
    );
  if (meter) meter.firstChild.style.width = `${Math.min(100, share)}%`;
  return card(
    'Redis',
    meter,
    el(
      'div.gap-above',
      facts([
        [
          'Memory',
          `${bytes(redis.memoryUsedBytes)}${redis.memoryMaxBytes ? ` of ${bytes(redis.memoryMaxBytes)}` : ', no limit'}`,
        ],
        [
          'When it is full',
          redis.evictionPolicy === 'noeviction'
            ? 'refuses writes (noeviction)'
            : [badge('bad', redis.evictionPolicy), ' keys may be lost'],
        ],
        [
          'Append-only file',
          {ok: 'written', failing: badge('bad', 'Failing'), off: badge('warn', 'Off')}[redis.appendOnlyFile] ??
            label(redis.appendOnlyFile),
        ],
        ['Commands a second', count(redis.commandsPerSecond)],
        ['Clients', count(redis.clients)],
        ['Version', `${redis.version}, ${redis.role}, ${many(redis.replicas, 'replica')}`],
        ['Up for', duration(redis.uptimeSeconds)],
      ]),
    ),
  );
}
