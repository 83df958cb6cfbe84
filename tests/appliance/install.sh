#!/usr/bin/env bash
# Installs what the package is checked and tried with, where that is missing and may be installed: as
# root, on a Debian. Elsewhere nothing happens, and whatever cannot be tried says so itself.
set -euo pipefail

declare -A packages=(
    [debootstrap]=debootstrap [wget]=wget [lintian]=lintian [dpkg-shlibdeps]=dpkg-dev
    [systemd-analyze]=systemd
)
missing=()
for program in "${!packages[@]}"; do
    command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if [[ ${#missing[@]} -eq 0 || $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    exit 0
fi

echo "appliance: installing ${missing[*]} with apt-get" >&2
export DEBIAN_FRONTEND=noninteractive
if ! apt-get update -q >&2 || ! apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; then
    echo "appliance: this failed" >&2
fi
