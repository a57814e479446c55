//! One publisher's ring of slots: pure over memory, so that the models run what ships.
//!
//! A slot is an array of words: sequence, stamp, length and flags, payload. Message `t` stands in slot
//! `t % depth` under sequence `2t + 2`; `2t + 1` means that it is being written. Sequence numbers only
//! grow and none ever stands for two messages, so a reader that finds the same even number before and
//! after its copy holds that message whole.

use crate::sync::{AtomicU64, Ordering, fence};

/// Words of a slot before its payload: sequence, stamp, length and flags.
pub(crate) const SLOT_HEAD_WORDS: usize = 3;
/// The payload is a descriptor of a block, not the message itself.
pub(crate) const FLAG_BLOCK: u64 = 1 << 48;
/// The publisher asked that late joiners get this message while it lives.
pub(crate) const FLAG_LATCHED: u64 = 1 << 49;
/// The bits of the length word that are the length, in bytes.
pub(crate) const LEN_MASK: u64 = (1 << 48) - 1;

/// No ring ever counts so far: at a message a nanosecond it would take 146 years.
pub(crate) const MESSAGE_MAX: u64 = u64::MAX / 4;

/// The words of a lane, wherever they stand.
pub(crate) trait LaneMemory {
    /// Returns a word of the lane's line in the lane table.
    fn table(&self, field: TableField) -> &AtomicU64;
    /// Returns the words of a slot, more than [`SLOT_HEAD_WORDS`]; `slot < depth`.
    fn words(&self, slot: usize) -> &[AtomicU64];
    /// Returns how many slots there are, a power of two.
    fn depth(&self) -> u64;
    /// Returns a word of a slot.
    #[inline]
    fn slot(&self, slot: usize, word: usize) -> &AtomicU64 {
        &self.words(slot)[word]
    }
}

/// What a publisher puts into a slot.
pub(crate) trait Words {
    /// Stores it from the first of these words on, as far as they reach.
    fn store(self, room: &[AtomicU64]);
}

/// Bytes, eight to a word, the last word filled up with zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Words for Bytes<'_> {
    #[inline]
    fn store(self, room: &[AtomicU64]) {
        let (words, rest) = self.0.as_chunks();
        for (word, bytes) in room.iter().zip(words) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        if !rest.is_empty()
            && let Some(word) = room.get(words.len())
        {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
    }
}

impl<I: Iterator<Item = u64>> Words for I {
    #[inline]
    fn store(self, room: &[AtomicU64]) {
        for (word, value) in room.iter().zip(self) {
            word.store(value, Ordering::Relaxed);
        }
    }
}

/// The head of a slot and the words of its payload.
#[inline]
fn parts(memory: &impl LaneMemory, slot: usize) -> (&[AtomicU64; SLOT_HEAD_WORDS], &[AtomicU64]) {
    memory.words(slot).split_first_chunk().expect("a slot has a head")
}

/// The words of a line in the lane table, in their order in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableField {
    /// 1 once the lane's pages are reserved.
    Reserved = 0,
    /// The id of the participant that writes, 0 while nobody does.
    Owner = 1,
    /// The first message of the present owner.
    Base = 2,
    /// The next message to be written, following the slots.
    Head = 3,
    /// Bytes published, for tools.
    Bytes = 4,
    /// The process id of the last owner, for tools; it stays behind when that has left.
    Pid = 5,
}

/// Returns behind which message a ring ends, by its head and the sequence of the slot there.
pub(crate) fn end_of(head: u64, sequence: u64) -> u64 {
    // A publisher may have been killed between the slot and the head.
    if head < MESSAGE_MAX && sequence == 2 * head + 2 { head + 1 } else { head }
}

/// What stands at a reader's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peek {
    /// Not published: never written, or being written by somebody, alive or not.
    Nothing,
    /// Whole, with its stamp.
    Ready(u64),
    /// Overwritten by a later message.
    Lapped,
}

/// A number in a lane that no publisher writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The message looked for.
    pub(crate) message: u64,
    /// What was found.
    pub(crate) found: u64,
}

fn index(memory: &impl LaneMemory, message: u64) -> usize {
    (message & (memory.depth() - 1)) as usize
}

/// The writing side; one for a lane, held by whoever holds the lane's lock.
#[derive(Debug)]
pub(crate) struct Writer {
    next: u64,
    last_stamp: u64,
}

impl Writer {
    /// Takes over a lane whose lock the caller holds, and makes `owner` its publisher.
    ///
    /// What the owner before left whole is stepped over, what it left half-written is written again. All that it
    /// wrote is seen here: the lock orders its death, or its closing, before this.
    ///
    /// # Errors
    /// [`Damage`] when the slot at the head holds a number that no publisher writes there.
    pub(crate) fn claim(memory: &impl LaneMemory, owner: u64, now_ns: u64) -> Result<Self, Damage> {
        let mut next = memory.table(TableField::Head).load(Ordering::Relaxed);
        if next >= MESSAGE_MAX {
            return Err(Damage { message: next, found: next });
        }
        let mut found = memory.slot(index(memory, next), 0).load(Ordering::Relaxed);
        if found == 2 * next + 2 {
            next += 1;
            // Release: pairs with the Acquire load of the head in `join`, which then finds the slot whole.
            memory.table(TableField::Head).store(next, Ordering::Release);
            found = memory.slot(index(memory, next), 0).load(Ordering::Relaxed);
        }
        let depth = memory.depth();
        let before = next.checked_sub(depth).map_or(0, |earlier| 2 * earlier + 2);
        if !(found == 0 && next < depth || found == before || found == 2 * next + 1) {
            return Err(Damage { message: next, found });
        }
        let last_stamp = match next {
            0 => 0,
            _ => memory.slot(index(memory, next - 1), 1).load(Ordering::Relaxed),
        };
        memory.table(TableField::Base).store(next, Ordering::Relaxed);
        crate::fail::point("claim.based");
        // Release: pairs with the Acquire load of the owner in `latched`, which then sees the base.
        memory.table(TableField::Owner).store(owner, Ordering::Release);
        Ok(Self { next, last_stamp: last_stamp.min(now_ns) })
    }

    /// Returns the number of the next message.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Says that nobody publishes here any more: whoever joins from now on gets no latched message.
    pub(crate) fn close(memory: &impl LaneMemory) {
        // Relaxed: nothing is read on the strength of a 0, and the lock hands the rest on.
        memory.table(TableField::Owner).store(0, Ordering::Relaxed);
    }

    /// Publishes one message and returns its number; a payload that a slot doesn't hold is cut off.
    ///
    /// Wait-free: no loop but over the payload, no lock, nothing that another process can hold up.
    /// The caller fences and wakes sleepers afterwards.
    pub(crate) fn write(
        &mut self,
        memory: &impl LaneMemory,
        now_ns: u64,
        len_flags: u64,
        payload: impl Words,
    ) -> u64 {
        let message = self.next;
        let ([sequence, stamped, length], room) = parts(memory, index(memory, message));
        let stamp = now_ns.max(self.last_stamp);
        sequence.store(2 * message + 1, Ordering::Relaxed);
        // Release: pairs with the Acquire fence in `copy`. A reader that sees any word stored below
        // also sees the odd number, and gives up.
        fence(Ordering::Release);
        crate::fail::point("lane.odd");
        stamped.store(stamp, Ordering::Relaxed);
        length.store(len_flags, Ordering::Relaxed);
        payload.store(room);
        crate::fail::point("lane.written");
        // Release: pairs with the Acquire load in `peek` and `copy`: the words above are seen whole.
        sequence.store(2 * message + 2, Ordering::Release);
        crate::fail::point("lane.whole");
        // Release: pairs with the Acquire load of the head in `join`, which then finds the slot whole.
        memory.table(TableField::Head).store(message + 1, Ordering::Release);
        crate::fail::point("lane.head");
        self.next = message + 1;
        self.last_stamp = stamp;
        message
    }
}

/// Looks at message `cursor` without copying it.
#[inline]
pub(crate) fn peek(memory: &impl LaneMemory, cursor: u64) -> Peek {
    let slot = index(memory, cursor);
    // Acquire: pairs with the Release store of the even number in `write`.
    let sequence = memory.slot(slot, 0).load(Ordering::Acquire);
    let whole = 2 * cursor + 2;
    if sequence < whole {
        Peek::Nothing
    } else if sequence == whole {
        // May already be a later message's; then the copy that follows fails.
        Peek::Ready(memory.slot(slot, 1).load(Ordering::Relaxed))
    } else {
        Peek::Lapped
    }
}

/// Copies message `cursor` if it is whole and stays so; returns its stamp and its length word.
///
/// `out` receives the payload's words, as many as the slot has room for; none when it is being lapped.
#[inline]
pub(crate) fn copy(memory: &impl LaneMemory, cursor: u64, out: &mut [u64]) -> Option<(u64, u64)> {
    let ([sequence, stamped, length], room) = parts(memory, index(memory, cursor));
    let whole = 2 * cursor + 2;
    // Acquire: pairs with the Release store of the even number in `write`.
    if sequence.load(Ordering::Acquire) != whole {
        return None;
    }
    let stamp = stamped.load(Ordering::Relaxed);
    let len_flags = length.load(Ordering::Relaxed);
    // May be anything; `room` and `out` bound what is copied.
    let words = (len_flags & LEN_MASK).div_ceil(8) as usize;
    for (out, word) in out.iter_mut().zip(room).take(words) {
        *out = word.load(Ordering::Relaxed);
    }
    // Acquire: pairs with the Release fence in `write`. If any word above came from a later message,
    // the load below sees at least its odd number.
    fence(Ordering::Acquire);
    (sequence.load(Ordering::Relaxed) == whole).then_some((stamp, len_flags))
}

/// Returns which message its slot holds, or begins to, in the place of message `message`.
pub(crate) fn holds(memory: &impl LaneMemory, message: u64) -> u64 {
    memory.slot(index(memory, message), 0).load(Ordering::Relaxed).saturating_sub(1) / 2
}

/// Returns whether message `cursor` still stands in its slot; the second look of a pin.
pub(crate) fn still_there(memory: &impl LaneMemory, cursor: u64) -> bool {
    // Relaxed: the SeqCst fence between the pin and this load orders it (see `pool::pin`).
    memory.slot(index(memory, cursor), 0).load(Ordering::Relaxed) == 2 * cursor + 2
}

/// Returns where one who joins now begins: behind everything that is published.
///
/// # Errors
/// [`Damage`] when the head is absurd.
pub(crate) fn join(memory: &impl LaneMemory) -> Result<u64, Damage> {
    // Acquire: pairs with the Release store of the head in `write`.
    let mut cursor = memory.table(TableField::Head).load(Ordering::Acquire);
    if cursor >= MESSAGE_MAX {
        return Err(Damage { message: 0, found: cursor });
    }
    // A publisher killed between the slot and the head leaves one whole message behind the head. A
    // running one may add more while this looks: all of them were there before the join was over.
    for _ in 0..memory.depth() {
        if !matches!(peek(memory, cursor), Peek::Ready(_)) {
            break;
        }
        cursor += 1;
    }
    Ok(cursor)
}

/// Returns where a lapped reader at `cursor` goes on, on its `failure`-th failure in a call (from 1).
///
/// First at the oldest message that may be whole, then ever nearer to the newest, so that a reader
/// that is much slower than its publisher still gets something.
///
/// # Errors
/// [`Damage`] when the head stands where it can't.
pub(crate) fn resume(memory: &impl LaneMemory, cursor: u64, failure: u32) -> Result<u64, Damage> {
    // Relaxed: the later message's number was loaded with Acquire, so the head before it is seen; and whoever goes
    // on from here looks at a slot's number first.
    let head = memory.table(TableField::Head).load(Ordering::Relaxed);
    let depth = memory.depth();
    // The slot at the cursor holds a later message, so the head is beyond it by almost a ring at least:
    // the later message may not be counted in the head yet.
    if head >= MESSAGE_MAX || head.saturating_add(1) < cursor.saturating_add(depth) {
        return Err(Damage { message: cursor, found: head });
    }
    let back = ((depth - 1) >> failure.saturating_sub(1).min(63)).max(1);
    Ok((cursor + 1).max(head.saturating_sub(back)))
}

/// Returns the newest message of a living publisher that asked for latching, if it is that owner's own.
///
/// `end` is where the reader joins, so this is behind the load of the head: who finds a later owner's message finds that
/// owner too. `alive` tells whether a participant lives.
pub(crate) fn latched(memory: &impl LaneMemory, end: u64, alive: impl FnOnce(u64) -> bool) -> Option<u64> {
    // Acquire: pairs with the Release store of the owner in `claim`.
    let owner = memory.table(TableField::Owner).load(Ordering::Acquire);
    let base = memory.table(TableField::Base).load(Ordering::Relaxed);
    let newest = end.checked_sub(1)?;
    let (_, len_flags) = copy(memory, newest, &mut [])?;
    (owner != 0 && newest >= base && len_flags & FLAG_LATCHED != 0 && alive(owner)).then_some(newest)
}

/// A lane on the heap, for models and unit tests.
#[cfg(any(test, loom))]
#[derive(Debug)]
pub(crate) struct HeapLane {
    table: Vec<AtomicU64>,
    slots: Vec<AtomicU64>,
    slot_words: usize,
}

#[cfg(any(test, loom))]
impl HeapLane {
    /// Returns an empty lane.
    pub(crate) fn new(depth: usize, payload_words: usize) -> Self {
        let slot_words = SLOT_HEAD_WORDS + payload_words;
        let words = |n| (0..n).map(|_| AtomicU64::new(0)).collect();
        Self { table: words(TableField::Pid as usize + 1), slots: words(depth * slot_words), slot_words }
    }
}

#[cfg(any(test, loom))]
impl LaneMemory for HeapLane {
    fn table(&self, field: TableField) -> &AtomicU64 {
        &self.table[field as usize]
    }
    fn words(&self, slot: usize) -> &[AtomicU64] {
        &self.slots[slot * self.slot_words..][..self.slot_words]
    }
    fn depth(&self) -> u64 {
        (self.slots.len() / self.slot_words) as u64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const WORDS: usize = 2;

    fn send(writer: &mut Writer, lane: &HeapLane, value: u64) -> u64 {
        writer.write(lane, value, 8 * WORDS as u64, [value; WORDS].into_iter())
    }

    fn read(lane: &HeapLane, cursor: u64) -> Option<u64> {
        let mut out = [0; WORDS];
        copy(lane, cursor, &mut out)?;
        assert_eq!(out[0], out[1], "a torn message");
        Some(out[0])
    }

    #[test]
    fn messages_come_whole_and_in_order() {
        let lane = HeapLane::new(8, WORDS);
        let mut writer = Writer::claim(&lane, 7, 1).unwrap();
        assert_eq!(peek(&lane, 0), Peek::Nothing);
        for value in 100..105 {
            send(&mut writer, &lane, value);
        }
        assert_eq!(
            (0..5).filter_map(|cursor| read(&lane, cursor)).collect::<Vec<_>>(),
            [100, 101, 102, 103, 104]
        );
        assert_eq!(peek(&lane, 5), Peek::Nothing);
        assert_eq!(join(&lane), Ok(5));
    }

    #[test]
    fn a_lapped_reader_goes_on_at_the_oldest_whole_message() {
        let lane = HeapLane::new(8, WORDS);
        let mut writer = Writer::claim(&lane, 7, 1).unwrap();
        for value in 0..20 {
            send(&mut writer, &lane, value);
        }
        assert_eq!(peek(&lane, 0), Peek::Lapped);
        // Head 20: the slot of 12 is the next to be overwritten, so 13 is the oldest that is safe.
        assert_eq!(resume(&lane, 0, 1), Ok(13));
        assert_eq!(resume(&lane, 0, 2), Ok(17));
        assert_eq!(resume(&lane, 0, 9), Ok(19));
        assert_eq!(resume(&lane, 0, u32::MAX), Ok(19));
    }

    #[test]
    fn a_half_written_message_is_not_there_and_is_written_again_by_the_next_owner() {
        let lane = HeapLane::new(8, WORDS);
        let mut first = Writer::claim(&lane, 7, 1).unwrap();
        send(&mut first, &lane, 1);
        lane.slot(1, 0).store(3, Ordering::Relaxed);
        assert_eq!(peek(&lane, 1), Peek::Nothing);
        let mut second = Writer::claim(&lane, 8, 1).unwrap();
        assert_eq!(send(&mut second, &lane, 2), 1);
        assert_eq!(read(&lane, 1), Some(2));
    }

    #[test]
    fn a_message_whole_before_its_head_is_stepped_over() {
        let lane = HeapLane::new(8, WORDS);
        let mut first = Writer::claim(&lane, 7, 1).unwrap();
        send(&mut first, &lane, 1);
        lane.table(TableField::Head).store(0, Ordering::Relaxed);
        assert_eq!(join(&lane), Ok(1));
        let mut second = Writer::claim(&lane, 8, 1).unwrap();
        assert_eq!(send(&mut second, &lane, 2), 1);
        assert_eq!((read(&lane, 0), read(&lane, 1)), (Some(1), Some(2)));
    }

    #[test]
    fn numbers_that_no_publisher_writes_are_damage() {
        for (head, sequence) in [(0, 2), (0, 4), (3, 5), (9, 0), (9, 6), (u64::MAX, 0), (MESSAGE_MAX, 0)] {
            let lane = HeapLane::new(8, WORDS);
            lane.table(TableField::Head).store(head, Ordering::Relaxed);
            for slot in 0..8 {
                lane.slot(slot, 0).store(sequence, Ordering::Relaxed);
            }
            let claimed = Writer::claim(&lane, 7, 1);
            // Head 0 with sequence 2 is a whole message 0 behind a head that didn't follow; then message 1
            // may not find a 2 in its slot.
            assert!(claimed.is_err(), "head {head}, sequence {sequence}");
        }
        let lane = HeapLane::new(8, WORDS);
        lane.slot(0, 0).store(1 << 40, Ordering::Relaxed);
        assert_eq!(peek(&lane, 0), Peek::Lapped);
        assert!(resume(&lane, 0, 1).is_err(), "a head that never moved can't have lapped anybody");
    }

    #[test]
    fn only_a_living_owner_s_own_latched_message_reaches_who_comes_late() {
        let lane = HeapLane::new(8, WORDS);
        let mut first = Writer::claim(&lane, 7, 1).unwrap();
        first.write(&lane, 1, 8 | FLAG_LATCHED, [1, 1].into_iter());
        assert_eq!(latched(&lane, 1, |owner| owner == 7), Some(0));
        assert_eq!(latched(&lane, 1, |_| false), None, "dead");
        let mut second = Writer::claim(&lane, 8, 1).unwrap();
        assert_eq!(latched(&lane, 1, |_| true), None, "of the owner before");
        send(&mut second, &lane, 2);
        assert_eq!(latched(&lane, 2, |_| true), None, "not asked for");
        lane.table(TableField::Owner).store(0, Ordering::Relaxed);
        assert_eq!(latched(&lane, 2, |_| true), None, "closed");
    }

    #[test]
    fn stamps_never_go_back() {
        let lane = HeapLane::new(8, WORDS);
        let mut writer = Writer::claim(&lane, 7, 100).unwrap();
        for now in [50, 40, 60] {
            writer.write(&lane, now, 0, std::iter::empty());
        }
        let stamps: Vec<_> = (0..3).map(|cursor| copy(&lane, cursor, &mut []).unwrap().0).collect();
        assert_eq!(stamps, [50, 50, 60]);
    }

    #[test]
    fn bytes_are_words_the_last_one_filled_up() {
        let lane = HeapLane::new(8, WORDS);
        let mut writer = Writer::claim(&lane, 7, 1).unwrap();
        let long = [&[1; 8], [2; 8].as_slice(), &[3; 8]].concat();
        for (length, expected) in [(0, [9, 9]), (3, [0x01_0101, 9]), (8, [1, 9]), (13, [1, 2]), (24, [1, 2])]
        {
            let message = writer.next();
            lane.slot(message as usize % 8, SLOT_HEAD_WORDS).store(9, Ordering::Relaxed);
            lane.slot(message as usize % 8, SLOT_HEAD_WORDS + 1).store(9, Ordering::Relaxed);
            let repeated = |byte: u64| if byte < 9 { byte * 0x0101_0101_0101_0101 } else { byte };
            writer.write(&lane, 1, length as u64, Bytes(&long[..length]));
            let stored =
                [0, 1].map(|i| lane.slot(message as usize % 8, SLOT_HEAD_WORDS + i).load(Ordering::Relaxed));
            let expected = match length {
                3 => expected,
                13 => [repeated(1), 0x02_0202_0202],
                _ => expected.map(repeated),
            };
            assert_eq!(stored, expected, "{length} bytes");
        }
    }

    #[test]
    fn a_length_that_no_slot_holds_reads_no_further_than_the_slot() {
        let lane = HeapLane::new(8, WORDS);
        let mut writer = Writer::claim(&lane, 7, 1).unwrap();
        writer.write(&lane, 1, LEN_MASK, [5; WORDS].into_iter());
        let mut out = [0; 64];
        assert!(copy(&lane, 0, &mut out).is_some());
        assert_eq!(out[..3], [5, 5, 0]);
    }
}
