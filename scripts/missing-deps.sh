#!/usr/bin/env bash
# Prints what the tests need beyond Go, Node and npm and is not there, by the names
# of Debian's packages: a browser, a C compiler for Go's race detector, and pgrep.
set -euo pipefail

has() { command -v "$1" >/dev/null; }

missing=()
has chromium || has chromium-browser || has google-chrome || [ -x "${CHROMIUM:-}" ] || missing+=(chromium)
has "$(go env CC | cut -d' ' -f1)" || missing+=(gcc libc6-dev)
has pgrep || missing+=(procps)
echo "${missing[*]-}"
