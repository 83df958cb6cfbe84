#!/usr/bin/env bash
# Makes clients of the committed OpenAPI documents with public generators, and has each of them live the
# messaging document's story before a real daarion and a real Synapse.
#   tests/clients/run.sh --daarion PROGRAM --synapse VENV
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$here/../.."
"$root/tests/fuzz/install.sh"
exec "$root/target/fuzz/venv/bin/python" -B "$here/clients.py" "$@"
