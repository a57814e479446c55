#!/usr/bin/env bash
# Makes the virtual environment and installs the pinned tools: venv.sh PYTHON FOLDER REQUIREMENTS
#
# Debian splits ensurepip off into python3-venv and pip into python3-pip, and a bare machine may have neither.
# Then pip comes as a wheel from PyPI, checked against the hash below; a wheel of pip runs without installation.
set -euo pipefail

python=$1 folder=$2 requirements=$3
pip_version=26.3

version=$("$python" -c 'import sys; print(sys.version_info >= (3, 11))')
if [ "$version" != True ]; then
    echo "error: $("$python" --version) is too old; HORUS needs Python 3.11 or later (make PYTHON=…)" >&2
    exit 1
fi

if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$folder"
    if ! "$python" -m venv "$folder" >/dev/null 2>&1; then
        rm -rf "$folder"
        "$python" -m venv --without-pip "$folder"
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m pip --python "$folder/bin/python" install --quiet "pip==$pip_version"
        else
            "$folder/bin/python" "$(dirname "$0")/fetch_pip.py" "$pip_version" "$folder"
        fi
    fi
fi
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
