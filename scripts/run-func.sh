#!/usr/bin/env bash
# Runs dist/ under Azure Functions Core Tools, with Azurite for the host's and
# the conversations' storage. Settings are those of local.settings.json, which
# is made from the sample if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
port=${PORT:-7071}

if ! command -v func >/dev/null; then
  echo "FUNC=1 needs Azure Functions Core Tools 4, and func is not on the PATH." >&2
  echo "Install them (https://aka.ms/azfunc-install), or leave FUNC=1 out: make run needs neither." >&2
  exit 1
fi
scripts/install-deps.sh npm
if [ ! -e local.settings.json ]; then
  cp local.settings.sample.json local.settings.json
  echo "Made local.settings.json from the sample. Fill in the bot's Direct Line secret and the Service Bus namespace, then run this again." >&2
  exit 1
fi
cp local.settings.json dist/

mkdir -p .local/azurite
node e2e/node_modules/azurite/dist/src/azurite.js --silent --location .local/azurite --disableTelemetry --skipApiVersionCheck &
azurite=$!
trap 'kill $azurite 2>/dev/null || true; rm -f dist/local.settings.json' EXIT
(cd dist && func start --port "$port")
