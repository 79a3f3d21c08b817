#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install_npm.sh WHO FOLDER TARGET: installs the packages of FOLDER/package-lock.json into TARGET, from npm, where they are not
# there yet, for the make target WHO. Fails, and says why, where Node 20 or later or npm is missing.
set -euo pipefail
who=$1 folder=$2 target=$3

fail() {
  echo "$who: $1" >&2
  exit 1
}

command -v node >/dev/null || fail "Node 20 or later is needed, and there is no node"
command -v npm >/dev/null || fail "npm is needed, and there is none"
version=$(node --version)
major=${version#v}
major=${major%%.*}
[ "$major" -ge 20 ] || fail "Node 20 or later is needed, and node is $version"

if [ -d "$target/node_modules" ] && cmp -s "$folder/package-lock.json" "$target/installed"; then
  exit 0
fi
echo "$who: installing the packages of $folder/package-lock.json into $target"
mkdir -p "$target"
rm -f "$target/installed"
cp "$folder/package.json" "$folder/package-lock.json" "$folder/.npmrc" "$target/"
# No package's own script is run: none of these needs one.
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || fail "npm could not install"
cp "$folder/package-lock.json" "$target/installed"
