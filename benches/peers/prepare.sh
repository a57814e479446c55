#!/usr/bin/env bash
# Fetches and builds what HORUS is compared with: prepare.sh FOLDER
#
# FOLDER gets release/horus-bench-peers and venv/. What a registry or the machine doesn't give is left out, with words, and the
# bench goes on without: the status is 0 all the same. Nothing is done that has been done already.
set -uo pipefail

folder=${1:?"usage: prepare.sh FOLDER"}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

left_out() {
    echo "left out of the bench: $*" >&2
}

# A build without the transport that doesn't build is better than none; each try begins where the last one stopped.
build() {
    "${CARGO:-cargo}" build --release --locked --manifest-path "$here/Cargo.toml" --target-dir "$folder" "$@"
}

rust() {
    local log=$folder/build.log
    build 2>&1 | tee "$log" >&2
    if [ "${PIPESTATUS[0]}" -eq 0 ]; then
        return
    fi
    if grep -q 'find libclang' "$log"; then
        left_out "iceoryx2 in Rust: its build looks for libclang (apt-get install libclang-dev)"
    fi
    if build --no-default-features --features iceoryx2; then
        left_out "zenoh in Rust: it doesn't build here, see $log"
    elif build --no-default-features --features zenoh; then
        left_out "iceoryx2 in Rust: it doesn't build here, see $log"
    elif build --no-default-features; then
        left_out "iceoryx2 and zenoh in Rust: they don't build here, see $log"
    else
        rm -f "$folder/release/horus-bench-peers"
        left_out "everyone in Rust: nothing builds here, see $log"
    fi
}

# One by one where not all are to be had: one without a wheel for this machine doesn't take the others with it.
wheels() {
    local list=$here/../python/peers/requirements.txt stamp=$folder/venv/.installed line
    if [ "$stamp" -nt "$list" ]; then
        return
    fi
    if ! bash "$here/../../horus-py/venv.sh" "$python" "$folder/venv" /dev/null; then
        left_out "everyone in Python: no virtual environment in $folder/venv"
        return
    fi
    local pip=("$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --retries 1)
    if "${pip[@]}" --requirement "$list"; then
        touch "$stamp"
        return
    fi
    grep -v '^#' "$list" | while read -r line; do
        "${pip[@]}" "$line" || left_out "$line: no wheel to be had"
    done
}

rust
wheels
exit 0
