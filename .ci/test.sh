#!/usr/bin/env bash
# All tests, as `make test` and CI run them: runs every step, says at the end what failed.
set -uo pipefail
cd "$(dirname "$0")/.."

# Where `horus run` looks for logind's settings: the tests compare what it says, on whatever machine they run.
export HORUS_SYSTEM_ROOT=/nonexistent

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 failures=()

# Runs a step that is right or wrong as a whole.
check() {
    local name=$1
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        failures+=("$name")
    fi
}

# Adds up `12 passed` and `1 failed` (and pytest's `1 error`) from the closing lines of a step's test runners.
count() {
    local name=$1 lines=$2 ok=0 bad=0 status
    shift 2
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    ok=$(grep -E "$lines" "$log" | grep -oE '[0-9]+ passed' | awk '{n += $1} END {print n + 0}')
    bad=$(grep -E "$lines" "$log" | grep -oE '[0-9]+ (failed|errors?)' | awk '{n += $1} END {print n + 0}')
    if [ "$status" -ne 0 ]; then
        # A runner that broke before it counted has failed all the same.
        [ "$bad" -gt 0 ] || bad=1
        failures+=("$name")
    elif [ "$ok" -eq 0 ]; then
        bad=1
        failures+=("$name: ran no test")
    fi
    passed=$((passed + ok)) failed=$((failed + bad))
}

loom() {
    # In release: in debug the models take minutes.
    RUSTFLAGS="${RUSTFLAGS:-} --cfg loom" CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=target/loom \
        cargo test --release --locked --package horus-shm --test loom
}

simulation() {
    # Optimized, with the checks of a debug build: unoptimized it takes five times as long.
    RUSTFLAGS="${RUSTFLAGS:-} --cfg shuttle" CARGO_TARGET_DIR=target/shuttle \
        cargo test --profile sim --locked --package horus-shm --test simulated
}

check "formatting of Rust" cargo fmt --all --check
check "formatting of Python" .venv/bin/ruff format --check --config horus-py/pyproject.toml horus-py examples benches proof .ci
check "lints of Python" .venv/bin/ruff check --config horus-py/pyproject.toml horus-py examples benches proof .ci
check "lints of Rust" cargo clippy --workspace --all-targets --locked -- -D warnings
check "documentation of Rust" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked \
    --package horus-shm --package horus-macros --package horus-core --package horus-launch
count "Rust" '^test result: ' cargo test --workspace --locked --no-fail-fast
# Points at which the tests kill and stop the process are compiled in for them alone.
count "kills" '^test result: ' cargo test --package horus-shm --locked --features failpoints --test process_kill
# The rest of 2,000, and a fifth as the least share, in `make proof`.
check "random kills" target/release/horus-proof kills --kills 200 --share 5 --python .venv/bin/python
count "models" '^test result: ' loom
count "simulation" '^test result: ' simulation
count "Python" '^(=+ )?[0-9]+ (passed|failed|error).* in ' .venv/bin/python -m pytest --config-file horus-py/pyproject.toml horus-py/tests examples/tests benches/python

for name in "${failures[@]+"${failures[@]}"}"; do
    echo "failed: $name" >&2
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
