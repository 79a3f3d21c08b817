#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Replays the corpus of each fuzz target, and seeded mutations of it, and ends with one line, "N passed, N failed",
# counting targets: tests/fuzz/run.sh build/release/fuzz/fuzz_x ...
set -u

MUTATIONS=${MUTATIONS:-2000}
passed=0
failed=0

for program in "$@"; do
  name=$(basename "$program")
  if output=$(timeout 120 "$program" "tests/fuzz/corpus/$name" "$MUTATIONS" 2>&1); then
    printf 'ok    %s: %s\n' "$name" "$output"
    passed=$((passed + 1))
  else
    printf 'FAIL  %s (exit status %d)\n%s\n' "$name" "$?" "$output"
    failed=$((failed + 1))
  fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
