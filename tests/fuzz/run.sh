#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Replays the corpus of each fuzz target, and seeded mutations of it: tests/fuzz/run.sh build/release/fuzz/fuzz_x ...
set -u

MUTATIONS=${MUTATIONS:-2000}
failed=0

for program in "$@"; do
  name=$(basename "$program")
  if output=$(timeout 120 "$program" "tests/fuzz/corpus/$name" "$MUTATIONS" 2>&1); then
    printf 'ok    %s: %s\n' "$name" "$output"
  else
    printf 'FAIL  %s (exit status %d)\n%s\n' "$name" "$?" "$output"
    failed=1
  fi
done
exit "$failed"
