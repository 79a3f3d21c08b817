#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs cmocka programs and ends with one line, "N passed, N failed", counting test cases over all of them:
#
#   tests/unit/run.sh build/release/tests/test_buf ...
#
# Failed counts what did not pass: a case that failed, was skipped, or never ran because its program crashed; and once
# more for each program that ends badly although its cases passed, announces no case, or draws a sanitizer's report.
# RUN_UNDER names what runs them, such as valgrind with its options; TIMEOUT_S how long each may take.
set -u

TIMEOUT_S=${TIMEOUT_S:-120}
read -r -a RUN_UNDER <<<"${RUN_UNDER:-}"
SANITIZER_REPORT='ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:'

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# Runs the program "$1" and adds its cases to the sums.
run_program() {
  local status planned ok bad=0 why=''
  CMOCKA_MESSAGE_OUTPUT=TAP timeout "$TIMEOUT_S" "${RUN_UNDER[@]}" "$1" >"$scratch/out" 2>"$scratch/err" </dev/null
  status=$?
  planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$scratch/out" | awk '{ sum += $1 } END { print sum + 0 }')
  ok=$(grep -c '^ok [0-9]' "$scratch/out")
  if ((ok < planned)); then
    bad=$((planned - ok)) why="$bad of $planned cases did not pass"
  elif ((planned == 0)); then
    bad=1 why='no test case announced'
  elif ((ok > planned)); then
    bad=1 why="$ok cases passed where $planned were announced"
  elif ((status != 0)); then
    bad=1 why='every case passed, and yet'
  fi
  if grep -Eq "$SANITIZER_REPORT" "$scratch/out" "$scratch/err"; then
    bad=$((bad + 1)) why="${why:+$why; }a sanitizer's report"
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  if ((bad > 0)); then
    ((status == 124)) && why="$why (ended after $TIMEOUT_S s)"
    printf '==== %s: %s; exit status %d\n' "$1" "$why" "$status"
    grep -v '^ok [0-9]' "$scratch/out"
    tail -n 200 "$scratch/err"
  fi
}

for program in "$@"; do
  run_program "$program"
done
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0 && passed > 0))
