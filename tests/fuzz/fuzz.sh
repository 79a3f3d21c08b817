#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes each target for FUZZ_SECONDS with libFuzzer, from its corpus on: tests/fuzz/fuzz.sh build/fuzz/fuzz/fuzz_x ...
#
# Inputs that reach new code are kept in build/fuzz/corpus for the next run. An input that breaks a promise is kept in
# the target's corpus as crash-<sha1>, so that every later `make test` fails on it until it is mended. Ends with one
# line, "N passed, N failed", counting targets.
set -u

FUZZ_SECONDS=${FUZZ_SECONDS:-60}
INPUT_BYTES_MAX=65536
INPUT_TIMEOUT_S=25
MEMORY_MB=2048
passed=0
failed=0

for program in "$@"; do
  name=$(basename "$program")
  corpus=tests/fuzz/corpus/$name
  found=build/fuzz/corpus/$name
  log=build/fuzz/$name.log
  mkdir -p "$found"
  if nice "$program" -max_total_time="$FUZZ_SECONDS" -max_len="$INPUT_BYTES_MAX" -timeout="$INPUT_TIMEOUT_S" \
    -rss_limit_mb="$MEMORY_MB" -print_final_stats=1 -artifact_prefix="$corpus/" "$found" "$corpus" >"$log" 2>&1; then
    printf 'ok    %s: %s inputs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    passed=$((passed + 1))
  else
    printf 'FAIL  %s (exit status %d; the whole of it is in %s)\n' "$name" "$?" "$log"
    grep -aE 'ERROR|SUMMARY|Test unit written|runtime error|^ +#[0-9]+ ' "$log" | head -n 25
    failed=$((failed + 1))
  fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
