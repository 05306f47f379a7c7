#!/usr/bin/env bash
# Measures the handler of dist/ beside what one would pick instead, and decoding
# and record building by themselves. docs/performance.md explains the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=.cache/bench

mkdir -p "$peers"
# Built as the handler is, so that sizes and starts can be compared.
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$peers/" ./e2e/bench/...
"$peers/bench" -handler dist/handler -peers "$peers" "$@"
[ $# = 0 ] || exit 0

echo "Decoding an envelope and building records, in one process:"
echo
go test -run '^$' -bench '^(BenchmarkDecodeMessages|BenchmarkRecords|BenchmarkLargeActivity|BenchmarkSummarize)$' \
  -benchmem -benchtime 1s ./internal/invocation ./internal/transcript | grep '^Benchmark'
