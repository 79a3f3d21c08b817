// SPDX-License-Identifier: Apache-2.0
// Dialogs: the browser's own, so that focus, Escape and what lies behind are as everybody expects.

import {el, fill, freshId} from './dom.js';
import {faultBox} from './parts.js';

/** Opens a dialog of that content; `close()` ends it. Focus goes back to where it was. */
export function openDialog(title, content, {onClose, wide} = {}) {
  const id = freshId('dialog');
  const closer = el('button.plain', {type: 'button', 'aria-label': 'Close', on: {click: () => dialog.close()}}, '✕');
  const dialog = el(
    wide ? 'dialog.wide' : 'dialog',
    {'aria-labelledby': id},
    el('div.dialog-head', el('h2', {id}, title), closer),
    content,
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    onClose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return {dialog, close: () => dialog.close()};
}

/**
 * Asks before something is done, and does it: `run` is awaited with the dialog open, and its failure shown there.
 * `body`: what to know before, or fields. Resolves to true when it was done, to false when it was not.
 */
export function confirmed(title, {body, verb, isDanger = false, run}) {
  return new Promise((resolve) => {
    let isDone = false;
    const problems = el('div');
    const yes = el(isDanger ? 'button.primary.danger' : 'button.primary', {type: 'submit'}, verb);
    const no = el('button', {type: 'button', on: {click: () => opened.close()}}, 'Back');
    const form = el(
      'form',
      {novalidate: true, on: {submit: submitted}},
      el('div.dialog-body', problems, body),
      el('div.dialog-foot', no, yes),
    );
    const opened = openDialog(title, form, {onClose: () => resolve(isDone)});
    (form.querySelector('input, select, textarea') || no).focus();

    async function submitted(event) {
      event.preventDefault();
      yes.disabled = true;
      try {
        await run();
        isDone = true;
        opened.close();
      } catch (error) {
        fill(problems, faultBox(error));
        yes.disabled = false;
      }
    }
  });
}
