#!/usr/bin/env bash
# Tries the web application in a real browser, before a real daarion beside a real Synapse.
#   tests/ui/run.sh --daarion PROGRAM --synapse VENV [--only WORD] [--screenshots FOLDER]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
"$here/install.sh"
exec node "$here/main.mjs" "$@"
