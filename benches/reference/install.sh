#!/usr/bin/env bash
# Installs the reference: requirements.txt into a virtual environment at target/reference/venv, and
# PostgreSQL 15 with apt-get where it is missing and may be installed. The Python is the one of the
# tests' Synapse, which is installed first. A stamp written at the very end tells a finished environment
# from one that was cut off; when there is nothing to do it answers at once. Prints where PostgreSQL is.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
requirements="$here/requirements.txt"
venv="$root/target/reference/venv"
stamp="$venv/.daarion-requirements"
synapse="${DAARION_SYNAPSE_VENV:-$root/target/synapse/venv}"
postgres=/usr/lib/postgresql/15/bin

say() { printf 'reference: %s\n' "$*" >&2; }

if [[ ! -x "$postgres/postgres" ]]; then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        say "PostgreSQL 15 is not installed"
        exit 1
    fi
    say "installing PostgreSQL 15 with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >&2
    # Its own cluster is not wanted: the benchmark makes one, and removes it.
    apt-get install -y -q --no-install-recommends postgresql-common >&2
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/daarion-bench.conf
    apt-get install -y -q --no-install-recommends postgresql-15 >&2
fi

# The place belongs to the stamp: an environment that was moved does not work.
want="$(sha256sum <"$requirements" | cut -d' ' -f1) $venv"
if [[ ! -x "$venv/bin/python" || "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    mkdir -p "$(dirname "$venv")"
    [[ -x "$synapse/bin/python" ]] || "$root/tests/homeserver/install.sh"
    say "making $venv (once; some seconds and 60 MB)"
    rm -rf "$venv"
    "$synapse/bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off \
        --quiet --only-binary :all: --no-deps --requirement "$requirements" >&2
    "$venv/bin/python" -m pip check --disable-pip-version-check >&2
    printf '%s\n' "$want" >"$stamp"
fi
printf '%s\n' "$postgres"
