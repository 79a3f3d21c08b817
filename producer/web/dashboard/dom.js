// SPDX-License-Identifier: Apache-2.0
// Elements made by functions. Text gets in as text only: no markup is ever made of data.

/**
 * el('button.primary', {type: 'button', on: {click}}, 'Save', child): an element. `spec` is its tag and classes; a second argument
 * that is a plain object holds attributes (`on`: listeners; true: present; false, null, undefined: absent). What follows are
 * children: nodes, texts, arrays of them; null and false are passed over.
 */
export function el(spec, ...rest) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(' ');
  if (isAttributes(rest[0])) setAttributes(node, rest.shift());
  append(node, rest);
  return node;
}

function isAttributes(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Node);
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === 'value') {
      node.value = value ?? '';
    } else if (value === true) {
      node.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, String(value));
    }
  }
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}

/** Takes out what is in a node and puts this in. */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]';

/** fill() for what is shown again and again: the focus, what is open and what was scrolled stay as they are. */
export function refill(node, ...children) {
  const places = [...node.querySelectorAll(FOCUSABLE)];
  const focused = places.indexOf(document.activeElement);
  const text = document.activeElement.textContent;
  const open = [...node.querySelectorAll('details')].map((details) => details.open);
  const scrolled = [...node.querySelectorAll('.scroll')].map((scroll) => scroll.scrollLeft);
  fill(node, ...children);
  node.querySelectorAll('details').forEach((details, i) => {
    details.open = open[i] ?? details.open;
  });
  node.querySelectorAll('.scroll').forEach((scroll, i) => {
    scroll.scrollLeft = scrolled[i] ?? 0;
  });
  const again = focused < 0 ? null : node.querySelectorAll(FOCUSABLE)[focused];
  if (again?.textContent === text) again.focus({preventScroll: true});
  return node;
}

/** Sets a text where it has changed: what did not change is not painted, nor read out, again. */
export function setText(node, text) {
  const said = String(text);
  if (node.textContent !== said) node.textContent = said;
}

let nextId = 0;
/** An id that no other element of the page has. */
export function freshId(prefix) {
  nextId += 1;
  return `${prefix}-${nextId}`;
}
