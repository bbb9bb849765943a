#!/bin/sh
# Compiles requirements/*.txt from pyproject.toml: sh tools/lock.sh UV
#
# runtime.txt is what a production image installs, build.txt what builds it, local.txt what its stage `local` holds (stand-ins,
# load tests); dev.txt is everything; bench.txt is for the peers of `make bench` and policies.txt for `make check`, neither a part of the project.
# Hash-pinned, and no file names a package index.
set -eu
uv=$1
compile() {
    output=$1
    shift
    "$uv" pip compile --quiet "$@" --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --output-file "$output"
}
compile requirements/runtime.txt pyproject.toml
compile requirements/build.txt --group pyproject.toml:build
compile requirements/local.txt pyproject.toml --extra local --extra load
compile requirements/dev.txt pyproject.toml --extra local --extra load --extra dev
compile requirements/bench.txt --group pyproject.toml:peers
compile requirements/policies.txt --group pyproject.toml:policies
