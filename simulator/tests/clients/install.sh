#!/bin/sh
# Installs the official Kavenegar clients for Python and Node, in fixed versions, into the directory
# given as the only argument. Does nothing when they are there already.
set -eu

directory=${1:?usage: install.sh DIRECTORY}
python_client='kavenegar==1.1.2'
requests='requests==2.32.5'
node_client='kavenegar@2.0.2'
stamp="$directory/.installed"
wanted="$python_client $requests $node_client"

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

mkdir -p "$directory"
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install --quiet --disable-pip-version-check "$python_client" "$requests"
npm install --prefix "$directory" --silent --no-audit --no-fund --ignore-scripts "$node_client"
printf '%s' "$wanted" >"$stamp"
