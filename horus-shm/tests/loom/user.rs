//! A publisher's and a subscriber's use of a lane, as the library uses it.

use crate::lane::{self, HeapLane, Peek, Writer};

/// One: with the stamp, which is the message's number here, there are two words that must belong together.
pub(crate) const PAYLOAD_WORDS: usize = 1;
pub(crate) const PAYLOAD_BYTES: u64 = 8 * PAYLOAD_WORDS as u64;

/// What message `number` of writer `author` consists of.
pub(crate) fn value(author: u64, number: u64) -> u64 {
    author << 32 | number
}

/// Sends the next message, stamped with its number.
pub(crate) fn send(lane: &HeapLane, writer: &mut Writer, author: u64, flags: u64) {
    let number = writer.next();
    let words = [value(author, number); PAYLOAD_WORDS];
    let sent = writer.write(lane, number, flags | PAYLOAD_BYTES, words.into_iter());
    assert_eq!(sent, number);
}

pub(crate) fn claim(lane: &HeapLane, author: u64) -> Writer {
    Writer::claim(lane, author, 0).expect("only publishers wrote here")
}

/// A subscriber's cursor on one lane, with its counts.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) cursor: u64,
    pub(crate) delivered: u64,
    pub(crate) dropped: u64,
    pub(crate) failures: u32,
}

impl Reader {
    /// Takes one step as a subscriber does: delivers, steps over what it was too slow for, or finds nothing.
    /// Returns the message's author and number.
    pub(crate) fn take(&mut self, lane: &HeapLane) -> Option<(u64, u64)> {
        match lane::peek(lane, self.cursor) {
            Peek::Nothing => None,
            Peek::Ready(_) => {
                let mut words = [0; PAYLOAD_WORDS];
                let (stamp, len_flags) = lane::copy(lane, self.cursor, &mut words)?;
                let (author, number) = (words[0] >> 32, words[0] & 0xFFFF_FFFF);
                assert_eq!(
                    (number, stamp),
                    (self.cursor, self.cursor),
                    "another message than the one asked for"
                );
                assert_eq!(len_flags & lane::LEN_MASK, PAYLOAD_BYTES);
                self.cursor += 1;
                self.delivered += 1;
                Some((author, number))
            }
            Peek::Lapped => {
                self.failures += 1;
                let next =
                    lane::resume(lane, self.cursor, self.failures).expect("only publishers wrote here");
                assert!(next > self.cursor);
                self.dropped += next - self.cursor;
                self.cursor = next;
                None
            }
        }
    }

    /// Reads what is left once nobody writes any more.
    pub(crate) fn drain(&mut self, lane: &HeapLane) {
        while !matches!(lane::peek(lane, self.cursor), Peek::Nothing) {
            self.take(lane);
        }
    }
}
