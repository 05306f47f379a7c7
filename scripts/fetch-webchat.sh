#!/bin/sh
# Fetches Web Chat's bundle from npm into the cache, unless it is there already,
# and checks it against the hash pinned in web/webchat.json. Prints its path.
#
# Only the package's own tarball (7 MB) is fetched: installing it would bring
# half a gigabyte of dependencies that the bundle already contains.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)

# The value of a member of web/webchat.json, which has one a line.
pinned() {
  sed -n "s/^ *\"$1\": *\"\([^\"]*\)\".*/\1/p" "$root/web/webchat.json"
}

version=$(pinned version)
integrity=$(pinned integrity)
folder=$root/.cache/webchat/$version
bundle=$folder/webchat.js

# Whether the file is there and hashes to the pinned value. By Node, which comes
# with npm: other programs for it differ from system to system.
is_good() {
  [ -f "$1" ] && node -e '
    const [file, integrity] = process.argv.slice(1);
    const hash = require("crypto").createHash("sha384").update(require("fs").readFileSync(file));
    process.exit(`sha384-${hash.digest("base64")}` === integrity ? 0 : 1);
  ' "$1" "$integrity"
}

if is_good "$bundle"; then
  echo "$bundle"
  exit 0
fi

mkdir -p "$folder"
scratch=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

(cd "$scratch" && npm pack --silent "botframework-webchat@$version" >/dev/null)
tar -xzf "$scratch"/botframework-webchat-*.tgz -C "$scratch" package/dist/webchat.js

if ! is_good "$scratch/package/dist/webchat.js"; then
  echo "fetch-webchat: botframework-webchat $version does not match the hash in web/webchat.json" >&2
  exit 1
fi

# Renamed into place: whoever reads the cache sees a whole file or none.
mv "$scratch/package/dist/webchat.js" "$bundle"
echo "$bundle"
