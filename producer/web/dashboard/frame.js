// SPDX-License-Identifier: Apache-2.0
// The head of the page: where one can go, who is signed in, light or dark.

import {el} from './dom.js';
import {href} from './router.js';

const TENANT_PLACES = [
  ['/batches', 'Campaigns'],
  ['/tags', 'Tags'],
  ['/webhooks', 'Webhooks'],
  ['/account', 'Account'],
];
const OPERATOR_PLACES = [
  ['/fleet', 'Fleet'],
  ['/tenants', 'Tenants'],
  ['/trunks', 'Trunks'],
  ['/why', 'Why'],
];
const ROLES = {tenant: 'may change', viewer: 'may look', operator: 'all tenants'};

export function frameHead(session, signOut) {
  const places = session.role === 'operator' ? OPERATOR_PLACES : TENANT_PLACES;
  return [
    el(
      'div.frame-bar',
      el('a.brand', {href: href('/')}, el('img', {src: '/dashboard/icon.svg', alt: ''}), 'Carillon'),
      el('div.frame-who', el('strong', session.tenant || 'Operator'), el('span.faint', ROLES[session.role])),
      el('div.frame-tools', themeButton(), el('button', {type: 'button', on: {click: signOut}}, 'Sign out')),
    ),
    el(
      'nav.frame-nav',
      {'aria-label': 'Main'},
      places.map(([path, name]) => el('a', {href: href(path)}, name)),
    ),
  ];
}

/** Marks the link of the place that the address is below. */
export function markPlace(head, pathname) {
  for (const link of head.querySelectorAll('nav a')) {
    const at = link.getAttribute('href');
    if (pathname === at || pathname.startsWith(`${at}/`)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function themeButton() {
  const button = el('button', {type: 'button', on: {click: turn}});
  const name = () => {
    button.textContent = isDark() ? '☀ Light' : '☾ Dark';
  };
  function turn() {
    const theme = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem('carillon.theme', theme);
    } catch {
      // It holds until the page is left, then.
    }
    name();
    window.dispatchEvent(new Event('theme'));
  }
  name();
  return button;
}
