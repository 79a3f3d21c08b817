// SPDX-License-Identifier: Apache-2.0
// All tenants.

import {el} from './dom.js';
import {count, duration} from './format.js';
import {resourceList} from './resource_list.js';
import {href} from './router.js';
import {activityBadge, stopButton} from './stopping.js';

const COLUMNS = [
  'Tenant',
  'State',
  {name: 'Calls/s', end: true},
  {name: 'At a time', end: true, roomy: true},
  {name: 'Share', end: true, roomy: true},
  {name: 'Credit', end: true, roomy: true},
  {name: 'Trunks', roomy: true},
  {name: 'Cell', roomy: true},
  '',
];

export function view({signal}) {
  return resourceList({
    kind: 'tenants',
    title: 'Tenants',
    about: 'Who calls, and how much each may.',
    columns: COLUMNS,
    signal,
    cells: (tenant, renew) => [
      el('a', {href: href(`/tenants/${tenant.id}`, {cell: tenant.cell})}, tenant.id),
      activityBadge(tenant),
      count(tenant.cps),
      tenant.maxConcurrent === null ? 'no limit' : count(tenant.maxConcurrent),
      count(tenant.weight),
      tenant.credits === null ? 'no limit' : duration(tenant.credits),
      tenant.trunks.join(', '),
      tenant.cell,
      stopButton({tenant: tenant.id}, tenant.state, renew),
    ],
  });
}
