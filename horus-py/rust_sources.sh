#!/usr/bin/env bash
# Copies the crates that a Rust node links into the wheel's data: rust_sources.sh FOLDER
#
# They form a workspace of their own there, so that a project can name horus-core by its path.
set -euo pipefail

crates=(horus-shm horus-macros horus-core)
target=$1
cd "$(dirname "$0")/.."

rm -rf "$target"
mkdir -p "$target"
for crate in "${crates[@]}"; do
    mkdir "$target/$crate"
    cp -r "$crate/Cargo.toml" "$crate/src" "$target/$crate/"
    # A test that a manifest names must be there; what isn't shipped isn't named.
    sed -i '/^\[\[test\]\]$/,/^$/d' "$target/$crate/Cargo.toml"
done
members=$(printf '"%s", ' "${crates[@]}")
sed "s/^members = .*/members = [${members%, }]/; /^exclude = /d" Cargo.toml >"$target/Cargo.toml"
# The versions that HORUS was tested with, for `horus new`.
cp Cargo.lock "$target/"
