#!/usr/bin/env bash
# ThreadSanitizer over what runs in several threads of one process: `make proof` runs it where there is a nightly
# toolchain. The standard library isn't instrumented. Files are mapped at an address of its own by each endpoint, so it
# sees the private bookkeeping (tables, pools, waiting, joining) and not the rings, which the models are for.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/tsan
# A process that had a race ends with this status, so that a child fails its test too.
export TSAN_OPTIONS="exitcode=66 suppressions=$PWD/.ci/tsan.supp ${TSAN_OPTIONS:-}"

run() {
    cargo +nightly test --locked --no-fail-fast --target "$target" --package horus-shm "$@"
}
run --lib
run --test process_crowd threads
# Left out: the sanitizer holds signals back from a thread that sleeps in a system call it doesn't know, and it grows.
# So is a count of how often a process's threads slept: a thread of the sanitizer's own looks around ten times a second.
run --test process_wait -- --skip a_request --skip who_waits_for_nothing
run --test process_pool -- --skip stream::
