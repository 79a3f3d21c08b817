// SPDX-License-Identifier: Apache-2.0
// beanstalkd's side of tests/bench/bench_peers.py, as bullmq.js is BullMQ's. It speaks the protocol itself: commands one
// behind the other on one connection, without waiting for each answer.
//
//   node beanstalkd.js SOCKET bulk JOBS AT_A_TIME
//   node beanstalkd.js SOCKET jobs JOBS AHEAD            so many reserves ahead of their answers
'use strict';
const net = require('net');
const {nowS, payload, tell} = require('./payload.js');

const [socket, what, ...numbers] = process.argv.slice(2);
const LOAD_AT_A_TIME = 1000;

// Answers line by line; `onLine` answers how many bytes follow a line, which are passed over.
function connect(onLine) {
  const link = net.connect(socket);
  let rest = '';
  link.setEncoding('latin1');
  link.on('data', (data) => {
    rest += data;
    for (let end = rest.indexOf('\r\n'), at = 0; ; end = rest.indexOf('\r\n', at)) {
      const words = end < 0 ? [] : rest.slice(at, end).split(' ');
      const body = words[0] === 'RESERVED' ? Number(words[2]) + 2 : 0;
      if (end < 0 || rest.length < end + 2 + body) {
        rest = rest.slice(at);
        return;
      }
      at = end + 2 + body;
      onLine(words);
    }
  });
  return link;
}

async function addAll(jobs, atATime) {
  let answered = 0, asked = 0, go;
  const link = connect(([word]) => {
    if (word !== 'INSERTED') throw new Error(word);
    if (++answered === asked) go();
  });
  while (asked < jobs) {
    const puts = [];
    for (const to = Math.min(asked + atATime, jobs); asked < to; asked++) {
      const body = JSON.stringify(payload(asked));
      puts.push(`put 1024 0 60 ${body.length}\r\n${body}\r\n`);
    }
    link.write(puts.join(''));
    await new Promise((resolve) => { go = resolve; });
  }
  link.end();
}

async function bulk(jobs, atATime) {
  const began = nowS();
  await addAll(jobs, atATime);
  return jobs / (nowS() - began);
}

async function jobs(count, ahead) {
  await addAll(count, LOAD_AT_A_TIME);
  const began = nowS();
  await new Promise((resolve) => {
    let reserved = Math.min(ahead, count), deleted = 0;
    const link = connect(([word, id]) => {
      if (word === 'RESERVED') link.write(reserved < count ? `delete ${id}\r\nreserve\r\n` : `delete ${id}\r\n`);
      else if (word !== 'DELETED') throw new Error(word);
      else if (++deleted === count) resolve();
      if (word === 'RESERVED') reserved++;
    });
    link.write('reserve\r\n'.repeat(reserved));
  });
  return count / (nowS() - began);
}

tell({bulk, jobs}[what](...numbers.map(Number)));
