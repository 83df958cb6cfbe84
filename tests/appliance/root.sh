#!/usr/bin/env bash
# Makes the Debian system that the appliance is tried on, as a tarball under target/appliance or in
# $DAARION_APPLIANCE_CACHE: once, two minutes and 300 MB, and again only when this file changes. It
# prints the path of the tarball, or ends with 75 when no Debian mirror can be reached.
set -euo pipefail

suite=bookworm
mirror="${DAARION_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
# The system itself, what Synapse's Python is linked with, the proxies of packaging/ and what makes
# their certificate. Not ca-certificates: a small Debian has none, and daarion does without.
packages=systemd,systemd-sysv,dbus,procps,python3,openssl,nginx-light,caddy

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cache="${DAARION_APPLIANCE_CACHE:-$root/target/appliance}"
tarball="$cache/base-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12).tar"

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [[ ! -s "$tarball" ]]; then
    if ! wget --quiet --tries=2 --timeout=20 --output-document=/dev/null \
        "$mirror/dists/$suite/InRelease"; then
        echo "appliance: $mirror cannot be reached" >&2
        exit 75
    fi
    echo "appliance: making a Debian system (once; about two minutes)" >&2
    work="$(mktemp -d "$cache/making.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    if ! debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" "$mirror" \
        >"$cache/debootstrap.log" 2>&1; then
        tail -n 20 "$cache/debootstrap.log" >&2
        exit 1
    fi
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    rm -f "$cache"/base-*.tar
    tar -C "$work/root" -cf "$work/base.tar" .
    mv "$work/base.tar" "$tarball"
fi
echo "$tarball"
