// SPDX-License-Identifier: Apache-2.0
//
// Asks the package standardwebhooks, as a receiver of webhooks would, whether it believes requests: reads a JSON array of
// {secret, headers, body} from stdin, and writes an array with one object for each: {"value"}, the body as the package read
// it, or {"error"}. The package lies in build/platforms, where NODE_PATH points.

"use strict";

const { Webhook } = require("standardwebhooks");

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const results = JSON.parse(text).map(({ secret, headers, body }) => {
    try {
      return { value: new Webhook(secret).verify(body, headers) };
    } catch (error) {
      return { error: { name: error.name, message: error.message } };
    }
  });
  process.stdout.write(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
