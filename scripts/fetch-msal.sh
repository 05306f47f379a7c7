#!/bin/sh
# Puts MSAL, the library by which the service desk's page signs in, where
# web/web.go embeds it, compressed (a tarball of 2.5 MB). See fetch-pinned.sh.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
target=$root/web/desk/lib/msal-browser.min.js.gz
library=$("$root/scripts/fetch-pinned.sh" @azure/msal-browser lib/msal-browser.min.js web/desk/msal.json msal)

if gzip -dc "$target" 2>/dev/null | cmp -s - "$library"; then exit 0; fi

# Renamed into place: a build that runs meanwhile sees a whole file or none.
scratch=$(mktemp "$root/web/desk/lib/.fetch.XXXXXX")
trap 'rm -f "$scratch"' EXIT
gzip -9nc "$library" >"$scratch"
chmod 644 "$scratch"
mv "$scratch" "$target"
