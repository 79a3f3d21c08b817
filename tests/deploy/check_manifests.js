// SPDX-License-Identifier: Apache-2.0
// Reads [{name, document}, ...] from stdin and writes the faults of each as lines: by the schemas of Kubernetes's and KEDA's
// kinds, and, since those let pass what they do not know, by their types, in which a misspelt name is a fault.
//
//   node check_manifests.js PACKAGES WORK      PACKAGES: the folder with node_modules, WORK: an empty one below it
"use strict";
const fs = require("fs");
const path = require("path");
const { execFileSync } = require("child_process");

const [packages, work] = process.argv.slice(2).map((folder) => path.resolve(folder));
const load = (name) => require(require.resolve(name, { paths: [packages] }));

// Where the package has the kind: "apps/v1" and Deployment are kubernetes-models/apps/v1.
function moduleOf({ apiVersion, kind }) {
  const [group] = apiVersion.split("/");
  if (group === "keda.sh") return `@kubernetes-models/keda/${apiVersion}/${kind}`;
  return `kubernetes-models/${apiVersion}/${kind}`;
}

function byTypes(entries) {
  const lines = entries.flatMap(({ document }, i) => [
    `import { I${document.kind} as T${i} } from "${moduleOf(document)}";`,
    `export const d${i}: T${i} = ${JSON.stringify(document)};`,
  ]);
  fs.writeFileSync(path.join(work, "manifests.ts"), lines.join("\n") + "\n");
  const compiler = require.resolve("typescript/bin/tsc", { paths: [packages] });
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", "manifests.ts"];
  try {
    execFileSync(process.execPath, [compiler, ...options], { cwd: work, encoding: "utf8" });
    return [];
  } catch (failure) {
    // "manifests.ts(4,17): error ...": two lines a document.
    return failure.stdout.split("\n").filter(Boolean).map((line) => {
      const at = /^manifests\.ts\((\d+),/.exec(line);
      return at ? `${entries[(at[1] - 1) >> 1].name}: ${line}` : line;
    });
  }
}

function bySchema({ name, document }) {
  try {
    const Kind = load(moduleOf(document))[document.kind];
    new Kind(document).validate();
    return [];
  } catch (failure) {
    return [`${name}: ${failure.message}`];
  }
}

const entries = JSON.parse(fs.readFileSync(0, "utf8"));
const faults = [...entries.flatMap(bySchema), ...byTypes(entries)];
process.stdout.write(faults.map((line) => line + "\n").join(""));
