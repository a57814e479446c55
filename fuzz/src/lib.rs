//! What is fuzzed: one function for each kind of bytes that others may have made, each of which ends by itself and never
//! panics, whatever the bytes.
//!
//! `fuzz/seeds/<name>/` has what the fuzzer begins with; a test of the command line replays it.

mod bytes;
mod files;
mod seeds;

pub use seeds::seeds;

/// What bytes are given to.
pub type Target = fn(&[u8]);

/// Each target's name and its function.
pub const TARGETS: [(&str, Target); 8] = [
    ("topic_file", files::topic),
    ("participant_file", files::participant),
    ("pool_file", files::pool),
    ("schema", bytes::schema),
    ("descriptor", files::descriptor),
    ("msgpack", bytes::msgpack),
    ("message", bytes::message),
    ("launch_file", bytes::launch_file),
];

/// Gives the bytes to a target.
///
/// # Panics
/// If there is none of this name, or the bytes show a fault.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(bytes);
}
