#!/bin/sh
# Installs the libraries of the sites that sign in by OpenID Connect, in the versions and with the hashes that the
# lists beside this file name, into the directory given as the only argument. Does nothing when they are there already.
set -eu

directory=${1:?usage: install.sh DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
stamp="$directory/installed"

# One at a time: tests that need the same libraries begin together.
mkdir -p "$(dirname "$directory")"
exec 9>"$directory.lock"
flock 9

if cat "$here/requirements.txt" "$here/package-lock.json" | cmp -s - "$stamp"; then
    exit 0
fi

rm -rf "$directory"
mkdir -p "$directory"
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    --requirement "$here/requirements.txt"
cp "$here/package.json" "$here/package-lock.json" "$directory/"
(cd "$directory" && npm ci --silent --no-audit --no-fund --ignore-scripts)
cat "$here/requirements.txt" "$here/package-lock.json" >"$stamp"
