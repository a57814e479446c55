//! Messages that betray it when a single word of them is another message's.

/// Bytes of the smallest message.
pub(crate) const SMALLEST: usize = 24;

/// Says in a message's number that whoever watches should report it; see the actor's `watch`.
pub(crate) const MARKER: u64 = 1 << 60;
/// As [`MARKER`], and ends the watching.
pub(crate) const LAST: u64 = 1 << 61;

/// One step of splitmix64, so that neighbours share nothing.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The word at `index` of the body of a message.
fn body_word(sender: u64, number: u64, index: usize) -> u64 {
    mix(sender ^ number.rotate_left(32) ^ (index as u64) << 17)
}

/// Writes message `number` of `sender` into all of `out`: sender, number, length, then a body that follows from them.
pub(crate) fn write(out: &mut [u8], sender: u64, number: u64) {
    let bytes = out.len() as u64;
    let (head, body) = out.split_at_mut(SMALLEST);
    for (chunk, word) in head.chunks_exact_mut(8).zip([sender, number, bytes]) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    for (index, chunk) in body.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&body_word(sender, number, index).to_le_bytes()[..chunk.len()]);
    }
}

/// Returns the sender and the number of a message.
///
/// # Panics
/// If any byte is not the one that was sent.
#[track_caller]
pub(crate) fn read(bytes: &[u8]) -> (u64, u64) {
    let (head, body) = bytes.split_at(SMALLEST);
    let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let (sender, number) = (word(0), word(8));
    assert_eq!(word(16), bytes.len() as u64, "length of message {number} of {sender}");
    for (index, chunk) in body.chunks(8).enumerate() {
        let sent = body_word(sender, number, index).to_le_bytes();
        assert!(chunk == &sent[..chunk.len()], "word {index} of message {number} of {sender} is torn");
    }
    (sender, number)
}
