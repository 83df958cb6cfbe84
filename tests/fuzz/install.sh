#!/usr/bin/env bash
# Installs requirements.txt into a virtual environment at target/fuzz/venv. The Python is the one of the
# tests' Synapse. A stamp written at the very end tells a finished environment from one that was cut off;
# when there is nothing to do it answers at once.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
requirements="$here/requirements.txt"
venv="$root/target/fuzz/venv"
stamp="$venv/.daarion-requirements"
synapse="${DAARION_SYNAPSE_VENV:-$root/target/synapse/venv}"

say() { printf 'fuzz: %s\n' "$*" >&2; }

# The place belongs to the stamp: an environment that was moved does not work.
want="$(sha256sum <"$requirements" | cut -d' ' -f1) $venv"
mkdir -p "$(dirname "$venv")"
exec 9>"$(dirname "$venv")/.lock"
flock 9
if [[ -x "$venv/bin/python" && "$(cat "$stamp" 2>/dev/null)" == "$want" ]]; then
    exit 0
fi
[[ -x "$synapse/bin/python" ]] || "$root/tests/homeserver/install.sh"
say "making $venv (once; some seconds and 90 MB)"
rm -rf "$venv"
"$synapse/bin/python" -m venv "$venv"
"$venv/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off --quiet \
    --only-binary :all: --no-deps --requirement "$requirements" >&2
"$venv/bin/python" -m pip check --disable-pip-version-check >&2
printf '%s\n' "$want" >"$stamp"
