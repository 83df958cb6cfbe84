#!/usr/bin/env bash
# Checks the committed OpenAPI documents with a public linter, which npm installs under
# target/openapi-lint (again only when the lock file changes). package.json pins its version,
# package-lock.json those of all that it stands on, and npm ci takes no others.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
tool="$root/target/openapi-lint"
stamp="$tool/.daarion-lock"
documents=(openapi/public.json openapi/internal.json)

cd "$root"
for document in "${documents[@]}"; do
    if [[ ! -s "$document" ]]; then
        echo "openapi: $document is missing; make openapi writes it" >&2
        exit 1
    fi
done

want="$(sha256sum <"$here/package-lock.json")"
mkdir -p "$tool"
exec 9>"$tool/.lock"
flock 9
if [[ "$(cat "$stamp" 2>/dev/null)" != "$want" ]]; then
    if ! command -v npm >/dev/null; then
        echo "openapi: npm is needed for the linter (get Node.js 20.19 or newer with npm from https://nodejs.org)" >&2
        exit 1
    fi
    echo "openapi: installing the linter (once)" >&2
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$tool/"
    (cd "$tool" && npm ci --ignore-scripts --no-progress >&2)
    printf '%s\n' "$want" >"$stamp"
fi

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
exec "$tool/node_modules/.bin/redocly" lint --config "$here/redocly.yaml" "${documents[@]}"
