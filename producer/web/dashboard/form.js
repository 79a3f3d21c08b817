// SPDX-License-Identifier: Apache-2.0
// Fields of a form, each known by the path that the API names it by, so that a refusal stands at the field it is about.

import {el, freshId, setText} from './dom.js';
import {sentence} from './words.js';

export class Form {
  constructor() {
    this.fields = []; // {path, control, fault}
  }

  /** A control with its label, at `path`. `note`: what to know; `wide`: over the whole width. */
  field(path, name, control, {note, wide} = {}) {
    control.id ||= freshId('field');
    const fault = el('p.field-fault', {id: `${control.id}-fault`, hidden: true});
    const noteId = `${control.id}-note`;
    control.setAttribute('aria-describedby', note ? `${noteId} ${fault.id}` : fault.id);
    this.fields.push({path, control, fault});
    return el(
      wide ? 'div.wide' : 'div',
      el('label', {for: control.id}, name),
      control,
      note && el('p.field-note', {id: noteId}, note),
      fault,
    );
  }

  clear() {
    for (const {control, fault} of this.fields) {
      control.removeAttribute('aria-invalid');
      fault.hidden = true;
    }
  }

  /** Shows an error's faults at their fields, the first of which gets the focus. True where every fault had a field. */
  showFaults(faults) {
    this.clear();
    const placed = faults.map(({path, message}) => this.showFault(path, message));
    const first = placed.find(Boolean);
    first?.focus();
    return placed.length > 0 && placed.every(Boolean);
  }

  showFault(path, message) {
    const found = this.fields.filter(
      (field) => path === field.path || path.startsWith(`${field.path}.`) || path.startsWith(`${field.path}[`),
    );
    const best = found.sort((a, b) => b.path.length - a.path.length)[0];
    if (!best) return null;
    best.control.setAttribute('aria-invalid', 'true');
    setText(best.fault, sentence(message));
    best.fault.hidden = false;
    return best.control;
  }
}

/* ---- controls ---- */

export function numberInput(value, {min, max, step = 1, placeholder} = {}) {
  return el('input', {type: 'number', inputmode: 'decimal', min, max, step, placeholder, value: value ?? ''});
}

export function textInput(value, attributes = {}) {
  return el('input', {type: 'text', autocomplete: 'off', spellcheck: 'false', ...attributes, value: value ?? ''});
}

export function selectInput(options, value) {
  return el(
    'select',
    options.map(([key, name]) => el('option', {value: key, selected: key === value}, name)),
  );
}

/** A number, or undefined where nothing stands there. */
export function numberOf(input) {
  return input.value === '' ? undefined : Number(input.value);
}

/** A text without what stands around it, or undefined. */
export function textOf(input) {
  return input.value.trim() || undefined;
}

export function listOf(input) {
  const items = input.value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
  return items.length ? items : undefined;
}

/** An object without the members that are undefined; undefined where none is left. */
export function told(object) {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return entries.length ? Object.fromEntries(entries) : undefined;
}
