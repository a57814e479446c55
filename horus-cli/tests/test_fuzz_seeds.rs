//! What the fuzzer begins with, and what it found before, given to its targets: `fuzz/` says what they are.

#[path = "../../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a package of its own, of which this uses a part"
)]
mod targets;

use std::path::Path;

#[test]
fn every_seed_passes_through_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (name, target) in targets::TARGETS {
        let mut count = 0;
        for seed in std::fs::read_dir(folder.join(name)).expect("each target has seeds") {
            let path = seed.expect("can be read").path();
            let bytes = std::fs::read(&path).expect("a file");
            // Cut anywhere and with each of some bits flipped, as what the fuzzer does first.
            target(&bytes);
            let step = bytes.len().div_ceil(40).max(1);
            for at in (0..bytes.len()).step_by(step) {
                target(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                target(&changed);
            }
            count += 1;
        }
        assert!(count > 0, "{name} has seeds");
    }
}
