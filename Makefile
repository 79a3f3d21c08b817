# Carillon. One non-recursive make; everything that is built lies under build/.
#
#   make [VARIANT=release|debug|asan|coverage|fuzz] [WERROR=1] [CC=clang]
#
##   demo             install what is missing, build, and ring 500 telephones that do not exist (KEEP=1 leaves it running)
##   all              build the processes and the command line tool into build/$(VARIANT)/bin
##   test             unit, fuzz, lua, integration, e2e and short runs of chaos and sim; VARIANT=asan runs them under ASan and UBSan
##   test-unit        pure C tests
##   test-lua         every script against a real Redis
##   test-integration one process at a time against real neighbours
##   test-e2e         whole campaigns
##   test-fuzz        replay the fuzzers' corpora
##   test-upgrade     roll a fleet from a version of the history (OLD=COMMIT) to this one and back
##   test-deploy      what is in deploy/: units by systemd, images and a whole fleet in containers, manifests by schema (wants apt, npm, Node 20, root)
##   test-monitoring  Prometheus's rules by promtool, and a real Prometheus beside a fleet whose workers die
##   test-platforms   the vendors' own packages against our stand-in and our worker (npm, Node 20)
##   test-browser     the dashboard in headless Chromium (deploy/install-deps.sh --web): pictures of it in build/web
##   test-web         the same, and axe-core (npm, Node 20) looks for what keeps people out
##   chaos            a fleet of real processes under a seeded schedule of faults, judged: SEED=n, or SEEDS=a-b JOBS=j; PRINT=1
##   chaos-list       the committed seeds, JOBS (3) at a time
##   chaos-soak       one fleet under schedule after schedule for MINUTES (60), its memory watched
##   sim              campaigns in a simulated world, real workers and scripts: SEEDS=n (1000), JOBS (2); SEED=n TRACE=1 for one
##   test-valgrind    the pure C tests again, under valgrind (deploy/install-deps.sh --valgrind)
##   fuzz             look for new inputs that break a promise, FUZZ_SECONDS (60) for each target
##   bench            every figure that is published, in under 15 minutes: a table and build/bench/results.json; bench-NAME runs one
##   bench-events     how late 500 listeners see what changes: build/bench/events.json
##   bench-export     1,000,000 results as CSV and lines of JSON: build/bench/export.json
##   bench-ingest     contacts from CSV into a draft: build/bench/ingest.json
##   bench-notifier   what a webhook costs, and what receivers that answer nothing do to others: build/bench/notifier.json
##   bench-peers      the same beside BullMQ, bee-queue and beanstalkd (wants npm, Node 20 and apt): build/bench/peers.json
##   bench-quota      what a tenant at its request quota does to another's answers: build/bench/quota.json
##   bench-recovery   how long it takes until all is as it was: build/bench/recovery.json
##   install          programs, man pages, completions, settings, units, docs under DESTDIR and PREFIX (/usr/local); STRIP=1
##   uninstall        remove them again; secrets and changed settings stay
##   image            the container image of this checkout: IMAGE (carillon), DOCKER (docker), BASE (debian:bookworm-slim)
##   lint             format, clang-tidy, cppcheck, shellcheck, luac, luacheck, layers, names
##   format           rewrite the sources as clang-format likes them
##   man              write the man pages into build/man, from what the programs say of their options
##   completion       write the scripts that complete carillon's command line in bash, zsh and fish into build/completion
##   docs             write docs/states.md from the tables, docs/config.md from --help, docs/scripts.md from the contracts of the scripts
##   docs-check       pages and sources know the same: options, routes, codes, metrics, keys, scripts, targets, paths, links (in lint)
##   clean            remove build/

VARIANT ?= release
CC ?= gcc
B := build/$(VARIANT)
GEN := build/gen
PYTHON := /usr/bin/python3

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

# ---- flags ----
PKGS := hiredis libevent libevent_openssl libcjson libcurl libcares libprotobuf-c yajl libmicrohttpd glib-2.0 libcrypto libssl
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wformat=2 -Wvla -Wswitch-enum -Wnull-dereference -Wundef -Wwrite-strings -Wpointer-arith
ifeq ($(WERROR),1)
WARN += -Werror
endif

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS_ALL := -I. -I$(GEN) $(PKG_CFLAGS) -D_GNU_SOURCE
CFLAGS_COMMON := -std=gnu11 -g -fno-common -fPIE

ifeq ($(VARIANT),release)
# The same bytes wherever it is built.
CFLAGS_VARIANT := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -ffile-prefix-map=$(CURDIR)=.
LDFLAGS_VARIANT := -pie -Wl,-z,relro,-z,now,-z,noexecstack
else ifeq ($(VARIANT),debug)
CFLAGS_VARIANT := -O0 -DCARILLON_BREAKPOINTS
LDFLAGS_VARIANT := -pie
else ifeq ($(VARIANT),asan)
CFLAGS_VARIANT := -O1 -DCARILLON_BREAKPOINTS -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_VARIANT := -pie -fsanitize=address,undefined
else ifeq ($(VARIANT),coverage)
CFLAGS_VARIANT := -O0 --coverage
LDFLAGS_VARIANT := -pie --coverage
else ifeq ($(VARIANT),fuzz)
CFLAGS_VARIANT := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS_VARIANT := -pie -fsanitize=address,undefined
else
$(error VARIANT is release, debug, asan, coverage or fuzz, not '$(VARIANT)')
endif

# ---- sources ----
COMMON_SRC := $(sort $(wildcard common/*/*.c))
PRODUCER_SRC := $(sort $(wildcard producer/*.c))
CLI_SRC := $(sort $(wildcard producer/cli/*.c))
WORKER_SRC := $(sort $(wildcard worker/*.c))
NOTIFIER_SRC := $(sort $(wildcard notifier/*.c))
CARRIER_SRC := $(sort $(wildcard tests/carrier/*.c))
BENCH_RECEIVER_SRC := $(sort $(wildcard tests/bench/receiver/*.c))
SIM_SRC := $(sort $(wildcard tests/sim/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
LUA_SRC := $(sort $(wildcard common/lua/*.lua))
LUA_LIB := $(sort $(wildcard common/lua/lib/*.lua))
PROTO_SRC := $(sort $(wildcard proto/carillon/v1/*.proto))
PROFILES := $(sort $(wildcard worker/profiles/*.json))
WEB_SRC := docs/openapi.yaml $(sort $(wildcard producer/web/*.py producer/web/*.css))
# The folder itself too: it is younger after a file was taken out.
DASHBOARD_SRC := producer/web/dashboard $(sort $(wildcard producer/web/dashboard/*)) producer/web/embed.py producer/web/embed_dashboard.py
CHART_JS ?= /usr/share/javascript/chart.js/chart.min.js

GEN_PROTO_C := $(patsubst proto/%.proto,$(GEN)/%.pb-c.c,$(PROTO_SRC))
GEN_PROTO_H := $(GEN_PROTO_C:.c=.h)
GEN_HEADERS := $(GEN_PROTO_H) $(GEN)/lua_scripts.h $(GEN)/profiles.h $(GEN)/web_pages.h $(GEN)/web_dashboard.h $(GEN)/version.h

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
gen_obj = $(patsubst $(GEN)/%.c,$(B)/obj/gen/%.o,$(1))
not_main = $(filter-out %/main.c,$(1))

LIBCOMMON := $(B)/libcommon.a
LIBPRODUCER := $(B)/libproducer.a
LIBCLI := $(B)/libcli.a
LIBWORKER := $(B)/libworker.a
LIBNOTIFIER := $(B)/libnotifier.a
LIBCARRIER := $(B)/libcarrier.a

PROGRAMS := $(if $(filter producer/main.c,$(PRODUCER_SRC)),$(B)/bin/carillon-producer) \
            $(if $(filter worker/main.c,$(WORKER_SRC)),$(B)/bin/carillon-worker) \
            $(if $(filter notifier/main.c,$(NOTIFIER_SRC)),$(B)/bin/carillon-notifier) \
            $(if $(filter producer/cli/main.c,$(CLI_SRC)),$(B)/bin/carillon) \
            $(if $(filter tests/carrier/main.c,$(CARRIER_SRC)),$(B)/bin/carillon-carrier)

UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))
PROBE := $(B)/tests/domain_probe
CLOCK_DECREE := $(B)/tests/clock_decree.so
NEXT_PROGRAMS := $(addprefix $(B)/next/bin/,carillon-producer carillon-worker carillon-notifier carillon)
SIM := $(B)/tests/carillon-sim
INSTANT := $(B)/tests/carillon-worker-instant
BENCH_RECEIVER := $(B)/tests/carillon-bench-receiver
# Of bench_pacing.py: preloaded into the carrier, and beside it.
ARRIVALS := $(B)/tests/arrivals.so
BARE_TIMER := $(B)/tests/bare_timer
TEST_SUPPORT := $(PROBE) $(CLOCK_DECREE) $(SIM) $(INSTANT) $(BENCH_RECEIVER) $(ARRIVALS) $(BARE_TIMER) \
                $(B)/tests/carillon-notifier-unguarded

# What the linters compile: all programs, tests and fuzz targets.
.PHONY: FORCE all bench bench-events bench-export bench-notifier bench-peers bench-quota bench-recovery everything generated probe demo breakpoint-programs test test-unit test-lua test-integration test-e2e test-fuzz test-upgrade test-valgrind test-unit-valgrind fuzz fuzzers next-programs old-programs test-platforms lint format docs docs-check clean help programs
all: programs
programs: $(PROGRAMS)

everything: programs $(UNIT_BIN) $(FUZZ_BIN) $(TEST_SUPPORT)
generated: $(GEN_HEADERS)

help:
	@sed -n 's/^## //p' Makefile

# ---- generated sources ----
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h &: proto/%.proto
	@mkdir -p $(GEN)
	protoc-c --proto_path=proto --c_out=$(GEN) $<

$(GEN)/lua_scripts.c $(GEN)/lua_scripts.h &: $(LUA_SRC) $(LUA_LIB) common/lua/embed.py
	@mkdir -p $(GEN)
	$(PYTHON) common/lua/embed.py --out $(GEN) $(LUA_SRC)

$(GEN)/profiles.c $(GEN)/profiles.h &: $(PROFILES) worker/profiles/embed.py
	@mkdir -p $(GEN)
	$(PYTHON) worker/profiles/embed.py --out $(GEN) $(PROFILES)

$(GEN)/web_pages.c $(GEN)/web_pages.h &: $(WEB_SRC)
	@mkdir -p $(GEN)
	$(PYTHON) producer/web/embed.py --out $(GEN) docs/openapi.yaml

$(GEN)/web_dashboard.c $(GEN)/web_dashboard.h &: $(DASHBOARD_SRC)
	@mkdir -p $(GEN)
	$(PYTHON) producer/web/embed_dashboard.py --out $(GEN) --chart '$(CHART_JS)' producer/web/dashboard

$(GEN)/version.h: FORCE
	@mkdir -p $(GEN)
	@echo '#define CARILLON_VERSION "$(VERSION)"' | cmp -s - $@ || echo '#define CARILLON_VERSION "$(VERSION)"' >$@
FORCE:

# A change of compiler or flags rebuilds.
FLAGS_NOW := $(CC) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) $(WARN) $(CPPFLAGS_ALL)
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

# ---- objects ----
$(B)/obj/%.o: %.c $(B)/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) $(WARN) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/obj/gen/%.o: $(GEN)/%.c $(B)/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) -w $(CFLAGS) -MMD -MP -c $< -o $@

$(LIBCOMMON): $(call obj,$(COMMON_SRC)) $(call gen_obj,$(GEN_PROTO_C)) $(B)/obj/gen/lua_scripts.o $(B)/obj/gen/profiles.o
$(LIBPRODUCER): $(call obj,$(call not_main,$(PRODUCER_SRC))) $(B)/obj/gen/web_pages.o $(B)/obj/gen/web_dashboard.o
$(LIBCLI): $(call obj,$(call not_main,$(CLI_SRC)))
$(LIBWORKER): $(call obj,$(call not_main,$(WORKER_SRC)))
$(LIBNOTIFIER): $(call obj,$(call not_main,$(NOTIFIER_SRC)))
$(LIBCARRIER): $(call obj,$(call not_main,$(CARRIER_SRC)))
$(B)/lib%.a: Makefile
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcsD $@ $(filter %.o,$^)

comma := ,
link = @mkdir -p $(@D) && echo "link $@" && $(CC) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) $(LDFLAGS_VARIANT) $(LDFLAGS) $^ $(PKG_LIBS) $(1) -o $@

$(B)/bin/carillon-producer: $(B)/obj/producer/main.o $(LIBPRODUCER) $(LIBCOMMON)
	$(call link)
$(B)/bin/carillon: $(B)/obj/producer/cli/main.o $(LIBCLI) $(LIBPRODUCER) $(LIBCOMMON)
	$(call link)
$(B)/bin/carillon-worker: $(B)/obj/worker/main.o $(LIBWORKER) $(LIBCOMMON)
	$(call link)
$(B)/bin/carillon-notifier: $(B)/obj/notifier/main.o $(LIBNOTIFIER) $(LIBCOMMON)
	$(call link)
# The control of a test: a notifier whose guard of addresses is compiled out. Its egress.o comes before the library's.
UNGUARDED := $(B)/tests/carillon-notifier-unguarded
$(B)/obj/unguarded/%.o: %.c $(B)/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -DCARILLON_UNGUARDED $(CFLAGS_COMMON) $(CFLAGS_VARIANT) $(WARN) $(CFLAGS) -MMD -MP -c $< -o $@
$(UNGUARDED): $(B)/obj/notifier/main.o $(B)/obj/unguarded/notifier/egress.o $(LIBNOTIFIER) $(LIBCOMMON)
	$(call link)

# More controls: workers from which one guard was taken out. The file that differs comes before the library's.
MUTANTS := $(patsubst %,$(B)/tests/carillon-worker-without-%,fence begin-intent request-id claim-request-id grace-period absent-twice)
.PHONY: mutants mutant-programs
mutant-programs: $(MUTANTS)
$(B)/mutants/%.c: tests/support/mutants.py $(LUA_SRC) $(LUA_LIB) common/lua/embed.py $(WORKER_SRC)
	@mkdir -p $(@D)
	$(PYTHON) -m tests.support.mutants $* >$@
$(B)/obj/mutants/%.o: $(B)/mutants/%.c $(B)/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) -w $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/tests/carillon-worker-without-%: $(B)/obj/worker/main.o $(B)/obj/mutants/%.o $(LIBWORKER) $(LIBCOMMON)
	$(call link)

# ---- other versions, for tests ----
# The next one: these sources but for what tests/support/next_version.py writes. Its objects come before the libraries'.
NEXT := $(GEN)/next
NEXT_STAMP := $(NEXT)/written
NEXT_NAMES := $(shell grep -lE '"(version|common/redis/schema)\.h"' $(COMMON_SRC) $(PRODUCER_SRC) $(CLI_SRC) $(WORKER_SRC) $(NOTIFIER_SRC))
next_obj = $(patsubst %.c,$(B)/obj/next/%.o,$(filter $(1),$(NEXT_NAMES)) common/domain/contact_record.c lua_scripts.c)

$(NEXT_STAMP): tests/support/next_version.py common/lua/embed.py common/redis/schema.h common/domain/contact_record.c \
               $(GEN)/version.h $(LUA_SRC) $(LUA_LIB)
	$(PYTHON) -m tests.support.next_version --version '$(VERSION)' --out $(NEXT)
	@touch $@
$(NEXT)/common/domain/contact_record.c $(NEXT)/lua_scripts.c: $(NEXT_STAMP) ;
NEXT_COMPILE = @mkdir -p $(@D) && $(CC) -I$(NEXT) $(CPPFLAGS_ALL) $(CFLAGS_COMMON) $(CFLAGS_VARIANT) -w $(CFLAGS) -MMD -MP -c $< -o $@
$(B)/obj/next/%.o: $(NEXT)/%.c $(B)/flags | $(GEN_HEADERS)
	$(NEXT_COMPILE)
$(B)/obj/next/%.o: %.c $(NEXT_STAMP) $(B)/flags | $(GEN_HEADERS)
	$(NEXT_COMPILE)
$(B)/next/bin/carillon-producer: $(call next_obj,common/% producer/main.c producer/api.c) $(B)/obj/producer/main.o $(LIBPRODUCER) $(LIBCOMMON)
	$(call link)
$(B)/next/bin/carillon-worker: $(call next_obj,common/% worker/%) $(B)/obj/worker/main.o $(LIBWORKER) $(LIBCOMMON)
	$(call link)
$(B)/next/bin/carillon-notifier: $(call next_obj,common/% notifier/%) $(B)/obj/notifier/main.o $(LIBNOTIFIER) $(LIBCOMMON)
	$(call link)
$(B)/next/bin/carillon: $(call next_obj,common/% producer/cli/%) $(LIBCLI) $(LIBPRODUCER) $(LIBCOMMON)
	$(call link)
next-programs: $(NEXT_PROGRAMS)

# One of the history, built by its own Makefile into build/old-<commit>/build/release/bin.
OLD ?= 7859f6e
OLD_DIR := build/old-$(OLD)
old-programs:
	@mkdir -p build
	@test -f $(OLD_DIR)/Makefile || { git archive -o $(OLD_DIR).tar '$(OLD)' && mkdir -p $(OLD_DIR) && tar -xf $(OLD_DIR).tar -C $(OLD_DIR); }
	@$(MAKE) --no-print-directory -C $(OLD_DIR) VARIANT=release VERSION='$(OLD)' programs

$(B)/bin/carillon-carrier: $(B)/obj/tests/carrier/main.o $(LIBCARRIER) $(LIBCOMMON)
	$(call link)

# ---- tests ----
$(B)/tests/test_%: $(B)/obj/tests/unit/test_%.o $(LIBCLI) $(LIBPRODUCER) $(LIBWORKER) $(LIBNOTIFIER) $(LIBCARRIER) $(LIBCOMMON)
	$(call link,-lcmocka)

# With libFuzzer's main(), which only clang has, or with one that replays a corpus.
ifeq ($(VARIANT),fuzz)
FUZZ_MAIN :=
FUZZ_LINK := -fsanitize=fuzzer
else
FUZZ_MAIN := $(B)/obj/tests/fuzz/replay.o
FUZZ_LINK :=
endif
$(B)/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(LIBPRODUCER) $(LIBWORKER) $(LIBNOTIFIER) $(LIBCOMMON)
	$(call link,$(FUZZ_LINK))

# The platform of bench_http.py.
$(BENCH_RECEIVER): $(call obj,$(BENCH_RECEIVER_SRC)) $(LIBCOMMON)
	$(call link)

# The C rules, for tests and generators written in Python.
probe: $(PROBE)
$(PROBE): $(B)/obj/tests/support/domain_probe.o $(LIBCOMMON)
	$(call link)

# Real workers in a simulated world: what stands for the clock, the loop, Redis's connection, HTTP and the skeleton of a
# process comes before the libraries, so that their own are not taken; random numbers and the log are wrapped.
$(B)/obj/sim/worker/main.o: worker/main.c $(B)/flags | $(GEN_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Dmain=worker_main $(CFLAGS_COMMON) $(CFLAGS_VARIANT) $(WARN) -Wno-missing-prototypes $(CFLAGS) -MMD -MP -c $< -o $@
$(SIM): $(call obj,$(SIM_SRC)) $(B)/obj/sim/worker/main.o $(LIBCARRIER) $(LIBWORKER) $(LIBPRODUCER) $(LIBCOMMON)
	$(call link,$(foreach name,getrandom log_write retry_decide,-Wl$(comma)--wrap=$(name)))

# What the engine's benches run: the worker, but for a platform that takes no time.
$(INSTANT): $(B)/obj/worker/main.o $(B)/obj/tests/bench/engine/instant_platform.o $(LIBWORKER) $(LIBCOMMON)
	$(call link,-Wl$(comma)--wrap=settle_create)

# Preloaded into redis-server, which is not ours to instrument: no flags of the variant.
$(B)/obj/preload/%.o: tests/support/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -g -O2 -fPIC $(WARN) -MMD -MP -c $< -o $@
$(B)/obj/preload/%.o: tests/bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 -g -O2 -fPIC $(WARN) -MMD -MP -c $< -o $@
$(CLOCK_DECREE) $(ARRIVALS): $(B)/tests/%.so: $(B)/obj/preload/%.o
	@mkdir -p $(@D)
	$(CC) -shared $< -o $@
$(BARE_TIMER): $(B)/obj/tests/bench/bare_timer.o
	$(call link)

# Most tests wait for timers more than they compute; under the sanitizers they compute more.
CHAOS_JOBS := $(if $(JOBS),--jobs $(JOBS))
JOBS ?= $(if $(filter asan,$(VARIANT)),3,5)
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider -n $(JOBS) --dist loadfile
export CARILLON_BUILD := $(B)
export ASAN_OPTIONS := detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS := print_stacktrace=1

# Tests that kill a process at a certain step need a build that knows breakpoints (common/base/breakpoint.h).
BREAKPOINT_VARIANT := $(if $(filter asan debug,$(VARIANT)),$(VARIANT),debug)
breakpoint-programs:
	@$(MAKE) --no-print-directory VARIANT=$(BREAKPOINT_VARIANT) build/$(BREAKPOINT_VARIANT)/bin/carillon-worker
mutants:
	@$(MAKE) --no-print-directory VARIANT=$(BREAKPOINT_VARIANT) mutant-programs

test: test-unit test-fuzz programs breakpoint-programs mutants next-programs $(TEST_SUPPORT)
	$(PYTEST) tests/lua tests/integration tests/e2e tests/chaos tests/sim
test-unit: $(UNIT_BIN)
	@tests/unit/run.sh $(UNIT_BIN)
test-lua: $(GEN)/lua_scripts.h $(TEST_SUPPORT)
	$(PYTEST) tests/lua
test-integration: programs breakpoint-programs next-programs $(TEST_SUPPORT)
	$(PYTEST) tests/integration
test-e2e: programs next-programs
	$(PYTEST) tests/e2e
test-upgrade: programs old-programs
	CARILLON_OTHER_BUILD=$(OLD_DIR)/build/release $(PYTEST) tests/e2e/test_rolling_upgrade.py
test-fuzz: $(FUZZ_BIN)
	@tests/fuzz/run.sh $(FUZZ_BIN)
VALGRIND := valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
            --error-exitcode=99
test-valgrind:
	@$(MAKE) --no-print-directory VARIANT=debug test-unit-valgrind
test-unit-valgrind: $(UNIT_BIN)
	@RUN_UNDER="$(VALGRIND)" TIMEOUT_S=600 tests/unit/run.sh $(UNIT_BIN)

fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzzers
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) tests/fuzz/fuzz.sh $(patsubst $(B)/%,build/fuzz/%,$(or $(FUZZ_TARGETS:%=$(B)/fuzz/fuzz_%),$(FUZZ_BIN)))
fuzzers: $(FUZZ_BIN)

test-platforms: programs
	@tests/support/install_npm.sh test-platforms tests/platforms build/platforms
	$(PYTEST) tests/platforms

.PHONY: test-monitoring
test-monitoring: programs
	@deploy/install-deps.sh --monitoring
	$(PYTEST) tests/deploy/test_alert_rules.py tests/deploy/test_prometheus.py

.PHONY: test-deploy
test-deploy: programs
	@deploy/install-deps.sh --deploy
	@tests/support/install_npm.sh test-deploy tests/deploy build/deploy/npm
	$(PYTEST) tests/deploy

# One browser at a time, ahead of all else: how long its frames take is measured.
.PHONY: test-browser test-web
test-browser: programs
	@$(AHEAD) $(PYTHON) -m pytest -q -p no:cacheprovider --ignore=tests/web/axe tests/web
test-web: programs
	@tests/support/install_npm.sh test-web tests/web build/test-web
	@$(AHEAD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/web

# SEEDS=n, how many; or SEED=n, one, with TRACE=1 to see what happens in it.
.PHONY: sim
SIM_JOBS := $(if $(findstring command line,$(origin JOBS)),$(JOBS),2)
sim: $(SIM) $(CLOCK_DECREE)
ifdef SEED
	@$(SIM) --first $(SEED) $(if $(TRACE),--verbose) $(CLOCK_DECREE)
else
	@$(PYTHON) tests/sim/run.py --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),1) --jobs $(SIM_JOBS)
endif

# SEED=n, or SEEDS=a-b (or a,b,c).
.PHONY: chaos chaos-list chaos-soak
CHAOS := $(PYTHON) tests/chaos/run.py
chaos: programs next-programs $(CLOCK_DECREE)
	@$(CHAOS) --seed $(or $(SEEDS),$(SEED),$(error SEED=n or SEEDS=a-b)) $(if $(PRINT),--print) $(CHAOS_JOBS)
chaos-list: programs next-programs $(CLOCK_DECREE)
	@$(CHAOS) --list $(CHAOS_JOBS)
chaos-soak: programs next-programs $(CLOCK_DECREE)
	@$(CHAOS) --soak $(or $(MINUTES),60) --seed $(or $(SEED),1)

bench-events bench-export: bench-%: programs
	@$(PYTHON) tests/bench/bench_$*.py
# In a session of its own, ahead of whatever else the machine does, where it may be.
AHEAD = setsid -w sh -c '{ echo -15 > /proc/self/autogroup; renice -n -15 -p $$$$; } >/dev/null 2>&1; exec "$$@"' ahead
PUBLISHED := $(addprefix bench-,ingest engine limited pacing fairness scale http)
.PHONY: $(PUBLISHED)
bench bench-engine bench-limited: $(INSTANT)
bench bench-http: $(BENCH_RECEIVER)
bench: programs
	@$(AHEAD) $(PYTHON) tests/bench/run.py $(BENCH_ARGS)
bench-recovery: breakpoint-programs
bench-peers: programs $(INSTANT)
	@command -v beanstalkd >/dev/null || deploy/install-deps.sh --peers
	@tests/support/install_npm.sh bench-peers tests/bench/peers build/peers
	@$(AHEAD) $(PYTHON) tests/bench/bench_peers.py $(BENCH_ARGS)
bench bench-pacing: $(ARRIVALS) $(BARE_TIMER)
bench bench-fairness: $(ARRIVALS) $(CLOCK_DECREE)
$(PUBLISHED) bench-notifier bench-recovery: bench-%: programs
	@$(AHEAD) $(PYTHON) tests/bench/bench_$*.py $(BENCH_ARGS)
# At realtime priority where that is permitted: a p99 of a millisecond is lost in what else a machine does.
bench-quota: programs
	@ahead=; chrt -f 10 true 2>/dev/null && ahead='chrt -f 10'; $$ahead $(PYTHON) tests/bench/bench_quota.py $(BENCH_ARGS)

demo:
	@deploy/install-deps.sh
	@$(MAKE) --no-print-directory -j2 programs
	@$(PYTHON) deploy/demo/demo.py

lint:
	@tests/lint/run.sh
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i
docs: $(PROBE) programs
	@$(PYTHON) tests/lint/states_doc.py --write
	@$(PYTHON) tests/lint/config_doc.py --write
	@$(PYTHON) tests/lint/scripts_doc.py --write
docs-check: $(PROBE) programs
	@failed=0; for page in docs both_sides openapi states_doc config_doc scripts_doc; do \
	  $(PYTHON) tests/lint/$$page.py || { echo "docs-check: tests/lint/$$page.py failed"; failed=1; }; \
	done; exit $$failed

# Man pages and completions, for `make install`: never committed.
.PHONY: man completion
MAN_PAGES := build/man/carillon.1 $(addprefix build/man/,$(addsuffix .8,carillon-producer carillon-worker carillon-notifier))
COMPLETIONS := $(addprefix build/completion/,carillon.bash _carillon carillon.fish)
man: $(MAN_PAGES)
completion: $(COMPLETIONS)
$(MAN_PAGES) &: $(PROGRAMS) deploy/man.py deploy/help_text.py
	@$(PYTHON) deploy/man.py --programs $(B)/bin --out build/man --version '$(VERSION)' --date '$(shell git log -1 --format=%cs 2>/dev/null)'
build/completion/carillon.bash: SHELL_NAME := bash
build/completion/_carillon: SHELL_NAME := zsh
build/completion/carillon.fish: SHELL_NAME := fish
$(COMPLETIONS): $(B)/bin/carillon
	@mkdir -p $(@D)
	@$(B)/bin/carillon completion $(SHELL_NAME) >$@

clean:
	rm -rf build

include deploy/install.mk

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
