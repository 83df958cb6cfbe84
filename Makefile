# The one door to everything that is built, run or checked here. `make` lists the targets.

# A shell that is not a login shell does not know where rustup puts cargo.
export PATH := $(PATH):$(HOME)/.cargo/bin

# What is built once and thrown away gains nothing from what a second build would be quicker by, nor
# from what only a debugger reads.
ifdef CI
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := 0
endif

CARGO_FLAGS ?= --locked
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release/daarion
SYNAPSE := $(or $(DAARION_SYNAPSE_VENV),target/synapse/venv)
# What the web application is built of. What npm installs and what is generated is not in it.
UI_SOURCES := $(shell find ui/src ui/static ui/messages ui/project.inlang -type f \
    -not -path 'ui/src/lib/paraglide/*' -not -path 'ui/project.inlang/cache/*' 2>/dev/null) \
    ui/package-lock.json ui/vite.config.ts ui/tsconfig.json

.DEFAULT_GOAL := help
.PHONY: help build ui deb demo test test-ui test-appliance screenshots soak soak-webhooks fuzz-api test-clients check check-ui \
    lint-openapi openapi bench clean cargo synapse package-tools npm
# Each target uses all cores already, and the tests of one build stand on another's.
.NOTPARALLEL:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: cargo ui ## Build the release binary, the web application inside
	cargo build --release $(CARGO_FLAGS)

ui: ui/dist/index.html ## Build the web application, when its sources have changed

deb: build ## Make the Debian package in target/debian and check it with lintian
	@rm -rf target/debian
	@package="$$(packaging/deb.sh $(RELEASE) target/debian)" && echo "$$package" && \
	if command -v lintian >/dev/null; then \
	    lintian --allow-root --fail-on error --tag-display-limit 0 "$$package"; \
	else \
	    echo "make: lintian is not installed, so the package is NOT CHECKED" >&2; \
	fi

demo: build synapse ## Run a small city on a real Synapse; CHECK=1 tries it out and stops
	@$(SYNAPSE)/bin/python -B tests/demo/demo.py --daarion $(RELEASE) --synapse $(SYNAPSE) $(if $(CHECK),--check)

test: cargo synapse package-tools check ui ## Set up what is missing and run every check and test
	CARGO_FLAGS='$(CARGO_FLAGS)' tests/all.sh

test-appliance: build synapse package-tools ## Try the package on a Debian with its own systemd (as root; else it is skipped)
	@python3 -B tests/appliance/appliance.py --daarion $(RELEASE) --synapse $(SYNAPSE)

test-ui: cargo synapse ui ## Try the web application in Chromium, beside a real Synapse; ONLY=word for some
	cargo build $(CARGO_FLAGS)
	tests/ui/run.sh --daarion $(TARGET_DIR)/debug/daarion --synapse $(SYNAPSE) $(if $(ONLY),--only '$(ONLY)')

screenshots: cargo synapse ui ## Write the pictures of docs/images anew
	cargo build $(CARGO_FLAGS)
	tests/ui/run.sh --daarion $(TARGET_DIR)/debug/daarion --synapse $(SYNAPSE) --screenshots docs/images

soak: cargo synapse ## Kill daarion 200 times while 10,000 messages are sent; KILLS=n for another number
	DAARION_KILLS=$(or $(KILLS),200) cargo test $(CARGO_FLAGS) --test durability kill:: -- --nocapture

soak-webhooks: build synapse ## Deliver 10,000 events to 20 receivers while daarion is killed; EVENTS=n for another number
	DAARION_TEST_BINARY=$(abspath $(RELEASE)) DAARION_WEBHOOK_EVENTS=$(or $(EVENTS),10000) \
	    cargo test $(CARGO_FLAGS) --test webhooks crash:: -- --nocapture

test-clients: cargo synapse ui ## Make clients of openapi/*.json with public generators, and try them out
	cargo build $(CARGO_FLAGS)
	tests/clients/run.sh --daarion $(TARGET_DIR)/debug/daarion --synapse $(SYNAPSE)

fuzz-api: build synapse ## Ask the API at random what its documents say, for long; EXAMPLES=n for each operation
	tests/fuzz/run.sh --daarion $(RELEASE) --synapse $(SYNAPSE) --examples $(or $(EXAMPLES),300)

check: cargo ## Check the formatting and the lints
	cargo fmt --all --check
	cargo clippy --all-targets $(CARGO_FLAGS) -- -D warnings

check-ui: ui/node_modules/.package-lock.json ## Check the web application's types, its API types and its translations
	cd ui && npm run --silent check && npm run --silent api:check && npm run --silent messages:check

lint-openapi: ## Check openapi/*.json with a public linter
	tests/openapi/lint.sh

openapi: cargo ## Write openapi/*.json anew from the code
	@mkdir -p openapi
	cargo run --quiet $(CARGO_FLAGS) -- openapi public > openapi/public.json.new
	cargo run --quiet $(CARGO_FLAGS) -- openapi internal > openapi/internal.json.new
	@mv openapi/public.json.new openapi/public.json
	@mv openapi/internal.json.new openapi/internal.json

bench: cargo synapse ## Measure, and print a report; BENCH_ARGS=--quick takes two minutes
	cargo bench $(CARGO_FLAGS) --bench end_to_end -- $(BENCH_ARGS)
	cargo bench $(CARGO_FLAGS) --bench authentication

clean: ## Remove all that was built, installed or stored under target/
	@if command -v cargo >/dev/null; then cargo clean; fi
	rm -rf target ui/dist ui/node_modules ui/.svelte-kit ui/src/lib/paraglide

# The tools that the targets stand on.

cargo:
	@command -v cargo >/dev/null || { \
	    echo "make: cargo is not installed; get Rust 1.95 or newer from https://rustup.rs" >&2; exit 1; }

npm:
	@command -v npm >/dev/null || { \
	    echo "make: npm is not installed; get Node.js 20.19 or newer with npm from https://nodejs.org" >&2; exit 1; }

# What lies on the disk.

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json | npm
	cd ui && npm ci --ignore-scripts --no-progress
	@touch $@

ui/dist/index.html: $(UI_SOURCES) ui/node_modules/.package-lock.json
	cd ui && npm run --silent build

synapse:
	@tests/homeserver/install.sh

package-tools:
	@tests/appliance/install.sh
