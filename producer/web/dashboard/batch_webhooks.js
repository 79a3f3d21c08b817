// SPDX-License-Identifier: Apache-2.0
// Where a campaign's webhooks lead, and how those places are.

import {read} from './api.js';
import {el, fill, refill} from './dom.js';
import {endpointRow} from './endpoint_row.js';
import {card, empty, facts, faultBox} from './parts.js';
import {repeat} from './timing.js';

const EVERY_MS = 4000;

export function tabView({signal, first, onStatus}) {
  const urls = el('div');
  const health = el('div');
  let webhooks = first.options.webhooks;
  const origins = () => new Set(Object.values(webhooks).map((url) => new URL(url).origin));

  onStatus((status) => {
    webhooks = status.options.webhooks;
    const told = Object.entries(webhooks);
    refill(
      urls,
      told.length
        ? facts(told.map(([name, url]) => [name, el('span.mono', url)]))
        : empty('This campaign has no webhooks.', 'They can be added in its settings.'),
    );
  });
  repeat(
    EVERY_MS,
    signal,
    async () => {
      if (!Object.keys(webhooks).length) return;
      const {endpoints} = await read('/api/v1/webhooks/endpoints', signal);
      refill(health, endpoints.filter(({origin}) => origins().has(origin)).map(endpointRow));
    },
    (error) => fill(health, faultBox(error)),
  );
  return el('div', card('Where they lead', urls), health);
}
