#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME, a time (10s) or a count (1500x). Go runs
# one target a call.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-10s}

grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do
  grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | cut -d' ' -f2 | sort -u | while read -r target; do
    echo "$dir $target ($time)"
    go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null
  done
done
