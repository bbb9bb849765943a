#!/bin/sh
# Makes a virtual environment from a hash-pinned requirement file: sh tools/install.sh VENV REQUIREMENTS [--without-project]
#
# The project itself is installed too, editable, unless it is told not to.
# Needs only Python >= 3.11. Uses uv where it is on PATH, else pip inside the new environment. Works as root and as an
# ordinary user. Interpreters are tried by running them, since a pyenv shim may be on PATH without a version behind it.
set -eu
venv=$1
requirements=$2
project=${3:-}

has_uv() {
    command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1
}

find_python() {
    for name in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
        [ -n "$name" ] || continue
        found=$("$name" -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null) || continue
        if [ -n "$found" ]; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

if ! python=$(find_python); then
    echo "gelombang needs Python 3.11 or later, and none was found on PATH. Set PYTHON=/path/to/python3.11 if it is elsewhere." >&2
    exit 3
fi
echo "Installing into $venv with $("$python" --version) ..."

# What uv must never do here: pick another interpreter or download one.
UV_PYTHON=$python
UV_PYTHON_DOWNLOADS=never
UV_NO_PROGRESS=1
export UV_PYTHON UV_PYTHON_DOWNLOADS UV_NO_PROGRESS

if [ "$("$venv/bin/python" -c 'import sys; print(sys._base_executable)' 2>/dev/null)" != "$python" ]; then
    rm -rf "$venv"
    if has_uv; then
        uv venv --quiet --python "$python" "$venv"
    elif ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "This Python cannot make virtual environments. On Debian: apt-get install python3-venv (or put uv on PATH)." >&2
        exit 3
    fi
fi

install_with_uv() {
    has_uv && uv pip sync --quiet --require-hashes --python "$venv/bin/python" "$requirements" &&
        { [ "$project" = --without-project ] ||
            uv pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable .; }
}

# Also the way out when uv is there but only pip is told where the package index is.
install_with_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
    pip="$venv/bin/python -m pip --quiet --quiet --disable-pip-version-check install"
    # The file names every package: what one of them says it needs is not asked again.
    $pip --require-hashes --no-deps --requirement "$requirements" &&
        { [ "$project" = --without-project ] || $pip --no-deps --no-build-isolation --editable .; }
}

if ! install_with_uv && ! install_with_pip; then
    echo "Could not install from $requirements. Is a package index reachable? What pip said stands above." >&2
    exit 3
fi
