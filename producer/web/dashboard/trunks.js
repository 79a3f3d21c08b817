// SPDX-License-Identifier: Apache-2.0
// All trunks.

import {el} from './dom.js';
import {count} from './format.js';
import {resourceList} from './resource_list.js';
import {href} from './router.js';
import {activityBadge, stopButton} from './stopping.js';
import {breakerBadge} from './trunk_breaker.js';

const COLUMNS = [
  'Trunk',
  'State',
  'Breaker',
  {name: 'Platform', roomy: true},
  {name: 'Calls/s', end: true, roomy: true},
  {name: 'At a time', end: true, roomy: true},
  {name: 'Caller ids', end: true, roomy: true},
  {name: 'Cell', roomy: true},
  '',
];

export function view({signal}) {
  return resourceList({
    kind: 'trunks',
    title: 'Trunks',
    about: 'The accounts on voice platforms that calls go over.',
    columns: COLUMNS,
    signal,
    cells: (trunk, renew) => [
      el('a', {href: href(`/trunks/${trunk.id}`, {cell: trunk.cell})}, trunk.id),
      activityBadge(trunk),
      breakerBadge(trunk),
      trunk.profile,
      count(trunk.cps),
      trunk.maxConcurrent === null ? 'no limit' : count(trunk.maxConcurrent),
      count(trunk.callerIds.length),
      trunk.cell,
      stopButton({trunk: trunk.id}, trunk.state, renew),
    ],
  });
}
