#!/usr/bin/env bash
# Installs what others wrote for those on the other side, the Matrix client matrix-nio and the
# verifier of webhooks standardwebhooks: requirements.txt into a virtual environment at target/nio/venv, or at $DAARION_NIO_VENV. The Python is the one of the tests' Synapse, which is
# installed first. A stamp written at the very end tells a finished environment from one that was cut
# off; when there is nothing to do it answers at once. Two runs at the same time wait for each other.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
requirements="$here/requirements.txt"
venv="$(realpath -m "${DAARION_NIO_VENV:-$root/target/nio/venv}")"
stamp="$venv/.daarion-requirements"
synapse="${DAARION_SYNAPSE_VENV:-$root/target/synapse/venv}"

say() { printf 'nio: %s\n' "$*" >&2; }

# The place belongs to the stamp: an environment that was moved does not work.
want="$(sha256sum <"$requirements" | cut -d' ' -f1) $venv"

is_ready() { [[ -x "$venv/bin/python" && "$(cat "$stamp" 2>/dev/null)" == "$want" ]]; }

if is_ready; then
    exit 0
fi

mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9
if is_ready; then
    exit 0
fi

"$root/tests/homeserver/install.sh"
say "making $venv (once; some seconds and 60 MB)"
rm -rf "$venv"
"$synapse/bin/python" -m venv "$venv"
"$venv/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off --quiet \
    --only-binary :all: --no-deps --requirement "$requirements" >&2
"$venv/bin/python" -m pip check --disable-pip-version-check >&2

printf '%s\n' "$want" >"$stamp"
say "ready: $("$venv/bin/python" -c 'from importlib.metadata import version; [print(it, version(it), end=" ") for it in ("matrix-nio", "standardwebhooks")]')"
