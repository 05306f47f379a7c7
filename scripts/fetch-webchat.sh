#!/bin/sh
# Fetches Web Chat's bundle (a tarball of 7 MB) and prints where it lies. See
# fetch-pinned.sh.
set -eu
exec "$(dirname -- "$0")/fetch-pinned.sh" botframework-webchat dist/webchat.js web/webchat.json webchat
