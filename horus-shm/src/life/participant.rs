//! One process in one namespace; alive exactly as long as its file's lock is held.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_PARTICIPANT, node, participant};
use crate::life::clean;
use crate::life::namespace::{Folders, Namespace, pid_namespace, write_head};
use crate::life::record::{NodeRecord, NodeSpec, NodeState, Table};
use crate::name::NodeName;
use crate::pool::block::BlockMut;
use crate::pool::hazard;
use crate::pool::own::OwnPools;
use crate::pool::pin::PoolViews;
use crate::sync::{AtomicU64, Ordering, per_process};
use crate::sys::clock;
use crate::sys::file::{self, Inode};
use crate::sys::fork;
use crate::sys::lock::{self, Held};
use crate::sys::map::{Access, Mapping};
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What a process is written in, for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Language {
    /// Rust, or anything that links this crate.
    Rust = 1,
    /// Python.
    Python = 2,
}

impl Language {
    pub(crate) fn from_word(word: u64) -> Self {
        if word == Self::Python as u64 { Self::Python } else { Self::Rust }
    }
}

/// This process in a namespace. Everything that it opens there holds an `Arc` of it; when the last is
/// dropped the process has left, and what nobody needs any more is removed.
#[derive(Debug)]
pub struct Participant {
    namespace: Namespace,
    folders: Mutex<Arc<Folders>>,
    id: u64,
    language: Language,
    inode: Inode,
    file: ManuallyDrop<Mapping>,
    pub(crate) nodes: Table,
    pub(crate) endpoints: Table,
    pub(crate) pins: Table,
    pub(crate) own_pools: Mutex<OwnPools>,
    pub(crate) pool_views: PoolViews,
}

per_process! {
    /// The participants of this process; a namespace is joined once.
    static JOINED: Mutex<Vec<Weak<Participant>>> = Mutex::new(Vec::new());
}

/// Returns the name of a participant's file.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016x}")
}

/// Returns the id that a file's name stands for.
pub(crate) fn id_of(name: &str) -> Option<u64> {
    if name.len() == 16 { u64::from_str_radix(name, 16).ok().filter(|id| *id != 0) } else { None }
}

/// Returns 64 random bits, never 0.
pub(crate) fn random_id() -> Result<u64> {
    #[cfg(shuttle)]
    return Ok(crate::sim::random().max(1));
    #[cfg(not(shuttle))]
    loop {
        let mut bytes = [0; 8];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| Error::os("getrandom", "", e))?;
        match u64::from_ne_bytes(bytes) {
            0 => {}
            id => return Ok(id),
        }
    }
}

impl Participant {
    /// Joins a namespace, or returns this process's participant if it has joined already.
    ///
    /// Waits for nobody: a dozen system calls. A forked child gets a participant of its own.
    ///
    /// # Errors
    /// [`Error::ShmFull`], [`Error::Permission`], [`Error::ResourceLimit`], and [`Error::Refused`] on a
    /// file system whose locks don't hold.
    pub fn join(namespace: &Namespace, language: Language) -> Result<Arc<Self>> {
        // Also keeps JOINED from being locked by another thread at the moment of a fork.
        let _guard = fork::no_fork();
        let mut joined = JOINED.lock().unwrap_or_else(PoisonError::into_inner);
        for known in joined.iter().filter_map(Weak::upgrade) {
            let same = known.namespace.name() == namespace.name()
                && known.namespace.root().path() == namespace.root().path();
            if same && known.is_ours() && known.still_linked()? {
                return Ok(known);
            }
        }
        let participant = Arc::new(Self::make(namespace, language)?);
        joined.retain(|known| known.strong_count() > 0);
        joined.push(Arc::downgrade(&participant));
        Ok(participant)
    }

    fn make(namespace: &Namespace, language: Language) -> Result<Self> {
        let root = namespace.root();
        let usable = root.is_ours() && root.is_current()?;
        let namespace = if usable { namespace.clone() } else { namespace.reopened()? };
        for _ in 0..1000 {
            let folders = namespace.make_folders()?;
            crate::fail::point("join.folders");
            let id = random_id()?;
            let name = file_name(id);
            let path = folders.participants.path().join(&name);
            let fd = match folders.participants.nameless(participant::SIZE) {
                Err(error) if error.is_gone() => continue,
                other => other?,
            };
            file::reserve(&fd, 0, participant::HEADER_BYTES, &path)?;
            file::reserve(&fd, participant::PINS, participant::PINS_FIRST_BYTES, &path)?;
            if !lock::try_exclusive(&fd, 0, 1, &path)? {
                return Err(Error::Refused { path, reason: "a new file is locked by somebody else".into() });
            }
            let map = Mapping::new(fd.as_fd(), participant::SIZE, Access::ReadWrite, false, &path)?;
            write_head(&map, MAGIC_PARTICIPANT, participant::SIZE);
            map.word(participant::ID).store(id, Ordering::Relaxed);
            map.word(participant::LANGUAGE).store(language as u64, Ordering::Relaxed);
            map.word(participant::STARTED).store(clock::now_ns(), Ordering::Relaxed);
            map.word(participant::PID_NAMESPACE).store(pid_namespace(), Ordering::Relaxed);
            let inode = file::stat(&fd, &path)?.inode;
            crate::fail::point("join.locked");
            match folders.participants.link(fd.as_fd(), &name) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error),
            }
            crate::fail::point("join.linked");
            hazard::joined(namespace.root().joins());
            crate::fail::point("join.counted");
            drop(fd);
            let Some(fresh) = folders.participants.open_file(&name, true)? else { continue };
            if lock::held(&fresh, 0, 1, &path)? != Held::Exclusive {
                return Err(Error::Refused {
                    path,
                    reason: "a lock held by a mapping doesn't hold on this file system".into(),
                });
            }
            return Ok(Self {
                namespace,
                folders: Mutex::new(Arc::new(folders)),
                id,
                language,
                inode,
                file: ManuallyDrop::new(map),
                nodes: Table::nodes(),
                endpoints: Table::endpoints(),
                pins: Table::pins(),
                own_pools: Mutex::new(OwnPools::new(id)),
                pool_views: PoolViews::default(),
            });
        }
        Err(Error::Busy {
            what: format!("namespace '{}'", namespace.name()),
            reason: "its folder comes and goes".into(),
        })
    }

    /// Returns its id: 64 random bits, never 0.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns what this process is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns the namespace it is in.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Enters a node, which tools then show as running.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond 256 nodes, [`Error::ShmFull`].
    pub fn add_node(self: &Arc<Self>, name: &NodeName, spec: NodeSpec) -> Result<NodeRecord> {
        NodeRecord::new(self, name, spec)
    }

    /// Asks the kernel whether this participant's file still has its name.
    ///
    /// False after a logout with `RemoveIPC`, or after somebody removed the folder by hand: nobody new can
    /// see this process any more, and it has to join again.
    ///
    /// # Errors
    /// What asking gives, other than that the file is gone.
    pub fn still_linked(&self) -> Result<bool> {
        self.folders().participants.leads_to(&file_name(self.id), self.inode)
    }

    /// Returns a block of at least `bytes` from this process's own pool, not cleared.
    ///
    /// Takes one from the free list, or scans all pins for blocks that came free, or makes one.
    ///
    /// # Errors
    /// [`Error::ShmFull`]; [`Error::PoolExhausted`] when it is full because others hold blocks of ours.
    pub fn allocate(self: &Arc<Self>, bytes: u64) -> Result<BlockMut> {
        BlockMut::allocate(self, bytes)
    }

    /// Returns the namespace's folders.
    pub(crate) fn folders(&self) -> Arc<Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the folders anew: a cleaner that began before this process joined may remove empty ones.
    ///
    /// # Errors
    /// [`Error::Refused`] when this process's own file is gone as well: it has to join again.
    pub(crate) fn reopen_folders(&self) -> Result<Arc<Folders>> {
        if !self.still_linked()? {
            return Err(self.removed());
        }
        let fresh = Arc::new(self.namespace.make_folders()?);
        *self.folders.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        Ok(fresh)
    }

    /// Returns whether this process is the one that joined, not a child forked from it.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.file.is_ours()
    }

    #[inline]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        self.file.word(offset)
    }

    #[inline]
    pub(crate) fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        self.file.words(offset, count)
    }

    /// Stores a name as words, padded with zeros.
    pub(crate) fn store_text(&self, offset: usize, text: &str) {
        for (i, chunk) in text.as_bytes().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(offset + 8 * i).store(u64::from_le_bytes(word), Ordering::Relaxed);
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folders().participants.path().join(file_name(self.id))
    }

    /// Reserves pages of this participant's file. No descriptor is kept, so that none is inherited.
    pub(crate) fn reserve(&self, start: u64, bytes: u64) -> Result<()> {
        let path = self.path();
        match self.folders().participants.open_file(&file_name(self.id), true)? {
            Some(fd) if file::stat(&fd, &path)?.inode == self.inode => {
                file::reserve(&fd, start, bytes, &path)
            }
            _ => Err(self.removed()),
        }
    }

    /// What is said when nobody can see this process any more: whoever met it now would not heed its pins.
    fn removed(&self) -> Error {
        let reason = "the file of this process was removed; restart it, and see `horus doctor` on RemoveIPC";
        Error::Refused { path: self.path(), reason: reason.into() }
    }

    /// Returns the record of a stopped node of this name, for its next life.
    pub(crate) fn stopped_node(&self, name: &NodeName) -> Option<u32> {
        let mut wanted = [0u8; crate::name::NODE_NAME_BYTES_MAX];
        wanted[..name.as_str().len()].copy_from_slice(name.as_str().as_bytes());
        (0..self.nodes.mark() as u32).find(|index| {
            let base = self.nodes.offset(*index);
            let field = |at: usize| self.word(base + at).load(Ordering::Relaxed);
            field(node::STATE) == NodeState::Stopped as u64
                && field(node::NAME_BYTES) == name.as_str().len() as u64
                && wanted
                    .chunks(8)
                    .enumerate()
                    .all(|(i, chunk)| field(node::NAME + 8 * i).to_le_bytes() == chunk)
        })
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        let ours = self.is_ours();
        // Own pools first, then the file: with it life ends, and pins with it. Views of other processes'
        // blocks hold an Arc of this participant, so none is alive here.
        *self.own_pools.get_mut().unwrap_or_else(PoisonError::into_inner) = OwnPools::new(self.id);
        crate::fail::point("leave.pools");
        // SAFETY: `file` is dropped here and nowhere else, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.file) };
        crate::fail::point("leave.file");
        if ours {
            // What can't be cleaned now the next start or command cleans.
            let _ = clean::after_leaving(&self.namespace);
        }
    }
}
