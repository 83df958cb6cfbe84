# The one door to everything that is built, run or checked here. `make` lists the targets.

# A shell that is not a login shell does not know where rustup puts cargo.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO_FLAGS ?= --locked
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release/daarion
SYNAPSE := $(or $(DAARION_SYNAPSE_VENV),target/synapse/venv)

.DEFAULT_GOAL := help
.PHONY: help build deb demo test test-appliance soak check lint-openapi openapi bench clean cargo synapse
# Each target uses all cores already, and the tests of one build stand on another's.
.NOTPARALLEL:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: cargo ## Build the release binary
	cargo build --release $(CARGO_FLAGS)

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

test: cargo synapse check ## Set up what is missing and run every check and test
	cargo test $(CARGO_FLAGS)
	$(MAKE) lint-openapi
	$(MAKE) demo CHECK=1
	$(MAKE) deb
	$(MAKE) test-appliance

test-appliance: build synapse ## Try the package on a Debian with its own systemd (as root; else it is skipped)
	@python3 -B tests/appliance/appliance.py --daarion $(RELEASE) --synapse $(SYNAPSE)

soak: cargo synapse ## Kill daarion 200 times while 10,000 messages are sent; KILLS=n for another number
	DAARION_KILLS=$(or $(KILLS),200) cargo test $(CARGO_FLAGS) --test durability kill:: -- --nocapture

check: cargo ## Check the formatting and the lints
	cargo fmt --all --check
	cargo clippy --all-targets $(CARGO_FLAGS) -- -D warnings

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

clean: ## Remove all that was built, installed or stored under target/
	@if command -v cargo >/dev/null; then cargo clean; fi
	rm -rf target

# The tools that the targets stand on.

cargo:
	@command -v cargo >/dev/null || { \
	    echo "make: cargo is not installed; get Rust 1.95 or newer from https://rustup.rs" >&2; exit 1; }

synapse:
	@tests/homeserver/install.sh
