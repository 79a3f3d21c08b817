// SPDX-License-Identifier: Apache-2.0
// BullMQ's side of tests/bench/bench_peers.py: one measurement, told as one line of JSON on stdout.
//
//   node bullmq.js SOCKET bulk JOBS AT_A_TIME            jobs added a second
//   node bullmq.js SOCKET jobs JOBS CONCURRENCY          no-op jobs done a second, added before
//   node bullmq.js SOCKET limited QUEUES RATE SECONDS    starts a second of so many queues, each limited to RATE a second
'use strict';
const {Queue, Worker} = require('bullmq');
const {payload} = require('./payload.js');

const [socket, what, ...numbers] = process.argv.slice(2);
const [first, second, third] = numbers.map(Number);
const connection = {path: socket, maxRetriesPerRequest: null};

const nowS = () => Number(process.hrtime.bigint()) / 1e9;

async function addAll(queue, jobs, atATime) {
  for (let at = 0; at < jobs; at += atATime) {
    const bulk = [];
    for (let i = at; i < Math.min(at + atATime, jobs); i++) bulk.push({name: 'call', data: payload(i)});
    await queue.addBulk(bulk);
  }
}

async function bulk(jobs, atATime) {
  const queue = new Queue('bulk', {connection});
  await queue.waitUntilReady();
  const began = nowS();
  await addAll(queue, jobs, atATime);
  return jobs / (nowS() - began);
}

async function jobs(count, concurrency) {
  const queue = new Queue('jobs', {connection});
  await addAll(queue, count, 1000);
  let done = 0;
  let finish;
  const all = new Promise((resolve) => { finish = resolve; });
  const worker = new Worker('jobs', async () => {}, {connection, concurrency, autorun: false});
  await worker.waitUntilReady();
  worker.on('completed', () => { if (++done === count) finish(); });
  const began = nowS();
  worker.run();
  await all;
  return count / (nowS() - began);
}

async function limited(queues, rate, seconds) {
  const names = Array.from({length: queues}, (_, i) => `limited${i}`);
  for (const name of names) {
    const queue = new Queue(name, {connection});
    await addAll(queue, rate * (seconds + 4), 1000);
    await queue.close();
  }
  let starts = 0;
  const noOp = async () => { starts++; };
  const options = {connection, concurrency: rate, limiter: {max: rate, duration: 1000}};
  const workers = names.map((name) => new Worker(name, noOp, options));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  // The first windows are full of what waited until all were connected.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const before = starts;
  const began = nowS();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return (starts - before) / (nowS() - began);
}

(async () => {
  const perSecond = await {bulk, jobs, limited}[what](first, second, third);
  console.log(JSON.stringify({per_s: perSecond}));
  process.exit(0);
})();
