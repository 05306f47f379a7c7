#!/bin/sh
# Fetches one file of an npm package into the cache, unless it is there already,
# and checks it against a hash that is pinned here. Prints its path.
#
#   fetch-pinned.sh PACKAGE FILE PIN FOLDER
#
# FILE is a path inside the package, PIN a JSON file of this repository with the
# members version and integrity, FOLDER a name below .cache.
#
# Only the package's own tarball is fetched: installing it would bring all that
# it depends on, which a bundle already contains.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
package=$1
file=$2
pin=$3

# The value of a member of the pin, which has one a line.
pinned() {
  sed -n "s/^ *\"$1\": *\"\([^\"]*\)\".*/\1/p" "$root/$pin"
}

version=$(pinned version)
integrity=$(pinned integrity)
folder=$root/.cache/$4/$version
cached=$folder/$(basename -- "$file")

# Whether the file is there and hashes to the pinned value. By Node, which comes
# with npm: other programs for it differ from system to system.
is_good() {
  [ -f "$1" ] && node -e '
    const [file, integrity] = process.argv.slice(1);
    const hash = require("crypto").createHash("sha384").update(require("fs").readFileSync(file));
    process.exit(`sha384-${hash.digest("base64")}` === integrity ? 0 : 1);
  ' "$1" "$integrity"
}

if is_good "$cached"; then
  echo "$cached"
  exit 0
fi

mkdir -p "$folder"
scratch=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

(cd "$scratch" && npm pack --silent "$package@$version" >/dev/null)
tar -xzf "$scratch"/*.tgz -C "$scratch" "package/$file"

if ! is_good "$scratch/package/$file"; then
  echo "fetch-pinned: $package $version does not match the hash in $pin" >&2
  exit 1
fi

# Renamed into place: whoever reads the cache sees a whole file or none.
mv "$scratch/package/$file" "$cached"
echo "$cached"
