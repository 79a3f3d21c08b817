// SPDX-License-Identifier: Apache-2.0
//
// Does with the vendors' own packages what a test asks for: reads one JSON object from stdin, {"steps": [[name, args],
// ...], ...}, does the steps in order, and writes a JSON array with one object for each: {"value"} or {"error"}. The
// packages lie in build/platforms, where NODE_PATH points.

"use strict";

const { Retell } = require("retell-sdk");
const twilio = require("twilio");

// Retell: its SDK asks the stand-in in place of api.retellai.com. maxRetries 0: what it would repeat, a test would not see.
function retellSteps({ url, key }) {
  const client = new Retell({ apiKey: key, baseURL: url, maxRetries: 0 });
  return {
    create: (body) => client.call.createPhoneCall(body),
    get: (id) => client.call.retrieve(id),
    list: (body) => client.call.list(body),
    stop: (id) => client.call.stop(id),
    concurrency: () => client.concurrency.retrieve(),
    verify: (body, signature) => Retell.verify(body, key, signature),
  };
}

// Twilio's SDK has its host built in; its HTTP client is the place to send it elsewhere.
class Elsewhere extends twilio.RequestClient {
  constructor(url) {
    super();
    this.url = url;
  }

  request(options) {
    return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", this.url) });
  }
}

function twilioSteps({ url, key, account }) {
  const client = twilio(account, key, { httpClient: new Elsewhere(url) });
  const dates = (filters) =>
    Object.fromEntries(
      Object.entries(filters).map(([name, value]) => [name, /Time/.test(name) ? new Date(value) : value]),
    );
  return {
    create: (params) => client.calls.create(params),
    get: (sid) => client.calls(sid).fetch(),
    update: (sid, params) => client.calls(sid).update(params),
    list: (filters) => client.calls.list(dates(filters)),
    verify: async (callback, params, signature) => twilio.validateRequest(key, signature, callback, params),
  };
}

// What an SDK's error tells of the answer behind it.
function describe(error) {
  const { name, status, code, message, moreInfo } = error;
  return { name, status, code, message, moreInfo };
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const task = JSON.parse(text);
  const steps = task.vendor === "retell" ? retellSteps(task) : twilioSteps(task);
  const results = [];
  for (const [name, args] of task.steps) {
    try {
      const value = await steps[name](...args);
      results.push({ value: value === undefined ? null : value });
    } catch (error) {
      results.push({ error: describe(error) });
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
