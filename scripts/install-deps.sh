#!/usr/bin/env bash
# Installs what the tests need beyond Go, Node and npm: the npm packages of the
# lock files, and what missing-deps.sh names. `install-deps.sh npm` installs the
# npm packages alone. Quick when all of it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

for folder in e2e infra; do
  stamp=$folder/node_modules/.package-lock.json
  if [ ! -e "$stamp" ] || [ $folder/package-lock.json -nt "$stamp" ]; then
    echo "Installing the npm packages of $folder/package-lock.json …"
    npm ci --prefix $folder --no-audit --no-fund --ignore-scripts --loglevel=error
  fi
done
if [ "${1:-}" = npm ]; then exit; fi

# Never asks for a password: nobody may be there to give it.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
  as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=$(scripts/missing-deps.sh)
if [ -n "$missing" ] && command -v apt-get >/dev/null && as_root true 2>/dev/null; then
  echo "Installing $missing …"
  install_packages $missing || true # what is missing still is named below
  missing=$(scripts/missing-deps.sh)
fi
if [ -n "$missing" ]; then
  echo "The tests need these Debian packages, or their likes: $missing." >&2
  echo "Install them (sudo apt-get install $missing). CHROMIUM may hold the path of another Chromium or Chrome." >&2
  exit 1
fi
