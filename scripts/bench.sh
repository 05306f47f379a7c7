#!/usr/bin/env bash
# Measures the handler of dist/ beside what one would pick instead and prints a
# table, which docs/performance.md explains. `-only tokens` measures a part.
set -euo pipefail
cd "$(dirname "$0")/.."
programs=.cache/bench

mkdir -p "$programs"
# Built as the handler is, so that sizes and starts can be compared.
CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$programs/" ./e2e/bench/...
exec "$programs/bench" -handler dist/handler -peers "$programs" "$@"
