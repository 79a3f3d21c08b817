// SPDX-License-Identifier: Apache-2.0
// Runs before anything is painted: a theme that was chosen holds from the first frame on.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('carillon.theme');
  } catch {
    // A browser that keeps nothing follows the system.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
