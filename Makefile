# The only entry to this project: `make help` says what there is.
# What is missing on a fresh machine is installed on first use, into $(TOOLS) and node_modules.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

TOOLS ?= .tools
PYTHON ?= python3
# The MLflow that `make dev` starts as origin, and the newest one that the end-to-end tests run against.
MLFLOW_VERSION ?= 3.3.2
MLFLOW_OLD := 3.3.2
MLFLOW_NEW := 3.17.2
# The one with grants in roles and beside them, to which accounts are exported too.
MLFLOW_ROLES := 3.12.0
# Whose routes the table is checked against, as tests/fixtures/routes-NAME.tsv: NAME and release.
FIXTURES := 2.9=2.9.2 2.22=2.22.4 3.3.2=3.3.2 3.9=3.9.0 3.12=3.12.0 3.17.2=3.17.2
# Those whose own authorizer the gate is compared with.
MLFLOW_COMPARED := 3.3.2 3.12.0 3.17.2
WORKER_BUILD_VERSION := 0.8.7
CARGO_FUZZ_VERSION := 0.13.2
CARGO_MUTANTS_VERSION := 27.1.0
# How long `make fuzz` stays with each target.
FUZZ_SECONDS ?= 300
# wasm-bindgen's command-line tool must be exactly as old as the crate.
WASM_BINDGEN_VERSION = $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/.*"\(.*\)"/\1/p}' Cargo.lock)

tools_dir := $(abspath $(TOOLS))
stamps := $(TOOLS)/stamp
# npm's `node` package brings the Node that wrangler needs, so node_modules comes first.
export PATH := $(CURDIR)/node_modules/.bin:$(tools_dir)/bin:$(PATH)
# worker-build would download these three; they come from the registries instead.
export WASM_BINDGEN_BIN := $(tools_dir)/bin/wasm-bindgen
export WASM_OPT_BIN := $(CURDIR)/node_modules/.bin/wasm-opt
export ESBUILD_BIN := $(CURDIR)/node_modules/.bin/esbuild
export WRANGLER_SEND_METRICS := false
export TOOLS MLFLOW_VERSION

sources := $(shell find src -type f 2>/dev/null) Cargo.toml Cargo.lock rust-toolchain.toml .cargo/config.toml $(wildcard schema.sql)

.PHONY: help dev import export test lint test-native test-e2e fuzz mutants bench bench-anonymous bench-first-sight bench-smoke routes fixtures differential readers build tools clean
# What a stamp was made from is not an intermediate file to be removed.
.SECONDARY:

help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | column -t -s "$$(printf '\t')"

# --- run -------------------------------------------------------------------------------------------------------

# An origin of its own needs a Python environment; a given ORIGIN_URL does not.
dev: build $(if $(ORIGIN_URL),,$(stamps)/mlflow-$(MLFLOW_VERSION)) ## Gate, local D1 and an MLflow origin on this machine (variables: README.md)
	@exec node scripts/dev.mjs

# Both are told what to do through the environment, which holds the variables of make's command line.
import: $(stamps)/npm ## Users and roles out of an MLflow auth database: make import DB=path/to/basic_auth.db (variables: README.md)
	@$(PYTHON) scripts/accounts import

export: $(stamps)/npm ## The reverse, into a new file that MLflow starts with: make export DB=new.db MLFLOW=3.12 (3.3, 3.12 or 3.17)
	@$(PYTHON) scripts/accounts export

# --- build -----------------------------------------------------------------------------------------------------

build: build/index.js ## The Worker for production, in build/

builders := $(stamps)/rust $(stamps)/worker-build-$(WORKER_BUILD_VERSION) $(stamps)/wasm-bindgen-$(WASM_BINDGEN_VERSION) $(stamps)/npm

# The names of the functions are a twelfth of what worker-build leaves (gzip). Who reads a stack trace finds them, by the
# same numbers, in $(1)/index_bg.wasm.
without_names = mkdir -p $(1) && cp build/index_bg.wasm $(1)/ && wasm-opt --strip-debug $(1)/index_bg.wasm -o build/index_bg.wasm

build/index.js: $(sources) $(builders)
	@echo "== wasm build (1 to 2 minutes the first time, then half a minute)"
	worker-build --release
	@$(call without_names,target/named)
	@touch $@

# --- test ------------------------------------------------------------------------------------------------------

test: lint test-native build test-e2e bench-smoke ## Everything: lint, native tests, wasm build, end-to-end tests, each measurement once

lint: $(stamps)/rust ## Formatting and clippy, natively and for wasm; warnings are errors
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo fmt --check --manifest-path bench/passthrough/Cargo.toml
	rustfmt --check --edition 2024 bench/stub.rs
	@echo "== clippy, twice (2 to 3 minutes the first time)"
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --lib --target wasm32-unknown-unknown -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --lib --no-deps --document-private-items --target wasm32-unknown-unknown

test-native: $(stamps)/rust ## cargo test
	@echo "== native tests (2 minutes the first time)"
	cargo test --locked

# E2E passes options on to pytest: make test-e2e E2E="-k signup"
test-e2e: build $(stamps)/e2e-$(MLFLOW_OLD) $(stamps)/e2e-$(MLFLOW_NEW) $(stamps)/basic-auth-$(MLFLOW_ROLES) $(stamps)/browser ## Real workerd, D1, MLflow and browser
	@scripts/test-e2e $(MLFLOW_OLD) $(MLFLOW_NEW) $(E2E)

# libFuzzer needs a nightly compiler. There is no unsafe code here that a sanitizer could watch. What a run finds stays
# in fuzz/found, beside the seeds in fuzz/corpus; an input that fails goes to fuzz/artifacts.
fuzz: $(stamps)/cargo-fuzz-$(CARGO_FUZZ_VERSION) ## Each fuzz target for FUZZ_SECONDS=300 (needs: rustup toolchain install nightly)
	@cargo +nightly --version >/dev/null || { echo "make fuzz needs: rustup toolchain install nightly"; exit 1; }
	@cd fuzz && for target in $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs)); do \
		echo "== fuzz $$target, $(FUZZ_SECONDS) seconds (2 minutes more to build the first time)"; \
		mkdir -p "found/$$target"; \
		cargo +nightly fuzz run --sanitizer none "$$target" "found/$$target" "corpus/$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1; \
	done

# MUTANTS holds options of cargo-mutants: make mutants MUTANTS="--file src/authn/** --shard 0/20". The result is in
# target/mutants/mutants.out. TESTS=unit runs the unit tests only, TESTS=all also the tests that try every order or every
# fault: make mutants TESTS=all MUTANTS="--iterate --file src/authn/**" puts to all tests what the last run did not catch.
mutated := src/authz/** src/routes/** src/request/** src/authn/**
TESTS ?= fast
slow_tests := interleavings:: properties:: faults:: lockout::whoever_invents pages::fat_rows pages::hidden_rows \
	before_sign_in::of_a_stranger before_sign_in::names_of_any_length before_sign_in::places_of_artifacts
# Hashes are slow without optimization, and times are another matter.
never_tests := password::tests::werkzeugs_hashes_verify otlp::a_long_body_takes_time_by_its_length
mutants: $(stamps)/cargo-mutants-$(CARGO_MUTANTS_VERSION) ## Break the code in one place at a time and list what no test notices (MUTANTS="--file src/authn/**", TESTS=unit)
	@echo "== mutants, each with a build and a run of the tests"
	@mkdir -p target/mutants
	set -f; CARGO_TARGET_DIR="$(CURDIR)/target/mutants" cargo mutants --output target/mutants \
		$(if $(filter unit,$(TESTS)),,--cargo-arg=--test=native) \
		$(if $(filter -f --file --file=%,$(MUTANTS)),,$(mutated:%=--file=%)) $(MUTANTS) \
		-- -- $(patsubst %,--skip=%,$(never_tests) $(if $(filter all,$(TESTS)),,$(slow_tests)))

# --- measure ---------------------------------------------------------------------------------------------------

bench_needs := build target/bench/stub bench/passthrough/build/index.js $(stamps)/basic-auth-$(MLFLOW_NEW)
export BENCH_MLFLOW := $(MLFLOW_NEW)

# BENCH_ROUNDS=5, BENCH_SECONDS=0.8 a measurement, BENCH_CONNECTIONS=1,4,16 for MLflow, BENCH_OUT=bench,
# BENCH_PARTS=overhead,distant,mlflow,weight,growth
# BENCH_BASELINE=DIR measures the Worker of another checkout, in which `make build` was run, in the same rounds.
bench: $(bench_needs) ## What the Worker costs, beside MLflow and bare pass-throughs, into bench/RESULTS.md (25 minutes)
	@node bench/run.mjs

bench-smoke: $(bench_needs) ## Every measurement once and briefly, which fails if one cannot be made (a minute at most)
	@echo "== benchmark, once and briefly (a minute at most)"
	@node bench/run.mjs --smoke

# BENCH_BUILDS=before=/path/of/a/build,after=build compares builds, BENCH_INPUT="60 KiB" takes some inputs, BENCH_SECONDS=2 each.
bench-anonymous: build target/bench/stub ## What one request of somebody who has not signed in may cost, at worst (a minute or two)
	@node bench/anonymous.mjs

# BENCH_BUILDS as above, BENCH_ROUNDS=31
bench-first-sight: build target/bench/stub ## What a password costs that the isolate has not seen before, and what it does to memory (a minute)
	@node bench/first-sight.mjs

target/bench/stub: bench/stub.rs $(stamps)/rust
	@mkdir -p $(@D)
	rustc --edition 2024 -O -D warnings -o $@ $<

# Built as the Worker is, for comparison with it.
bench/passthrough/build/index.js: .cargo/config.toml $(wildcard bench/passthrough/Cargo.* bench/passthrough/src/*) $(builders)
	@echo "== a bare pass-through Worker (half a minute)"
	cd bench/passthrough && CARGO_TARGET_DIR="$(CURDIR)/target" worker-build --release && $(call without_names,../../target/named/passthrough)
	@touch $@

# --- releases of MLflow ----------------------------------------------------------------------------------------

list_routes := scripts/fixtures/routes.py
list_messages := scripts/fixtures/messages.py
repeated := tests/fixtures/repeated-query-fields.txt
# The list stays beside the release that it is of.
routes_tsv := $(tools_dir)/mlflow-$(MLFLOW_VERSION)/routes.tsv

routes: $(stamps)/rust $(stamps)/basic-auth-$(MLFLOW_VERSION) ## What a release serves and the table lacks: make routes MLFLOW_VERSION=3.16.1
	@echo "== routes of MLflow $(MLFLOW_VERSION), in $(routes_tsv)"
	@"$(TOOLS)/mlflow-$(MLFLOW_VERSION)/bin/python" $(list_routes) routes > "$(routes_tsv)"
	@"$(TOOLS)/mlflow-$(MLFLOW_VERSION)/bin/python" $(list_routes) repeated | LC_ALL=C comm -23 - $(repeated) \
		| sed "s|.*|A query may repeat '&': add it to REPEATED in src/request/query.rs.|"
	@echo "== every one of them has a row? (2 minutes the first time)"
	ROUTES="$(routes_tsv)" cargo test --locked --test native decisions::coverage -- --nocapture

fixtures: $(foreach pair,$(FIXTURES),$(stamps)/basic-auth-$(lastword $(subst =, ,$(pair)))) ## Make the lists of routes in tests/fixtures and src/mlflow/messages.txt anew (six releases, about 8 minutes)
	@lists=$$(mktemp); \
	for pair in $(FIXTURES); do \
		echo "== routes of MLflow $${pair#*=}"; \
		python="$(TOOLS)/mlflow-$${pair#*=}/bin/python"; \
		"$$python" $(list_routes) routes > "tests/fixtures/routes-$${pair%=*}.tsv"; \
		"$$python" $(list_routes) repeated >> "$$lists"; \
		"$$python" $(list_messages) describe > "$$lists.$$pair.json"; \
	done; \
	LC_ALL=C sort -u "$$lists" > $(repeated); \
	$(PYTHON) $(list_messages) merge $(FIXTURES:%="$$lists".%.json) > src/mlflow/messages.txt; \
	rm "$$lists"*

# COMPARED takes one of the versions only: make differential COMPARED=3.12.0
# COMPARED=3.17.2 WORLD=roles records other holders, of named roles, patterns and DENY (scripts/recorder/people.py).
COMPARED ?= $(MLFLOW_COMPARED)
WORLD ?= classic
differential: build $(COMPARED:%=$(stamps)/basic-auth-%) $(stamps)/rust ## Put every route to MLflow's authorizer and to the Worker, record and compare (15 minutes)
	@for version in $(COMPARED); do \
	  echo "== MLflow $$version with basic-auth, beside the Worker (2 to 8 minutes)"; \
	  "$(TOOLS)/mlflow-$$version/bin/python" scripts/recorder matrix "$$version" --world "$(WORLD)"; \
	done
	cargo test --locked --test native differential:: -- --nocapture

# READERS_COUNT inputs for each of READER_NAMES, each judged by every release in MLFLOW_READERS.
MLFLOW_READERS := 3.3.2 3.12.0 $(MLFLOW_NEW)
READERS_COUNT ?= 100000
READERS_SEED ?= 1
READER_NAMES ?= $(patsubst scripts/readers/%.py,%,$(filter-out %/__main__.py,$(wildcard scripts/readers/*.py)))
readers: $(MLFLOW_READERS:%=$(stamps)/basic-auth-%) $(stamps)/rust ## Have MLflow judge what the gate reads, on made-up inputs (READERS_COUNT=100000 a reader)
	@mkdir -p target/readers tests/fixtures/readers
	@for name in $(READER_NAMES); do \
	  echo "== $$name: $(READERS_COUNT) inputs"; \
	  "$(TOOLS)/mlflow-$(MLFLOW_NEW)/bin/python" scripts/readers generate "$$name" $(READERS_COUNT) $(READERS_SEED) > "target/readers/$$name.jsonl"; \
	  READERS=target/readers cargo test --locked --test native -- --exact "readers::$$name::verdicts" --quiet; \
	  for version in $(MLFLOW_READERS); do \
	    echo "== $$name: judged by MLflow $$version"; \
	    "$(TOOLS)/mlflow-$$version/bin/python" scripts/readers judge "$$name" "target/readers/$$name.verdicts.jsonl"; \
	  done; \
	  "$(TOOLS)/mlflow-$(MLFLOW_NEW)/bin/python" scripts/readers keep "$$name" "target/readers/$$name.verdicts.jsonl" > "tests/fixtures/readers/$$name.jsonl"; \
	done

# --- tools -----------------------------------------------------------------------------------------------------

tools: $(builders) $(stamps)/mlflow-$(MLFLOW_VERSION) ## Install what building and running need

$(stamps):
	@mkdir -p $@

$(stamps)/rust: rust-toolchain.toml | $(stamps)
	@echo "== Rust target wasm32-unknown-unknown (seconds; minutes if rustup has to fetch the toolchain)"
	rustup target add wasm32-unknown-unknown
	@touch $@

$(stamps)/worker-build-$(WORKER_BUILD_VERSION): | $(stamps)/rust
	@echo "== worker-build $(WORKER_BUILD_VERSION) (about 2 minutes)"
	cargo install --locked worker-build@$(WORKER_BUILD_VERSION) --root "$(tools_dir)"
	@touch $@

$(stamps)/wasm-bindgen-$(WASM_BINDGEN_VERSION): | $(stamps)/rust
	@echo "== wasm-bindgen $(WASM_BINDGEN_VERSION) (about 3 minutes)"
	cargo install wasm-bindgen-cli@$(WASM_BINDGEN_VERSION) --root "$(tools_dir)"
	@touch $@

$(stamps)/cargo-fuzz-$(CARGO_FUZZ_VERSION): | $(stamps)/rust
	@echo "== cargo-fuzz $(CARGO_FUZZ_VERSION) (about a minute)"
	cargo install --locked cargo-fuzz@$(CARGO_FUZZ_VERSION) --root "$(tools_dir)"
	@touch $@

$(stamps)/cargo-mutants-$(CARGO_MUTANTS_VERSION): | $(stamps)/rust
	@echo "== cargo-mutants $(CARGO_MUTANTS_VERSION) (about 2 minutes)"
	cargo install --locked cargo-mutants@$(CARGO_MUTANTS_VERSION) --root "$(tools_dir)"
	@touch $@

# Node below 22 only runs npm here, which warns (EBADENGINE) about every package; errors are still shown.
$(stamps)/npm: package.json package-lock.json | $(stamps)
	@echo "== npm packages: wrangler, esbuild, binaryen, node, autocannon (about half a minute)"
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# MLflow names no upper bound, but releases up to 3.3 do not start with SQLAlchemy 2.1, and 3.3 cannot trace with a
# newer OpenTelemetry, nor can a newer FastAPI do with an older one.
pins_3.3.2 := 'opentelemetry-sdk<1.36' 'fastapi<0.117'

$(stamps)/mlflow-%: | $(stamps)
	@echo "== Python environment with MLflow $* (about 2 minutes)"
	test -x "$(TOOLS)/mlflow-$*/bin/python" || $(PYTHON) -m venv "$(TOOLS)/mlflow-$*"
	"$(TOOLS)/mlflow-$*/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar off mlflow==$* 'sqlalchemy<2.1' $(pins_$*)
	@touch $@

# MLflow 2.9 (Python 3.12 at most) imports the pkg_resources that later releases of setuptools do without.
$(stamps)/basic-auth-%: | $(stamps)/mlflow-%
	@echo "== what basic-auth needs beside MLflow $* (seconds)"
	"$(TOOLS)/mlflow-$*/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar off 'Flask-WTF<2' 'setuptools<81'
	@touch $@

$(stamps)/e2e-%: tests/e2e/requirements.txt | $(stamps)/mlflow-%
	@echo "== test requirements beside MLflow $* (about half a minute)"
	"$(TOOLS)/mlflow-$*/bin/python" -m pip install --disable-pip-version-check --quiet --progress-bar off -r tests/e2e/requirements.txt
	@touch $@

$(stamps)/browser: | $(stamps)/e2e-$(MLFLOW_OLD)
	@scripts/install-browser "$(TOOLS)/mlflow-$(MLFLOW_OLD)/bin/python"
	@touch $@

clean: ## Remove what was built; tools, node_modules and local databases stay
	rm -rf build bench/passthrough/build target fuzz/target test-artifacts .wrangler .pytest_cache
