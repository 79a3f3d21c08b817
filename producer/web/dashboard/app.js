// SPDX-License-Identifier: Apache-2.0
// The dashboard: who is signed in, which view the address is of, and what stands around it.

import {ask, read} from './api.js';
import {el, fill} from './dom.js';
import {frameHead, markPlace} from './frame.js';
import {loginView} from './login.js';
import {tellFault} from './notice.js';
import {empty, faultBox} from './parts.js';
import {followAddress, href, match, navigate} from './router.js';

const TENANT_ROUTES = [
  {path: '/batches', title: 'Campaigns', load: () => import('./batches.js')},
  {path: '/batches/new', title: 'New campaign', load: () => import('./create.js'), writes: true},
  {path: '/batches/:id', title: 'Campaign', load: () => import('./batch.js')},
  {path: '/batches/:id/:tab', title: 'Campaign', load: () => import('./batch.js')},
  {path: '/tags', title: 'Tags', load: () => import('./tags.js')},
  {path: '/webhooks', title: 'Webhooks', load: () => import('./webhooks.js')},
  {path: '/webhooks/:id', title: 'Webhook endpoint', load: () => import('./endpoint.js')},
  {path: '/account', title: 'Account', load: () => import('./account.js')},
];
const OPERATOR_ROUTES = [
  {path: '/fleet', title: 'Fleet', load: () => import('./fleet.js')},
  {path: '/tenants', title: 'Tenants', load: () => import('./tenants.js')},
  {path: '/tenants/:id', title: 'Tenant', load: () => import('./tenant.js')},
  {path: '/trunks', title: 'Trunks', load: () => import('./trunks.js')},
  {path: '/trunks/:id', title: 'Trunk', load: () => import('./trunk.js')},
  {path: '/why', title: 'Why', load: () => import('./operator_why.js')},
];

const main = document.getElementById('main');
const head = document.getElementById('head');
let session = null;
let leaving = new AbortController();

function routes() {
  return session.role === 'operator' ? OPERATOR_ROUTES : TENANT_ROUTES;
}

function showLogin() {
  leaving.abort();
  session = null;
  head.hidden = true;
  remembered.set(false);
  document.title = 'Sign in · Carillon';
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
  fill(main, loginView(signedIn));
}

async function showView() {
  if (!session) return;
  leaving.abort();
  leaving = new AbortController();
  const {signal} = leaving;
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
  const found = match(routes(), location.pathname);
  if (!found || (found.route.writes && session.role === 'viewer')) return showNowhere();
  setTitle(found.route.title);
  markPlace(head, location.pathname);
  try {
    const module = await found.route.load();
    if (signal.aborted) return undefined;
    const node = await module.view({
      params: found.params,
      query: new URLSearchParams(location.search),
      session,
      signal,
      setTitle,
      canWrite: session.role !== 'viewer',
    });
    if (signal.aborted) return undefined;
    fill(main, node);
    main.focus({preventScroll: true});
    window.scrollTo(0, 0);
  } catch (error) {
    if (!signal.aborted && error.status !== 401) fill(main, faultBox(error));
  }
  return undefined;
}

function showNowhere() {
  const home = href(session.role === 'operator' ? '/fleet' : '/batches');
  if (['/dashboard', '/dashboard/'].includes(location.pathname)) return navigate(home, {replace: true});
  setTitle('Not here');
  return fill(main, empty('There is no such page.', el('a', {href: home}, 'To the beginning')));
}

function setTitle(title) {
  document.title = `${title} · Carillon`;
}

/** That somebody signed in here: only then is it worth to ask who. The cookie itself no script can see. */
const remembered = {
  get: () => {
    try {
      return localStorage.getItem('carillon.signed-in') === 'yes';
    } catch {
      return true;
    }
  },
  set: (isIn) => {
    try {
      if (isIn) localStorage.setItem('carillon.signed-in', 'yes');
      else localStorage.removeItem('carillon.signed-in');
    } catch {
      // Then it is asked each time.
    }
  },
};

async function signOut() {
  await ask('DELETE', '/dashboard/session').catch(tellFault);
  showLogin();
}

async function start() {
  if (!remembered.get()) return showLogin();
  try {
    session = await read('/dashboard/session');
  } catch (error) {
    if (error.status === 401) return showLogin();
    return fill(main, faultBox(error));
  }
  head.hidden = false;
  fill(head, frameHead(session, signOut));
  return showView();
}

function signedIn() {
  remembered.set(true);
  return start();
}

window.addEventListener('session-over', () => session && showLogin());
followAddress(showView);
start();
