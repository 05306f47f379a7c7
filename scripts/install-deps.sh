#!/usr/bin/env bash
# Installs what the tests need beyond Go, Node and npm: the npm packages of the
# lock file, Chromium, and a C compiler for Go's race detector. Quick when all
# of it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
  [ -x "${CHROMIUM:-}" ] || missing+=(chromium)
command -v "$(go env CC | cut -d' ' -f1)" >/dev/null || missing+=(gcc libc6-dev)

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "The tests need these Debian packages, or their likes: ${missing[*]}." >&2
    echo "Install them (sudo apt-get install ${missing[*]}), or set CHROMIUM to the path of a Chromium or Chrome; then try again." >&2
    exit 1
  fi
fi

for folder in e2e infra; do
  stamp=$folder/node_modules/.package-lock.json
  if [ ! -e "$stamp" ] || [ $folder/package-lock.json -nt "$stamp" ]; then
    echo "Installing the npm packages of $folder/package-lock.json …"
    npm ci --prefix $folder --no-audit --no-fund --ignore-scripts --loglevel=error
  fi
done
