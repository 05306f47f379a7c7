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

await_system() {
  for _ in $(seq 300); do
    if grep -q 'Ctrl-C stops everything' "$log"; then return; fi
    kill -0 $system 2>/dev/null || break
    sleep 0.1
  done
  echo "the system is not ready; it says:" >&2
  cat "$log" >&2
  exit 1
}

await_system
BASE_URL=$(grep -oE 'http://localhost:[0-9]+' "$log" | head -1)
export BASE_URL LOCAL_PID=$system LOCAL_DATA=$data
status=0
"$@" || status=$?

# Without knowing the handler there is no telling whether it is left behind.
if ! handler=$(pgrep -P $system); then
  echo "the system has no handler" >&2
  status=1
fi
kill -INT $system
wait $system || status=$?
for pid in $handler; do
  if kill -0 "$pid" 2>/dev/null; then
    echo "process $pid was left behind" >&2
    status=1
  fi
done
exit $status
