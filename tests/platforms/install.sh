#!/usr/bin/env bash
# Installs the vendors' packages of package-lock.json into build/platforms, from npm, where they are not there yet. Fails,
# and says why, where Node 20 or later or npm is missing: make test-platforms never skips.
set -euo pipefail
cd "$(dirname "$0")"
target=../../build/platforms

fail() {
  echo "test-platforms: $1" >&2
  exit 1
}

command -v node >/dev/null || fail "Node 20 or later is needed, and there is no node"
command -v npm >/dev/null || fail "npm is needed, and there is none"
version=$(node --version)
major=${version#v}
major=${major%%.*}
[ "$major" -ge 20 ] || fail "Node 20 or later is needed, and node is $version"

if [ -d "$target/node_modules" ] && cmp -s package-lock.json "$target/installed"; then
  exit 0
fi
echo "test-platforms: installing the packages of tests/platforms/package-lock.json into build/platforms"
mkdir -p "$target"
rm -f "$target/installed"
cp package.json package-lock.json .npmrc "$target/"
# No package's own script is run: none of these needs one.
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || fail "npm could not install"
cp package-lock.json "$target/installed"
