// SPDX-License-Identifier: Apache-2.0
// Whether a trunk's platform fails: its breaker in words.

import {el} from './dom.js';
import {instant, relative} from './format.js';
import {badge} from './parts.js';

export function breakerBadge({breaker}) {
  if (breaker === null) return badge('good', 'Well');
  return badge(breaker === 'open' ? 'bad' : 'warn', breaker === 'open' ? 'Open' : 'Trying');
}

/** What the breaker's state means; null while all goes well. */
export function breakerHint({breaker, breakerReason, breakerSince, breakerUntil}) {
  if (breaker === null) return null;
  const since = `The platform has failed since ${instant(breakerSince)}${breakerReason ? ` (${breakerReason})` : ''}.`;
  const then =
    breaker === 'open'
      ? `Nothing begins until ${instant(breakerUntil)} (${relative(breakerUntil)}); then one call tries it.`
      : 'One call is trying it now.';
  return el('p.hint.warn', `${since} ${then}`);
}
