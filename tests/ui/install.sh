#!/usr/bin/env bash
# Brings what the browser tests need: Chromium of the distribution (by apt-get, as root, when it is
# missing) and the pinned packages of package-lock.json under target/ui-tests. Prints nothing when
# there is nothing to do; two runs at the same time wait for each other.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
tools="$root/target/ui-tests"
stamp="$tools/.daarion-lock"

say() { printf 'ui tests: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

install_chromium() {
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "Chromium is missing; on Debian: apt-get install -y chromium"
    fi
    say "installing Chromium with apt-get (once)"
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium >&2
}

mkdir -p "$tools"
exec 9>"$tools/.lock"
flock 9

command -v "${DAARION_CHROMIUM:-chromium}" >/dev/null || install_chromium

want="$(sha256sum <"$here/package-lock.json")"
if [[ "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    command -v npm >/dev/null || fail "npm is missing; get Node.js 20.19 or newer with npm from https://nodejs.org"
    say "installing what drives the browser (once)"
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$tools/"
    (cd "$tools" && npm ci --ignore-scripts --no-progress >&2)
    printf '%s\n' "$want" >"$stamp"
fi
