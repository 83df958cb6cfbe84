#!/usr/bin/env bash
# Installs the Synapse of the tests and of the demo: requirements.txt into a virtual environment at
# target/synapse/venv, or at $DAARION_SYNAPSE_VENV. A stamp written at the very end tells a finished
# environment from one that was cut off, so this may be run, interrupted and repeated at any time;
# when there is nothing to do it answers at once. Two runs at the same time wait for each other.
# In it is homeserver.db, a database with nothing in it but its tables: a homeserver that begins with a
# copy need not make them, which is half the time of its start.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
requirements="$here/requirements.txt"
venv="$(realpath -m "${DAARION_SYNAPSE_VENV:-$root/target/synapse/venv}")"
stamp="$venv/.daarion-requirements"
database="$venv/homeserver.db"

say() { printf 'synapse: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The place belongs to the stamp: an environment that was moved does not work.
want="$(cat "$requirements" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1) $venv"

is_ready() { [[ -x "$venv/bin/python" && "$(cat "$stamp" 2>/dev/null)" == "$want" ]]; }

make_database() {
    local folder
    folder="$(mktemp -d)"
    {
        cat "$here/base.yaml"
        printf 'server_name: localhost\nmedia_store_path: %s/media\n' "$folder"
        printf 'database: { name: sqlite3, args: { database: %s/homeserver.db } }\n' "$folder"
    } >"$folder/homeserver.yaml"
    "$venv/bin/python" -m synapse._scripts.update_synapse_database --run-background-updates \
        --database-config "$folder/homeserver.yaml" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    mv "$folder/homeserver.db" "$database"
    rm -r "$folder"
}

# The wheels that are pinned exist for Python 3.11, which Debian 12 brings; a newer one may do.
find_python() {
    local candidate
    for candidate in python3.11 python3 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Debian keeps the venv module in a package of its own.
install_python() {
    local packages=(python3 python3-venv)
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "needs Python 3.10 or newer with the venv module; on Debian: apt-get install -y ${packages[*]}"
    fi
    say "installing ${packages[*]} with apt-get"
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${packages[@]}" >&2
}

if is_ready; then
    exit 0
fi

mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
if ! flock -n 9; then
    say "another run is installing; waiting for it"
    flock 9
fi
if is_ready; then
    exit 0
fi

python="$(find_python)" || { install_python; python="$(find_python)" || fail "no usable Python found"; }
if ! has_venv "$python"; then
    install_python
    has_venv "$python" || python=/usr/bin/python3
    has_venv "$python" || fail "$python still has no venv module"
fi

say "making $venv with $("$python" --version) (once; about half a minute and 250 MB)"
rm -rf "$venv"
"$python" -m venv "$venv"

total="$(grep -ci '^[a-z]' "$requirements")"
say "installing $total packages"
# Everything is pinned, so nothing is left to resolve; `pip check` proves that nothing is missing.
"$venv/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off \
    --only-binary :all: --no-deps --requirement "$requirements" |
    awk -v total="$total" '/^Collecting /{ printf "synapse: %2d/%d %s\n", ++n, total, $2; fflush() }' >&2
"$venv/bin/python" -m pip check --disable-pip-version-check >&2
# Compiled once here, or the first start pays for it.
"$venv/bin/python" -m compileall -q "$venv/lib" >/dev/null 2>&1 || true
make_database

printf '%s\n' "$want" >"$stamp"
say "ready: $("$venv/bin/python" -c 'from importlib.metadata import version; print("Synapse", version("matrix-synapse"))')"
