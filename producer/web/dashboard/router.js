// SPDX-License-Identifier: Apache-2.0
// Which view an address is of. Links inside the dashboard change the address without loading the page again.

const BASE = '/dashboard';

export function href(path, values) {
  const told = values ? new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString() : '';
  return `${BASE}${path}${told ? `?${told}` : ''}`;
}

/** {route, params} of the first route whose pattern ("/batches/:id") the path has; null where none has. */
export function match(routes, pathname) {
  const parts = pathname.slice(BASE.length).split('/').filter(Boolean);
  for (const route of routes) {
    const names = route.path.split('/').filter(Boolean);
    if (names.length !== parts.length) continue;
    const params = {};
    const fits = names.every((name, i) => {
      if (!name.startsWith(':')) return name === parts[i];
      params[name.slice(1)] = decodeURIComponent(parts[i]);
      return true;
    });
    if (fits) return {route, params};
  }
  return null;
}

export function navigate(to, {replace = false} = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  window.dispatchEvent(new Event('address'));
}

/** Changes the query of the address and nothing else: the view that asks for it has it on the page already. */
export function rememberQuery(values) {
  const told = new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();
  history.replaceState(null, '', told ? `?${told}` : location.pathname);
}

/** Follows clicks on our own links, and the browser's way back. */
export function followAddress(show) {
  window.addEventListener('popstate', show);
  window.addEventListener('address', show);
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href]');
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !link || !isPlain || link.target || link.hasAttribute('download')) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !to.pathname.startsWith(`${BASE}/`) || link.getAttribute('href').startsWith('#'))
      return;
    event.preventDefault();
    navigate(to.pathname + to.search);
  });
}
