#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what make bench-peers compares Carillon with: the packages of package-lock.json into build/peers, from npm, and
# beanstalkd (deploy/install-deps.sh --peers), where they are not there yet. Fails, and says why, where Node 20 is missing.
set -euo pipefail
cd "$(dirname "$0")"
target=../../../build/peers

fail() {
  echo "bench-peers: $1" >&2
  exit 1
}

command -v node >/dev/null || fail "Node 20 or later is needed, and there is no node"
command -v npm >/dev/null || fail "npm is needed, and there is none"
version=$(node --version)
major=${version#v}
major=${major%%.*}
[ "$major" -ge 20 ] || fail "Node 20 or later is needed, and node is $version"
command -v beanstalkd >/dev/null || ../../../deploy/install-deps.sh --peers

if [ -d "$target/node_modules" ] && cmp -s package-lock.json "$target/installed"; then
  exit 0
fi
echo "bench-peers: installing the packages of tests/bench/peers/package-lock.json into build/peers"
mkdir -p "$target"
rm -f "$target/installed"
cp package.json package-lock.json .npmrc "$target/"
# No package's own script is run: none of these needs one.
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || fail "npm could not install"
cp package-lock.json "$target/installed"
