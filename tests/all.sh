#!/usr/bin/env bash
# Everything that must pass, in an order that leaves neither core idle: beside the tests goes the release
# build, most of which is two long steps on one core, with the long test of webhooks that needs it; and
# the browser's stories. `make test` has set everything up before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

flags=(${CARGO_FLAGS---locked})
logs=target/test-logs
mkdir -p "$logs"
behind=()

# Runs something, and says how long it has taken.
step() {
    local begun=$SECONDS
    "$@"
    printf '== %s s: %s\n' "$((SECONDS - begun))" "$*"
}

# Runs something beside, its output in a file.
beside() {
    local name=$1
    shift
    # A group of its own, so that all of it can be ended.
    set -m
    "$@" >"$logs/$name.log" 2>&1 &
    set +m
    behind+=("$!")
}

# Waits for what runs beside and shows what it has said.
join() {
    local name=$1 status=0
    wait "${behind[0]}" || status=$?
    behind=("${behind[@]:1}")
    cat "$logs/$name.log"
    return "$status"
}

stop() {
    local process
    for process in "${behind[@]}"; do
        kill -- "-$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
}
trap stop EXIT

# What needs the release build and takes long.
soak() {
    cargo build --release "${flags[@]}"
    make soak-webhooks
}

step cargo test "${flags[@]}" --no-run
beside soak soak
beside test-ui make test-ui
step cargo test "${flags[@]}"
step make lint-openapi
step make check-ui
step make test-clients
# Waits until what goes on beside has built it.
step cargo build --release "${flags[@]}"
step make demo CHECK=1
step make deb
step make fuzz-api EXAMPLES=5
step make test-appliance
step join soak
step join test-ui
printf '== %s s in all\n' "$SECONDS"
