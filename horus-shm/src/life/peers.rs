//! The participants of a namespace as another process sees them: read, never mapped, never trusted.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_PARTICIPANT, participant};
use crate::life::namespace::check_file;
use crate::life::participant::{file_name, id_of};
use crate::pool::descriptor::place_word;
use crate::sys::file::{self, Dir};
use crate::sys::lock::{self, Held};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// One participant's open file.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: u64,
    pub(crate) fd: OwnedFd,
    pub(crate) path: PathBuf,
}

/// A pin: whose block, which pool and which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pin {
    pub(crate) owner: u64,
    pub(crate) pool: u32,
    pub(crate) block: u32,
}

impl Pin {
    /// Returns pool and block as descriptors pack them.
    pub(crate) fn place(&self) -> u64 {
        place_word(self.pool, self.block)
    }
}

impl Peer {
    /// Opens a participant's file; nothing when it is gone.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Layout`] for a file that isn't one of ours.
    pub(crate) fn open(participants: &Dir, id: u64) -> Result<Option<Self>> {
        let name = file_name(id);
        let path = participants.path().join(&name);
        let Some(fd) = participants.open_file(&name, true)? else { return Ok(None) };
        check_file(&fd, &path, MAGIC_PARTICIPANT, Some(participant::SIZE))?;
        Ok(Some(Self { id, fd, path }))
    }

    /// Opens the file of a participant that was listed before, whatever stands in it by now; nothing when it is gone.
    pub(crate) fn open_listed(participants: &Dir, id: u64) -> Result<Option<Self>> {
        let name = file_name(id);
        let path = participants.path().join(&name);
        Ok(participants.open_file(&name, true)?.map(|fd| Self { id, fd, path }))
    }

    /// Asks whether the process lives.
    pub(crate) fn is_alive(&self) -> Result<bool> {
        Ok(lock::held(&self.fd, 0, 1, &self.path)? == Held::Exclusive)
    }

    /// Reads a part of the file; what was never written reads as zeros.
    pub(crate) fn read(&self, start: u64, bytes: &mut [u8]) -> Result<()> {
        file::read_at(&self.fd, start, bytes, &self.path).map(|_| ())
    }

    /// Reads one word.
    pub(crate) fn word(&self, offset: usize) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read(offset as u64, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Reads the records of a table, as many as the mark says and the table can have.
    pub(crate) fn records(
        &self,
        mark_at: usize,
        start: u64,
        record_bytes: u64,
        count_max: u64,
    ) -> Result<Vec<u8>> {
        let mark = self.word(mark_at)?.min(count_max);
        let mut bytes = vec![0; (mark * record_bytes) as usize];
        self.read(start, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads which blocks the process pins.
    pub(crate) fn pins(&self) -> Result<Vec<Pin>> {
        use participant::{PIN_BYTES, PIN_MARK, PIN_MAX, PINS};
        let bytes = self.records(PIN_MARK, PINS, PIN_BYTES, PIN_MAX)?;
        let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        Ok(bytes
            .chunks_exact(PIN_BYTES as usize)
            .map(|entry| (word(&entry[..8]), word(&entry[8..])))
            .filter(|(owner, _)| *owner != 0)
            .map(|(owner, place)| Pin { owner, pool: (place >> 32) as u32, block: place as u32 })
            .collect())
    }

    /// Returns the process id it wrote down, for people to read.
    pub(crate) fn pid(&self) -> u32 {
        let mut bytes = [0; 4];
        match self.read(crate::layout::head::PID as u64, &mut bytes) {
            Ok(()) => u32::from_le_bytes(bytes),
            Err(_) => 0,
        }
    }
}

/// Opens every participant of a namespace; what can't be trusted goes to `faults`.
pub(crate) fn list(participants: &Dir, faults: &mut Vec<Error>) -> Result<Vec<Peer>> {
    let mut peers = Vec::new();
    each(participants, faults, |peer| {
        peers.push(peer);
        Ok(())
    })?;
    Ok(peers)
}

/// Opens the living participants of a namespace, and names the dead.
///
/// No more descriptors than there are living: a thousand dead can't keep anybody from cleaning.
pub(crate) fn parted(participants: &Dir, faults: &mut Vec<Error>) -> Result<(Vec<Peer>, Vec<u64>)> {
    let (mut living, mut dead) = (Vec::new(), Vec::new());
    each(participants, faults, |peer| {
        if peer.is_alive()? {
            living.push(peer)
        } else {
            dead.push(peer.id)
        }
        Ok(())
    })?;
    Ok((living, dead))
}

/// Opens the living participants of a namespace; what can't be trusted is left out.
pub(crate) fn living(participants: &Dir) -> Result<Vec<Peer>> {
    Ok(parted(participants, &mut Vec::new())?.0)
}

fn each(
    participants: &Dir,
    faults: &mut Vec<Error>,
    mut visit: impl FnMut(Peer) -> Result<()>,
) -> Result<()> {
    let names = participants.names()?;
    crate::fail::point("peers.listed");
    for name in names {
        let Some(id) = id_of(&name) else {
            faults.push(Error::Refused {
                path: participants.path().join(&name),
                reason: "its name is not a participant's; remove it".into(),
            });
            continue;
        };
        match Peer::open(participants, id) {
            Ok(Some(peer)) => visit(peer)?,
            Ok(None) => {}
            Err(error @ (Error::ResourceLimit { .. } | Error::Os { .. })) => return Err(error),
            Err(error) => faults.push(error),
        }
    }
    Ok(())
}

/// Returns whether a participant of this id lives.
pub(crate) fn is_alive(participants: &Dir, id: u64) -> bool {
    matches!(Peer::open(participants, id), Ok(Some(peer)) if peer.is_alive().unwrap_or(false))
}
