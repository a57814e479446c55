//! Where the parts of varying length lie in a message: the one definition that values and derived types share.
//!
//! A `seq` or `string` has an entry in the message's head, `count u64 | offset u64`. What it counts, its tail, stands
//! behind the head: tails follow one another in the order of their entries, each at the next multiple of 8 from the
//! start of the message, the bytes between them zero. An empty one takes no bytes; its offset is where it would begin.

use crate::error::ValueError;
use std::ops::Range;

/// Bytes of an entry in the head: its count and its offset, both u64.
pub(crate) const ENTRY_BYTES: usize = 16;
/// The boundary on which each tail begins, in bytes: that of the largest number.
pub(crate) const TAIL_ALIGN: usize = 8;

/// Returns where a tail of this length lies when those before it end at `end`.
pub(crate) fn place(end: usize, bytes: usize) -> Range<usize> {
    let start = end.next_multiple_of(TAIL_ALIGN);
    start..start.saturating_add(bytes)
}

/// Writes the entry of a tail with so many items.
pub(crate) fn write_entry(entry: &mut [u8], count: usize, offset: usize) {
    entry[..8].copy_from_slice(&(count as u64).to_le_bytes());
    entry[8..ENTRY_BYTES].copy_from_slice(&(offset as u64).to_le_bytes());
}

/// Reads the tails of a message in the order of their entries.
///
/// It checks what an entry says against the bytes there are, and that no tail begins before the end of the one before
/// it: what is read of a message, forged or not, is never more than its bytes.
///
/// # Examples
/// ```
/// use horus_core::{Message, TailReader, messages::LaserScan};
/// let bytes = LaserScan { ranges: vec![1.0, 2.0], ..LaserScan::default() }.to_bytes();
/// let schema = LaserScan::schema();
/// let entry = schema.field("ranges").expect("a field of every scan").offset as usize;
/// let mut tails = TailReader::new(&bytes, schema.size as usize);
/// assert_eq!(tails.take(&bytes[entry..entry + 16], 4)?.len(), 8);
/// # Ok::<(), horus_core::ValueError>(())
/// ```
#[derive(Debug)]
pub struct TailReader<'a> {
    message: &'a [u8],
    /// Where the head or the last tail ends.
    end: usize,
}

impl<'a> TailReader<'a> {
    /// Returns the reader of a message whose head has so many bytes. Neither allocates nor copies.
    pub fn new(message: &'a [u8], head_bytes: usize) -> Self {
        Self { message, end: head_bytes }
    }

    /// Returns the bytes of the tail that an entry of 16 bytes names, its items having `item_bytes` each.
    ///
    /// They begin at a multiple of 8 from the start of the message and are a multiple of `item_bytes`.
    ///
    /// # Errors
    /// If they lie outside the message, within its head or within an earlier tail, or begin at no multiple of 8.
    ///
    /// # Panics
    /// If the entry is shorter than 16 bytes.
    pub fn take(&mut self, entry: &[u8], item_bytes: usize) -> Result<&'a [u8], ValueError> {
        let word = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().expect("8 bytes"));
        let (count, offset) = (word(0), word(8));
        if count == 0 {
            return Ok(&[]);
        }
        let wrong = |what: String| {
            Err(ValueError::new(format!("{count} items of {item_bytes} bytes at offset {offset} {what}")))
        };
        let length = self.message.len();
        let end = count.checked_mul(item_bytes as u64).and_then(|bytes| bytes.checked_add(offset));
        let Some(end) = end.filter(|end| *end <= length as u64) else {
            return wrong(format!("lie outside the {length} bytes of the message"));
        };
        let (start, end) = (offset as usize, end as usize);
        if start < self.end {
            return wrong(format!("begin before {}, where the part before them ends", self.end));
        }
        if !start.is_multiple_of(TAIL_ALIGN) {
            return wrong(format!("begin at no multiple of {TAIL_ALIGN}"));
        }
        self.end = end;
        Ok(&self.message[start..end])
    }
}

/// Writes the tails of a message in the order of their entries, into bytes that are there already.
#[derive(Debug)]
pub struct TailWriter<'a> {
    /// What lies behind the head.
    bytes: &'a mut [u8],
    head_bytes: usize,
    end: usize,
}

impl<'a> TailWriter<'a> {
    /// Returns the writer of the bytes behind a head of so many.
    pub(crate) fn new(bytes: &'a mut [u8], head_bytes: usize) -> Self {
        Self { bytes, head_bytes, end: head_bytes }
    }

    /// Writes the entry of a tail and returns where its bytes go, `count` times `item_bytes` of them; the gap before it
    /// is cleared.
    ///
    /// # Panics
    /// If the entry is shorter than 16 bytes, or the message than its tails.
    pub fn append(&mut self, entry: &mut [u8], count: usize, item_bytes: usize) -> &mut [u8] {
        let place = place(self.end, count * item_bytes);
        write_entry(entry, count, place.start);
        self.bytes[self.end - self.head_bytes..place.start - self.head_bytes].fill(0);
        self.end = place.end;
        &mut self.bytes[place.start - self.head_bytes..place.end - self.head_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(count: u64, offset: u64) -> Vec<u8> {
        [count.to_le_bytes(), offset.to_le_bytes()].concat()
    }

    #[test]
    fn tails_follow_one_another_on_their_boundary() {
        let mut message = [0xff; 64];
        let (head, rest) = message.split_at_mut(16);
        let mut writer = TailWriter::new(rest, 16);
        writer.append(head, 5, 1).copy_from_slice(b"hello");
        assert_eq!(head, entry(5, 16));
        writer.append(head, 0, 4);
        assert_eq!(head, entry(0, 24));
        writer.append(head, 2, 4).fill(7);
        assert_eq!(head, entry(2, 24));
        assert_eq!(message[16..33], *b"hello\0\0\0\x07\x07\x07\x07\x07\x07\x07\x07\xff");
    }

    #[test]
    fn no_byte_is_read_twice_or_from_elsewhere() {
        let message = [9; 64];
        let mut reader = TailReader::new(&message, 32);
        assert_eq!(reader.take(&entry(3, 32), 4).unwrap().len(), 12);
        let mut refused = |count, offset| reader.take(&entry(count, offset), 4).unwrap_err().to_string();
        assert_eq!(
            refused(1, 40),
            "1 items of 4 bytes at offset 40 begin before 44, where the part before them ends"
        );
        assert_eq!(refused(1, 44), "1 items of 4 bytes at offset 44 begin at no multiple of 8");
        assert_eq!(refused(5, 48), "5 items of 4 bytes at offset 48 lie outside the 64 bytes of the message");
        for (count, offset) in [(u64::MAX, 48), (1 << 62, 48), (1, u64::MAX), (1, u64::MAX - 7), (1, 0)] {
            assert!(refused(count, offset).contains("offset"));
        }
        assert_eq!(reader.take(&entry(0, u64::MAX), 4).unwrap(), b"");
        assert_eq!(reader.take(&entry(4, 48), 4).unwrap().len(), 16);
    }
}
