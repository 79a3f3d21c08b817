// SPDX-License-Identifier: Apache-2.0
// What is told beside the view: read out politely, and shown for a while.

import {el, setText} from './dom.js';
import {faultBox} from './parts.js';

const SHOWN_MS = 6000;

/** For who listens to the page: a change that is seen elsewhere on it. */
export function announce(text) {
  setText(document.getElementById('said'), text);
}

export function tell(text) {
  announce(text);
  const note = shown(el('div', text), 'good');
  setTimeout(() => note.remove(), SHOWN_MS);
}

/** A failure stays until it is closed. */
export function tellFault(error) {
  if (error.name !== 'AbortError') shown(faultBox(error), 'bad');
}

function shown(content, tone) {
  const note = el(
    `div.notice.${tone}`,
    content,
    el('button.plain', {type: 'button', 'aria-label': 'Close this notice', on: {click: () => note.remove()}}, '✕'),
  );
  document.getElementById('notices').append(note);
  return note;
}
