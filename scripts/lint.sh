#!/usr/bin/env bash
# Runs the linters: golangci-lint, built once from its module, and gofmt.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v2.15.0
linter=$PWD/.cache/bin/golangci-lint-$version

if [ ! -x "$linter" ]; then
  echo "Building golangci-lint $version (some minutes, once) …"
  mkdir -p .cache/bin
  GOBIN=$PWD/.cache/bin GOFLAGS=-mod=mod go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
  mv .cache/bin/golangci-lint "$linter"
fi
"$linter" run --allow-parallel-runners ./...
