#!/usr/bin/env bash
# Installs what the tests need and runs every test: Go with the race detector, the
# widget's modules in Node, and the whole system in a browser and with a real bot.
# Goes on after a failure so that one run shows them all; names what was skipped and
# why. Ends non-zero if anything failed or could not be run.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p artifacts
failed=0

# Some tests call go build and go list. In a checkout that somebody else owns git
# tells these nothing, and without this they give up.
GOFLAGS="$(go env GOFLAGS) -buildvcs=false"
export GOFLAGS

scripts/install-deps.sh || failed=1
missing=$(scripts/missing-deps.sh)

# Whether PACKAGE is there; says what is skipped without it.
have() {
  case " $missing " in *" $1 "*) ;; *) return 0 ;; esac
  echo "SKIPPED $2: $1 is missing" >&2
  failed=1
  return 1
}

race=-race
have gcc "the race detector" || race=
echo "Go${race:+, with the race detector} …"
go test $race -shuffle=on -timeout 20m -json ./... >artifacts/go-test.json || failed=1
node scripts/summarise.mjs artifacts/go-test.json || failed=1

echo "Go, what the race detector would distort: sizes and memory …"
go test ./internal/invocation ./internal/transcript || failed=1

echo "Go, built as it is shipped: what erases users' tokens from memory …"
GOEXPERIMENT=runtimesecret go test ./internal/secretly ./internal/login/... ./internal/backend || failed=1

# The shell names the files: of a folder, Node 20 runs every module as a test, and
# later versions take it for a module.
echo "The widget's modules …"
node --test web/test/*.test.mjs || failed=1

echo "The whole system, in a browser and with a bot …"
browser=$(echo e2e/browser/*.test.mjs)
have chromium "e2e/browser" || browser=
scripts/with-local.sh node --test --test-concurrency=1 $browser e2e/bot/*.test.mjs || failed=1

if [ $failed -ne 0 ]; then echo "Some tests failed or could not be run; see above." >&2; fi
exit $failed
