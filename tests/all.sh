#!/usr/bin/env bash
# Everything that must pass, in an order that leaves neither core idle: the release build, half of which
# is one long step on one core, goes on behind the tests, with what they leave of the processor; and what
# mostly waits stands beside what mostly works. `make test` has set everything up before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

flags=(${CARGO_FLAGS---locked})
logs=target/test-logs
mkdir -p "$logs"
behind=()

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

cargo test "${flags[@]}" --no-run
beside release nice -n 19 cargo build --release "${flags[@]}"
cargo test "${flags[@]}"
make lint-openapi
make check-ui
make test-clients
make test-ui
join release
make demo CHECK=1
make deb
beside soak-webhooks make soak-webhooks
make fuzz-api EXAMPLES=5
make test-appliance
join soak-webhooks
