#!/bin/sh
# Compiles requirements/*.txt from pyproject.toml: sh tools/lock.sh UV
#
# runtime.txt is what a production image installs; dev.txt is everything. Hash-pinned, and no file names a package index.
set -eu
uv=$1
compile() {
    output=$1
    shift
    "$uv" pip compile --quiet pyproject.toml "$@" --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file "$output"
}
compile requirements/runtime.txt
compile requirements/dev.txt --extra local --extra dev
