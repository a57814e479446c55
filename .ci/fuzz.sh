#!/usr/bin/env bash
# Runs each fuzz target for some seconds: .ci/fuzz.sh [SECONDS=60] [TARGET…]
#
# Begins with the seeds of fuzz/seeds and what earlier runs on this machine came to, which is kept below target. What a
# target falls over stays in fuzz/artifacts; once mended, it belongs into fuzz/seeds, where `make test` tries it again.
set -uo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift $(($# > 0 ? 1 : 0))
cargo +nightly fuzz --version >/dev/null 2>&1 || {
    echo "cargo-fuzz or the nightly compiler isn't there: rustup toolchain install nightly; cargo install cargo-fuzz --locked" >&2
    exit 1
}
folder=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
unset CARGO_TARGET_DIR
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls fuzz/seeds)
# Rooms of processes that were ended by a fault, which can't remove theirs.
trap 'rm -rf /dev/shm/horus-fuzz-*' EXIT

failed=()
for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target"
    echo "== $target, $seconds s"
    # 16 KiB cover every part that is written over; who takes 10 s or a GiB for that has a fault.
    cargo +nightly fuzz run --fuzz-dir fuzz --target-dir "$folder" "$target" "$folder/corpus/$target" "fuzz/seeds/$target" \
        -- -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 ||
        failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || {
    echo "failed: ${failed[*]}" >&2
    exit 1
}
