#!/usr/bin/env bash
# Runs every test: Go with the race detector, the widget's modules in Node, and
# the whole system in a browser. Goes on after a failure so that one run shows
# them all; names what was skipped and why.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p artifacts
failed=0

go test -race -shuffle=on -timeout 15m -json ./... >artifacts/go-test.json || failed=1
node scripts/summarise.mjs artifacts/go-test.json || failed=1

node --test --test-reporter=spec web/test/ || failed=1
exit $failed
