// SPDX-License-Identifier: Apache-2.0
// BullMQ's side of tests/bench/bench_peers.py: one measurement, told as one line of JSON.
//
//   node bullmq.js SOCKET bulk JOBS AT_A_TIME ABREAST    jobs added a second
//   node bullmq.js SOCKET jobs JOBS CONCURRENCY          no-op jobs done a second, all added before
//   node bullmq.js SOCKET limited QUEUES RATE SECONDS    starts a second of so many queues, each limited to RATE a second
'use strict';
const {Queue, Worker} = require('bullmq');
const {nowS, payload, tell} = require('./payload.js');

const [socket, what, ...numbers] = process.argv.slice(2);
const connection = {path: socket, maxRetriesPerRequest: null};
const LOAD_AT_A_TIME = 1000;
const SETTLE_MS = 2000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function makeBulk(from, to) {
  return Array.from({length: to - from}, (_, i) => ({name: 'call', data: payload(from + i)}));
}

// addBulk after addBulk, `abreast` of them at a time.
async function addAll(queue, jobs, atATime, abreast) {
  let next = 0;
  async function lane() {
    while (next < jobs) {
      const from = next;
      next += atATime;
      await queue.addBulk(makeBulk(from, Math.min(from + atATime, jobs)));
    }
  }
  await Promise.all(Array.from({length: abreast}, lane));
}

async function bulk(jobs, atATime, abreast) {
  const queue = new Queue('bulk', {connection});
  await queue.waitUntilReady();
  const began = nowS();
  await addAll(queue, jobs, atATime, abreast);
  return jobs / (nowS() - began);
}

async function jobs(count, concurrency) {
  const queue = new Queue('jobs', {connection});
  await addAll(queue, count, LOAD_AT_A_TIME, 1);
  const worker = new Worker('jobs', async () => {}, {connection, concurrency, autorun: false});
  await worker.waitUntilReady();
  let done = 0;
  const all = new Promise((resolve) => {
    worker.on('completed', () => { if (++done === count) resolve(); });
  });
  const began = nowS();
  worker.run();
  await all;
  return count / (nowS() - began);
}

async function limited(queues, rate, seconds) {
  const names = Array.from({length: queues}, (_, i) => `limited${i}`);
  for (const name of names) {
    const queue = new Queue(name, {connection});
    await addAll(queue, rate * (seconds + 4), LOAD_AT_A_TIME, 1);
    await queue.close();
  }
  let starts = 0;
  const noOp = async () => { starts++; };
  const options = {connection, concurrency: rate, limiter: {max: rate, duration: 1000}};
  const workers = names.map((name) => new Worker(name, noOp, options));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  await pause(SETTLE_MS); // the first second is full of what waited until all were connected
  const before = starts, began = nowS();
  await pause(seconds * 1000);
  return (starts - before) / (nowS() - began);
}

tell({bulk, jobs, limited}[what](...numbers.map(Number)));
