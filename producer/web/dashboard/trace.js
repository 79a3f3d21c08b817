// SPDX-License-Identifier: Apache-2.0
// What is known of a campaign's past: told live by its statuses while a page of it is open, and read once from its calls. Kept
// while the dashboard is open, whichever tab is looked at.

import {read} from './api.js';

const KEPT = 8; // campaigns
const PAGE = 1000;
const PAGES_MOST = 20; // of calls that are read for what was before
const AWAY_S = 5; // without listening: the calls are read again for what happened meanwhile
const POINTS_MOST = 4000;

const traces = new Map();

export function traceOf(batchId) {
  const trace = traces.get(batchId) || new Trace(batchId);
  traces.delete(batchId);
  traces.set(batchId, trace);
  if (traces.size > KEPT) traces.delete(traces.keys().next().value);
  return trace;
}

class Trace {
  constructor(batchId) {
    this.batchId = batchId;
    this.rates = []; // [second, calls a second], as the producer measured them; null where nobody listened
    this.leftAt = 0; // since when nobody listens
    this.forget();
  }

  forget() {
    this.begins = new Map(); // second → calls begun in it
    this.ends = new Map(); // second → {outcome: contacts that ended so from then on, for `step` seconds}
    this.step = 1;
    this.isCut = false; // more calls than are read
    this.pastUntil = 0; // the second up to which the calls tell of the past
    this.last = null;
    this.hasPast = false;
    this.isReading = false;
  }

  /** Nobody listens from now on, until the next status comes. */
  leave(now = Date.now() / 1000) {
    this.leftAt ||= now;
  }

  /** Takes a status that is told now. */
  add(status, now = Date.now() / 1000) {
    const second = Math.floor(now);
    if (this.leftAt && now - this.leftAt > AWAY_S) {
      this.rates.push([now - 1, null]);
      this.forget();
    }
    this.leftAt = 0;
    this.addRate(now, status);
    if (!this.pastUntil) this.pastUntil = second + 1;
    if (this.last) {
      for (const [outcome, contacts] of Object.entries(status.outcomes)) {
        const more = contacts - (this.last.outcomes[outcome] || 0);
        if (more > 0) this.addEnd(second, outcome, more);
      }
    }
    this.last = status;
  }

  addRate(now, status) {
    this.rates.push([now, status.performance.callsPerSecond]);
    if (this.rates.length > POINTS_MOST) this.rates = this.rates.filter((_, i) => i % 2 === 0);
  }

  addEnd(at, outcome, contacts) {
    if (this.ends.size >= POINTS_MOST) this.coarsen();
    this.count(at - (at % this.step), outcome, contacts);
  }

  /** Twice as many seconds to a place, so that a campaign of weeks takes no more room than one of an hour. */
  coarsen() {
    const fine = this.ends;
    this.step *= 2;
    this.ends = new Map();
    for (const [second, ended] of fine) {
      for (const [outcome, contacts] of Object.entries(ended)) this.count(second - (second % this.step), outcome, contacts);
    }
  }

  count(second, outcome, contacts) {
    const at = this.ends.get(second) || {};
    at[outcome] = (at[outcome] || 0) + contacts;
    this.ends.set(second, at);
  }

  /** Reads the calls that began and ended before the first status, once; `signal` ends it, and it may be tried again. */
  async readPast(signal) {
    if (this.hasPast || this.isReading) return;
    this.isReading = true;
    try {
      await this.readPages(signal);
    } finally {
      this.isReading = false;
    }
  }

  async readPages(signal) {
    const {pastUntil} = this;
    const ends = [];
    const begins = new Map();
    let cursor = null;
    for (let page = 0; page < PAGES_MOST; page += 1) {
      const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
      const answer = await read(`/api/v1/batch/${this.batchId}/calls?limit=${PAGE}${more}`, signal);
      for (const call of answer.calls) this.takePast(call, begins, ends);
      cursor = answer.nextCursor;
      if (!cursor) break;
    }
    this.isCut = cursor !== null;
    if (pastUntil !== this.pastUntil) return; // nobody listened meanwhile
    this.hasPast = true;
    this.begins = begins;
    for (const [second, outcome] of ends) this.addEnd(second, outcome, 1);
  }

  takePast(call, begins, ends) {
    const begun = call.attempts > 0 && call.createdAt && Math.floor(Date.parse(call.createdAt) / 1000);
    if (begun && begun < this.pastUntil) begins.set(begun, (begins.get(begun) || 0) + 1);
    const isFinal = call.outcome && !call.nextAttemptAt && call.endedAt;
    const ended = isFinal && Math.floor(Date.parse(call.endedAt) / 1000);
    if (ended && ended < this.pastUntil) ends.push([ended, call.outcome]);
  }

  /** [second, calls a second], oldest first: from begins before the first status, as measured after it. */
  pace(bins) {
    const seconds = [...this.begins.keys()].sort((a, b) => a - b);
    if (!seconds.length) return thinned(this.rates, bins);
    const from = seconds[0];
    const width = Math.max(1, Math.ceil((seconds.at(-1) - from + 1) / bins));
    const sums = new Array(Math.ceil((seconds.at(-1) - from + 1) / width)).fill(0);
    for (const [second, calls] of this.begins) sums[Math.floor((second - from) / width)] += calls;
    const past = sums.map((calls, i) => [from + (i + 0.5) * width, calls / width]);
    return [...past.filter(([at]) => at < this.rates[0][0]), ...thinned(this.rates, bins)];
  }

  /** {from, width, bins: [{outcome: contacts}]}: what ended when, in at most so many bins of the same width in seconds. */
  endings(most) {
    const seconds = [...this.ends.keys()];
    if (!seconds.length) return {from: 0, width: 1, bins: []};
    const from = Math.min(...seconds);
    const span = Math.max(...seconds) - from + 1;
    const width = niceWidth(Math.max(span / most, this.step));
    const start = Math.floor(from / width) * width;
    const bins = Array.from({length: Math.floor((from + span - 1 - start) / width) + 1}, () => ({}));
    for (const [second, ended] of this.ends) {
      const bin = bins[Math.floor((second - start) / width)];
      for (const [outcome, contacts] of Object.entries(ended)) bin[outcome] = (bin[outcome] || 0) + contacts;
    }
    return {from: start, width, bins};
  }
}

function thinned(points, most) {
  const step = Math.ceil(points.length / (4 * most));
  return step > 1 ? points.filter((point, i) => i % step === 0 || i === points.length - 1) : points;
}

const WIDTHS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
/** A width that people count in, at least so many seconds. */
function niceWidth(least) {
  return WIDTHS.find((width) => width >= least) || Math.ceil(least / 86400) * 86400;
}
