#!/usr/bin/env bash
# ThreadSanitizer over what runs in several threads of one process: `make proof` runs it where there is a nightly
# toolchain. The standard library isn't instrumented. Files are mapped at an address of its own by each endpoint, so it
# sees the private bookkeeping (tables, pools, waiting, joining) and not the rings, which the models are for.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/tsan
# A race ends the process that has it, so that a child's is a failure too.
export TSAN_OPTIONS="halt_on_error=1 exitcode=66 ${TSAN_OPTIONS:-}"

run() {
    cargo +nightly test --locked --target "$target" --package horus-shm "$@"
}
run --lib
run --test process_crowd threads
run --test process_wait
run --test process_pool
