// SPDX-License-Identifier: Apache-2.0
// What every job of a peer carries: 235 bytes of JSON, 112 of them values, random text but for the number. bench_ingest.py
// has the same contacts as CSV (PEER).
'use strict';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

// Marsaglia's xorshift: the same texts in every run.
let state = 2463534242;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}

function text(length) {
  let made = '';
  while (made.length < length) made += LETTERS[random() % LETTERS.length];
  return made;
}

exports.payload = (i) => ({
  callId: text(20), phone: `+${12000000000 + (i * 7919) % 7999999993}`, name: text(20),
  variables: {customer_category: text(20), appointment_starts_at: text(20), outstanding_balance: text(20)},
});

exports.nowS = () => Number(process.hrtime.bigint()) / 1e9;

// One line of JSON on stdout, and an end: some of these libraries keep a process alive.
exports.tell = (promise) => promise.then((perSecond) => {
  console.log(JSON.stringify({per_s: perSecond}));
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
