// SPDX-License-Identifier: Apache-2.0
// One campaign: what stands above its tabs, kept up to date by its event stream.

import {read} from './api.js';
import {batchActions} from './batch_actions.js';
import {el, fill, refill, setText} from './dom.js';
import {follow} from './events.js';
import {announce} from './notice.js';
import {faultBox, stateBadge} from './parts.js';
import {href} from './router.js';
import {traceOf} from './trace.js';
import {ENDED, label, stateMeaning} from './words.js';

const TABS = [
  ['', 'Overview', () => import('./batch_overview.js')],
  ['calls', 'Calls', () => import('./batch_calls.js')],
  ['errors', 'Rows not taken', () => import('./batch_errors.js')],
  ['webhooks', 'Webhooks', () => import('./batch_webhooks.js')],
  ['settings', 'Settings', () => import('./batch_settings.js')],
];

export async function view(context) {
  const {params, signal, setTitle, canWrite} = context;
  const tab = TABS.find(([name]) => name === (params.tab || ''));
  if (!tab) throw new Error('A campaign has no such page.');
  setTitle(`${tab[1]} · ${params.id}`);
  const first = await read(`/api/v1/batch/${encodeURIComponent(params.id)}`, signal);
  const trace = traceOf(params.id);
  const head = batchHead(params.id, canWrite);
  const listeners = [head.tell];
  const problems = el('div');
  const tell = (status) => {
    trace.add(status);
    listeners.forEach((listener) => listener(status));
  };

  const told = (isUp) => {
    head.tellLink(isUp);
    if (!isUp) trace.leave();
  };

  const module = await tab[2]();
  const body = module.tabView({...context, batchId: params.id, first, trace, onStatus: (listener) => listeners.push(listener)});
  signal.addEventListener('abort', () => trace.leave(), {once: true});
  tell(first);
  follow(params.id, signal, {onStatus: tell, onLink: told, onEnd: head.tellEnd}).catch((error) =>
    fill(problems, faultBox(error)),
  );
  return el('div', head.node, tabBar(params.id, tab[0], first), problems, body);
}

function tabBar(batchId, current, status) {
  const leftOut = status.rejected + status.duplicates;
  return el(
    'nav.tabs',
    {'aria-label': 'Of this campaign'},
    TABS.map(([name, title]) =>
      el(
        'a',
        {href: href(`/batches/${batchId}${name && `/${name}`}`), 'aria-current': name === current && 'page'},
        title,
        name === 'errors' && leftOut > 0 ? ` (${leftOut})` : '',
      ),
    ),
  );
}

function batchHead(batchId, canWrite) {
  const state = el('span');
  const link = el('span.small.faint');
  const about = el('p');
  const actions = el('div.actions');
  let shown = '';

  function tell(status) {
    if (status.status !== shown) {
      if (shown) announce(`The campaign is ${label(status.status).toLowerCase()}: ${stateMeaning(status.status)}.`);
      shown = status.status;
      fill(state, stateBadge(shown));
      fill(actions, canWrite && batchActions(batchId, status));
      if (ENDED.includes(shown)) setText(link, '');
    }
    refill(about, aboutOf(status));
  }
  return {
    node: el(
      'div',
      el('p.crumb', el('a', {href: href('/batches')}, 'Campaigns'), ' /'),
      el('div.page-head', el('div.words', el('h1.batch-title', el('span.mono', batchId), state, link), about), actions),
    ),
    tell,
    tellLink: (isUp) => setText(link, isUp ? '● live' : 'connection lost, trying again…'),
    tellEnd: () => setText(link, ''),
  };
}

function aboutOf(status) {
  return [
    `Agent ${status.agentId} · trunk ${status.trunk} · priority ${status.priority} `,
    status.redialOf && [' · calls again ', el('a', {href: href(`/batches/${status.redialOf}`)}, status.redialOf), ' '],
    status.tags.map((tag) => el('a.tag', {href: href('/batches', {tag})}, tag)),
  ];
}
