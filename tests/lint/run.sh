#!/usr/bin/env bash
# Every linter over everything git knows. All run; the end says which failed. Run by `make lint`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

failed=()
step() {
  local name=$1
  shift
  local output
  if output=$("$@" 2>&1); then
    echo "ok    $name"
  else
    echo "FAIL  $name"
    printf '%s\n' "$output" | head -60
    failed+=("$name")
  fi
}

mapfile -t sources < <(git ls-files '*.c')
mapfile -t all_c < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run')
mapfile -t python < <(git ls-files '*.py')

# One file at a time: clang-tidy 14 takes every va_list for uninitialized in the later files of one run.
tidy() {
  # Its count of warnings in other people's headers is noise.
  printf '%s\0' "${sources[@]}" | xargs -0 -P "$(nproc)" -n 1 clang-tidy --quiet -p build 2>&1 |
    { grep -vE '^[0-9]+ warnings? generated\.$' || true; }
}

compile_commands() {
  python3 tests/lint/compile_commands.py build/compile_commands.json
}

step "generated sources" make --no-print-directory -s generated
step "layers, names, banned calls" python3 tests/lint/layers.py
step "function length" python3 tests/lint/functions.py
step "clang-format" clang-format --dry-run -Werror "${all_c[@]}"
step "lua" python3 tests/lint/lua.py
step "packages" python3 tests/lint/packages.py
step "dashboard" python3 tests/lint/dashboard.py
step "shellcheck" shellcheck "${scripts[@]}"
step "python syntax" python3 -m py_compile "${python[@]}"
step "warnings, gcc" make --no-print-directory -s -j"$(nproc)" B=build/lint-gcc WERROR=1 CC=gcc everything
step "warnings, clang" make --no-print-directory -s -j"$(nproc)" B=build/lint-clang WERROR=1 CC=clang everything
step "docs" make --no-print-directory -s B=build/lint-gcc WERROR=1 CC=gcc docs-check
step "cppcheck" cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
  --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches '--suppress=preprocessorErrorDirective:build/gen/*' -I. -Ibuild/gen -D_GNU_SOURCE -j "$(nproc)" "${sources[@]}"
step "compile commands" compile_commands
step "clang-tidy" tidy

if [ "${#failed[@]}" -gt 0 ]; then
  echo "lint: failed: ${failed[*]}"
  exit 1
fi
echo "lint: all passed"
