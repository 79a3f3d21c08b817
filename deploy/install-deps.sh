#!/usr/bin/env bash
# Installs what Carillon needs to build, run, test and lint on Debian 12 or Ubuntu 22.04 and later.
# Asks nothing, installs only what is missing, and says what it does. Run by `make demo` and `.ci/run`.
#
#   deploy/install-deps.sh            build, run and test
#   deploy/install-deps.sh --lint     the linters as well
#   deploy/install-deps.sh --fuzz     what `make fuzz` needs as well
#   deploy/install-deps.sh --valgrind what `make test-valgrind` needs as well
#   deploy/install-deps.sh --monitoring  what `make test-monitoring` needs as well
#   deploy/install-deps.sh --web      what `make test-browser` and `make test-web` need as well
#   deploy/install-deps.sh --deploy   what `make test-deploy` needs as well
#   deploy/install-deps.sh --peers    what `make bench-peers` compares us with, as far as apt has it
set -euo pipefail

build_packages=(
  gcc make pkg-config
  libhiredis-dev libevent-dev libcjson-dev libcurl4-openssl-dev libc-ares-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
  libyajl-dev libmicrohttpd-dev libglib2.0-dev libssl-dev
  python3-yaml python3-markdown libjs-chart.js
)
run_packages=(redis-server python3 tzdata ca-certificates curl)
test_packages=(
  iproute2 lua5.1 libcmocka-dev python3-pytest python3-pytest-timeout python3-pytest-xdist python3-redis python3-hypothesis
  python3-jsonschema python3-h2 mandoc zsh fish
)
fuzz_packages=(clang libclang-rt-14-dev)
valgrind_packages=(valgrind)
monitoring_packages=(prometheus prometheus-redis-exporter)
web_packages=(chromium chromium-driver python3-selenium)
deploy_packages=(systemd python3-seccomp docker.io docker-compose iptables mmdebstrap)
peers_packages=(beanstalkd)
lint_packages=(clang clang-format clang-tidy cppcheck shellcheck lua-check)

wanted=("${build_packages[@]}" "${run_packages[@]}" "${test_packages[@]}")
for argument in "$@"; do
  case "$argument" in
    --lint) wanted+=("${lint_packages[@]}") ;;
    --fuzz) wanted+=("${fuzz_packages[@]}") ;;
    --valgrind) wanted+=("${valgrind_packages[@]}") ;;
    --web) wanted+=("${web_packages[@]}") ;;
    --monitoring) wanted+=("${monitoring_packages[@]}") ;;
    --deploy) wanted+=("${deploy_packages[@]}" "${monitoring_packages[@]}") ;;
    --peers) wanted+=("${peers_packages[@]}") ;;
    *)
      echo "install-deps.sh: unknown argument '$argument' (known: --lint, --fuzz, --valgrind, --web, --monitoring, --deploy, --peers)" >&2
      exit 2
      ;;
  esac
done

if ! command -v apt-get >/dev/null; then
  echo "install-deps.sh: this script knows Debian and Ubuntu only; install these packages by hand: ${wanted[*]}" >&2
  exit 1
fi

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do
  # The clang runtime carries clang's major version in its name; any version that is there will do.
  if [[ "$package" == libclang-rt-*-dev ]]; then
    compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a' >/dev/null && continue
    apt-cache show "$package" >/dev/null 2>&1 || continue
  fi
  is_installed "$package" || missing+=("$package")
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "install-deps.sh: everything is installed already"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-deps.sh: run as root, or install sudo; missing: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "install-deps.sh: installing ${missing[*]}"
# A private server is started by every demo and test: the system's own redis-server must not start with its package.
no_start=(env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1)
"${as_root[@]}" "${no_start[@]}" apt-get update -qq
"${as_root[@]}" "${no_start[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "install-deps.sh: done"
