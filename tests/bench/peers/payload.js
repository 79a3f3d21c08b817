// SPDX-License-Identifier: Apache-2.0
// What every job of a peer carries: 235 bytes of JSON, 112 of them values, as random text. bench_ingest.py has the same
// contacts as CSV.
'use strict';
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

// Marsaglia's xorshift: the same texts in every run, and none that compresses.
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
  callId: text(20), phoneNumber: `+1${2000000000 + (i * 7919) % 7999999993}`, name: text(20),
  variables: {first_variable: text(20), second_variable: text(20), third_variable: text(20)},
});
