#!/usr/bin/env bash
# The proofs that take long, as `make proof` runs them: each step says what it did, and what this machine lacks is
# said at the end and counts as nothing.
#
#   .ci/proof.sh [WORD…]   only the steps whose name holds one of the words
#
# A step is one line at the end of this file: step NAME COMMAND…, and before it what it needs, if a machine may lack it:
#   needs nightly "ThreadSanitizer" && step "ThreadSanitizer" bash .ci/tsan.sh
# A test within a step that can't run here says SKIPPED and why, on a line of its own; the end says so again.
set -uo pipefail
cd "$(dirname "$0")/.."

export HORUS_SYSTEM_ROOT=/nonexistent
only=("$@")
passed=() failed=() lacking=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Returns whether a step was asked for.
wanted() {
    local word
    [ ${#only[@]} -eq 0 ] && return 0
    for word in "${only[@]}"; do
        [[ $1 == *"$word"* ]] && return 0
    done
    return 1
}

# Runs one step; its name, the command.
step() {
    local name=$1 begun=$SECONDS status skipped
    shift
    wanted "$name" || return 0
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    # A program that was named and ran no test has shown nothing.
    if [ "$status" -eq 0 ] && grep -q '^test result: ' "$log" && ! grep -qE '^test result: .* [1-9][0-9]* passed' "$log"; then
        status="no test ran"
    fi
    if [ "$status" = 0 ]; then
        passed+=("$name ($((SECONDS - begun)) s)")
    else
        failed+=("$name ($((SECONDS - begun)) s, status $status): $*")
    fi
    # The harness writes its own line around it without an end.
    while IFS= read -r skipped; do
        lacking+=("$name: $skipped")
    done < <(grep -oE 'SKIPPED .*' "$log" | sed 's/^SKIPPED //' | sort -u)
}

# Notes that a step can't run here, and why.
lacks() {
    wanted "$1" && lacking+=("$1: $2")
    return 1
}

# Returns whether what a step needs is there; else notes that it can't run. What: nightly, miri, fuzz, a program's name.
needs() {
    local what=$1 name=$2
    case $what in
        nightly) cargo +nightly --version >/dev/null 2>&1 || lacks "$name" "no nightly toolchain (rustup toolchain install nightly)" ;;
        miri) cargo +nightly miri --version >/dev/null 2>&1 || lacks "$name" "no Miri (rustup +nightly component add miri)" ;;
        fuzz) cargo +nightly fuzz --version >/dev/null 2>&1 || lacks "$name" "no cargo-fuzz (cargo install cargo-fuzz)" ;;
        *) command -v "$what" >/dev/null || lacks "$name" "no program $what" ;;
    esac
}

models() {
    RUSTFLAGS="${RUSTFLAGS:-} --cfg loom" CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/loom HORUS_MODELS_DEEPER=1 \
        cargo test --release --locked --package horus-shm --test loom -- --nocapture
}

kill_tests() {
    cargo test --package horus-shm --locked --features failpoints --test process_kill -- --nocapture "$@"
}

simulation() {
    RUSTFLAGS="${RUSTFLAGS:-} --cfg shuttle" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/shuttle HORUS_SIM_RUNS=10000 \
        cargo test --profile sim --locked --package horus-shm --test simulated
}

# Models of the protocol, with one preemption more than in the tests, and every ordering weakened in turn.
step "models" models
# Whole processes in tens of thousands of orders of their steps.
step "simulated processes" simulation
# They notice wrong steps of the shipped code: each of a list is tried.
step "sabotage" python3 .ci/sabotage.py
# Processes killed and stopped at every point, then at random.
step "kill matrix" kill_tests --skip random
step "random kills of the transport" env HORUS_TEST_KILLS=600 cargo test --package horus-shm --locked \
    --features failpoints --test process_kill -- --nocapture random
step "2,000 random kills of programs" "${CARGO_TARGET_DIR:-target}/release/horus-proof" kills --kills 2000 \
    --python .venv/bin/python --json "${CARGO_TARGET_DIR:-target}/kills.json"
# Hostile memory.
step "bad input" cargo test --package horus-shm --locked --test bad_input
step "a million scribbles" env HORUS_SCRIBBLES=1000000 cargo test --package horus-shm --release --locked --test hostile -- \
    --nocapture scribbled
step "commands over scribbles" env HORUS_SCRIBBLES=1000000 cargo test --package horus-cli --locked --test test_scribbled
# Each sequence of system calls in superseding and cleaning, what the kernel promises, and forks.
step "system calls" cargo test --package horus-shm --locked --test model_supersede --test kernel_facts --test process_life
# Threads, topics, processes, comings and goings in numbers; every lock held by a stopped process.
step "crowds" env HORUS_CYCLES=10000 HORUS_PROCESSES=256 HORUS_THREAD_MESSAGES=3000 cargo test --package horus-shm \
    --release --locked --test process_crowd -- --nocapture
step "full and out of limits" cargo test --package horus-shm --locked --test process_full --test process_wait
needs nightly "ThreadSanitizer" && step "ThreadSanitizer" bash .ci/tsan.sh
# The lane, layouts and names, over heap memory.
needs miri "Miri" && step "Miri" cargo +nightly miri test --package horus-shm --locked --lib -- ring::lane layout name:: hazard
needs fuzz "fuzzing" && step "fuzzing" bash .ci/fuzz.sh 20

echo
[ ${#passed[@]} -eq 0 ] || printf 'passed: %s\n' "${passed[@]}"
[ ${#lacking[@]} -eq 0 ] || printf 'not run here: %s\n' "${lacking[@]}"
[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}" >&2
echo "${#passed[@]} steps passed, ${#failed[@]} failed, ${#lacking[@]} not run here"
[ ${#failed[@]} -eq 0 ] && [ ${#passed[@]} -gt 0 ]
