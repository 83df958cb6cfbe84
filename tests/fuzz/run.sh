#!/usr/bin/env bash
# Asks the API at random: tests/fuzz/fuzz.py with what it needs.
#   tests/fuzz/run.sh --daarion PROGRAM --synapse VENV [--examples N] [--least N] [--seed N] [--only OPERATION]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
"$here/install.sh"
exec "$here/../../target/fuzz/venv/bin/python" -B "$here/fuzz.py" "$@"
