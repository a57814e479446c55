//! Who holds which blocks: the pin tables of all living participants, as the owner of the blocks reads them.
//!
//! The part of each table that most processes ever use is mapped, so that a look costs a few loads. Its page is
//! reserved before the file has a name, so that reading it takes no page, whatever stands in the file.

use crate::error::Result;
use crate::layout::{head, participant};
use crate::life::participant::Participant;
use crate::life::peers::{self, Peer};
use crate::pool::hazard::Listed;
use crate::sync::Ordering;
use crate::sys::map::{Access, Mapping};
use std::os::fd::AsFd;

/// So many pins of a table are mapped.
const MAPPED: u64 = participant::PINS_FIRST_BYTES / participant::PIN_BYTES;

/// One participant's table.
#[derive(Debug)]
struct PinTable {
    id: u64,
    map: Mapping,
}

impl PinTable {
    /// Maps the table. No descriptor is kept.
    fn map(peer: &Peer) -> Result<Self> {
        let len = participant::PINS + participant::PINS_FIRST_BYTES;
        let map = Mapping::new(peer.fd.as_fd(), len, Access::Read, false, &peer.path)?;
        Ok(Self { id: peer.id, map })
    }

    /// Adds the blocks of the participant `owner` that are pinned here to `found`.
    fn read(&self, owner: &Participant, found: &mut Vec<Pinned>) -> Result<()> {
        // Relaxed, as all loads here: the fences of `Listed::scan` order them.
        let mark = self.map.word(participant::PIN_MARK).load(Ordering::Relaxed);
        let entries = self.map.words(participant::PINS as usize, 2 * mark.min(MAPPED) as usize);
        let mut pinned = |place| found.push(Pinned { place, id: self.id, pid: self.pid() });
        for entry in entries.chunks_exact(2) {
            if entry[0].load(Ordering::Relaxed) == owner.id() {
                pinned(entry[1].load(Ordering::Relaxed));
            }
        }
        if mark > MAPPED {
            // Gone: then it is dead, and pins nothing.
            let peer = Peer::open_listed(&owner.folders().participants, self.id)?;
            let pins = peer.map_or(Ok(Vec::new()), |peer| peer.pins())?;
            pins.iter().filter(|pin| pin.owner == owner.id()).for_each(|pin| pinned(pin.place()));
        }
        Ok(())
    }

    fn pid(&self) -> u32 {
        self.map.half(head::PID).load(Ordering::Relaxed)
    }
}

/// One pinned block: pool and block as descriptors pack them, and which participant pins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pinned {
    place: u64,
    id: u64,
    pid: u32,
}

/// The tables of the participants that live, and what was found in them.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    tables: Listed<Vec<PinTable>>,
    /// Sorted.
    pinned: Vec<Pinned>,
}

impl Pins {
    /// Looks at all pins. What the caller would free is named by no slot any more.
    pub(crate) fn look(&mut self, owner: &Participant) -> Result<()> {
        // A file that can't be trusted pins nothing that could be checked.
        let list = || peers::living(&owner.folders().participants)?.iter().map(PinTable::map).collect();
        self.pinned.clear();
        self.tables.scan(owner.namespace().root().joins(), list, |tables: &Vec<PinTable>| {
            tables.iter().try_for_each(|table| table.read(owner, &mut self.pinned))
        })?;
        self.pinned.sort_unstable();
        // Two subscribers of a process may pin one block; and a table is read twice as far as it is mapped, if it is longer.
        self.pinned.dedup();
        Ok(())
    }

    /// Forgets what was found: there was nothing to look for.
    pub(crate) fn forget(&mut self) {
        self.pinned.clear();
    }

    /// Forgets the pins of the dead, which count for nothing; true if there were any. Costs system calls.
    pub(crate) fn forget_dead(&mut self, owner: &Participant) -> bool {
        let folders = owner.folders();
        let mut ids: Vec<u64> = self.pinned.iter().map(|pinned| pinned.id).collect();
        ids.sort_unstable();
        ids.dedup();
        // Where it can't be told, the living win.
        let is_dead = |id| match Peer::open_listed(&folders.participants, id) {
            Ok(Some(peer)) => matches!(peer.is_alive(), Ok(false)),
            Ok(None) => true,
            Err(_) => false,
        };
        ids.retain(|id| *id != owner.id() && is_dead(*id));
        self.pinned.retain(|pinned| !ids.contains(&pinned.id));
        self.tables.peers_mut().retain(|table| !ids.contains(&table.id));
        !ids.is_empty()
    }

    /// Returns whether somebody pins a block.
    pub(crate) fn hold(&self, place: u64) -> bool {
        self.pinned.binary_search_by_key(&place, |pinned| pinned.place).is_ok()
    }

    /// Returns the process ids of those who pin a block, one for each participant.
    pub(crate) fn holders(&self, place: u64) -> impl Iterator<Item = u32> + '_ {
        let first = self.pinned.partition_point(|pinned| pinned.place < place);
        self.pinned[first..].iter().take_while(move |pinned| pinned.place == place).map(|pinned| pinned.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_root::{TestRoot, block, spec};
    use crate::{Publisher, Subscriber, TopicName};

    #[test]
    fn a_block_counts_once_for_its_holder_and_one_beyond_what_is_mapped_is_found() -> Result<()> {
        let root = TestRoot::new("pins");
        let participant = root.join()?;
        let name = TopicName::new("blocks")?;
        let spec = spec(64, 16);
        let mut publisher = Publisher::open(&participant, &name, &spec, Default::default())?;
        let mut subscriber = Subscriber::open(&participant, &name, Some(&spec), Default::default())?;
        let (first, last) = (participant.allocate(5000)?.freeze(), participant.allocate(5000)?.freeze());
        let mut held = Vec::new();
        for _ in 0..MAPPED {
            publisher.send_block(&first, 5000, &[])?;
            held.push(block(subscriber.recv()?));
        }
        publisher.send_block(&last, 5000, &[])?;
        held.push(block(subscriber.recv()?));
        assert_eq!(participant.pins.mark(), MAPPED + 1);
        let mut pins = Pins::default();
        pins.look(&participant)?;
        for sent in [&first, &last] {
            let place = sent.own().place_word();
            assert!(pins.hold(place));
            assert_eq!(pins.holders(place).collect::<Vec<_>>(), [std::process::id()]);
        }
        drop(held);
        pins.look(&participant)?;
        assert!(!pins.hold(first.own().place_word()));
        Ok(())
    }
}
