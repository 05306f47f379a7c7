#!/usr/bin/env bash
# Runs a command beside the whole system on a free port, with empty data. The
# command finds the system in BASE_URL, its process in LOCAL_PID, and what it keeps
# and logs in LOCAL_DATA. Fails if the command does, or if a process of the system
# is left behind.
set -euo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d)
log=$data/log
: >"$log"
mkdir -p .cache/bin artifacts
go build -buildvcs=false -o .cache/bin/chatgate-local ./cmd/local
.cache/bin/chatgate-local -port 0 -data "$data/local" -webchat "$(scripts/fetch-webchat.sh)" >"$log" 2>&1 &
system=$!
trap 'kill -INT $system 2>/dev/null || true; wait $system 2>/dev/null || true; cp "$log" artifacts/local.log; rm -rf "$data"' EXIT

for _ in $(seq 300); do
  grep -q 'Ctrl-C stops everything' "$log" && break
  kill -0 $system 2>/dev/null || { cat "$log"; exit 1; }
  sleep 0.1
done
BASE_URL=$(grep -oE 'http://localhost:[0-9]+' "$log" | head -1)
export BASE_URL LOCAL_PID=$system LOCAL_DATA=$data
status=0
"$@" || status=$?

handler=$(pgrep -P $system || true)
kill -INT $system
wait $system || status=$?
for pid in $handler; do
  if kill -0 "$pid" 2>/dev/null; then
    echo "process $pid was left behind" >&2
    status=1
  fi
done
exit $status
