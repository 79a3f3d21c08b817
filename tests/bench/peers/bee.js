// SPDX-License-Identifier: Apache-2.0
// bee-queue's side of tests/bench/bench_peers.py, as bullmq.js is BullMQ's.
//
//   node bee.js SOCKET bulk JOBS AT_A_TIME
//   node bee.js SOCKET jobs JOBS CONCURRENCY
'use strict';
const Queue = require('bee-queue');
const {nowS, payload, tell} = require('./payload.js');

const [socket, what, ...numbers] = process.argv.slice(2);
const common = {redis: {path: socket}, sendEvents: false, getEvents: false, storeJobs: false};
const LOAD_AT_A_TIME = 1000;

async function addAll(queue, jobs, atATime) {
  for (let at = 0; at < jobs; at += atATime) {
    const made = [];
    for (let i = at; i < Math.min(at + atATime, jobs); i++) made.push(queue.createJob(payload(i)));
    const errors = await queue.saveAll(made);
    if (errors.size > 0) throw errors.values().next().value;
  }
}

async function bulk(jobs, atATime) {
  const queue = new Queue('bulk', {...common, isWorker: false});
  await queue.ready();
  const began = nowS();
  await addAll(queue, jobs, atATime);
  return jobs / (nowS() - began);
}

async function jobs(count, concurrency) {
  const queue = new Queue('jobs', {...common, removeOnSuccess: true});
  await queue.ready();
  await addAll(queue, count, LOAD_AT_A_TIME);
  let done = 0;
  const began = nowS();
  await new Promise((resolve) => {
    queue.on('succeeded', () => { if (++done === count) resolve(); });
    queue.process(concurrency, async () => {});
  });
  return count / (nowS() - began);
}

tell({bulk, jobs}[what](...numbers.map(Number)));
