//! What a simulated process has of its own: mappings, statics, ids.

use crate::sim::world::{self, Key};
use std::any::Any;
use std::cell::RefCell;
use std::ops::Deref;

/// A mapping of a simulated process.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(crate) base: usize,
    pub(crate) len: usize,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// A simulated process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: &'static str,
    /// Whether it may be killed.
    pub(crate) is_mortal: bool,
    pub(crate) is_dead: bool,
    pub(crate) has_ended: bool,
    mappings: Vec<Mapped>,
    statics: Vec<(usize, Box<dyn Any>)>,
}

impl Process {
    pub(crate) fn new(name: &'static str, is_mortal: bool) -> Self {
        Self { name, is_mortal, is_dead: false, has_ended: false, mappings: Vec::new(), statics: Vec::new() }
    }

    /// Unmaps all that it has, as the kernel does at its end; so its locks go.
    pub(crate) fn unmap_all(&mut self) {
        for mapped in self.mappings.drain(..) {
            // SAFETY: mapped by `Mapping::new` and not unmapped since, or it would not be listed. Nothing of this process
            // reaches it any more: it is dead, and its destructors look whether they are of a living one.
            // A failure leaves a lock that the run's last look finds.
            let _ = unsafe { rustix::mm::munmap(mapped.base as *mut _, mapped.len) };
        }
    }

    pub(crate) fn key(&self, address: usize) -> Option<Key> {
        let mapped = self.mappings.iter().find(|m| (m.base..m.base + m.len).contains(&address))?;
        Some(Key { device: mapped.device, inode: mapped.inode, offset: address - mapped.base })
    }

    /// Returns this process's own copy of a static.
    fn copy_of<T: 'static>(&mut self, id: usize, make: fn() -> T) -> *const T {
        if let Some((_, copy)) = self.statics.iter().find(|(known, _)| *known == id) {
            return copy.downcast_ref::<T>().expect("one type for one static");
        }
        let copy = Box::new(make());
        let at: *const T = &*copy;
        self.statics.push((id, copy));
        at
    }
}

/// Notes a mapping of the process that runs.
pub(crate) fn mapped(fd: std::os::fd::BorrowedFd<'_>, base: usize, len: usize) {
    let stat = rustix::fs::fstat(fd).expect("an open file");
    let (device, inode) = (stat.st_dev, stat.st_ino);
    world::with(|world| world.process().mappings.push(Mapped { base, len, device, inode }));
}

/// Notes that a mapping of the process that runs is about to go.
pub(crate) fn unmapped(base: usize) {
    world::with(|world| world.process().mappings.retain(|mapped| mapped.base != base));
}

/// Returns the process id, or the real one outside of a simulation.
pub(crate) fn pid() -> u32 {
    world::with(|world| 1000 + world.current as u32).unwrap_or_else(std::process::id)
}

/// Returns a random number that the run's seed decides.
pub(crate) fn random() -> u64 {
    world::with(|world| world.dice.roll()).unwrap_or(7)
}

thread_local! {
    /// The statics of what runs outside of a simulation.
    static OUTSIDE: RefCell<Process> = RefCell::new(Process::new("outside", false));
}

/// A static of which each simulated process has its own.
#[derive(Debug)]
pub(crate) struct PerProcess<T: 'static> {
    make: fn() -> T,
}

impl<T: 'static> PerProcess<T> {
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self { make }
    }
}

impl<T: 'static> Deref for PerProcess<T> {
    type Target = T;
    fn deref(&self) -> &T {
        let id = std::ptr::from_ref(self) as usize;
        let copy = world::with(|world| world.process().copy_of(id, self.make))
            .unwrap_or_else(|| OUTSIDE.with_borrow_mut(|process| process.copy_of(id, self.make)));
        // SAFETY: boxed, and kept until the world of this process goes, when none of its code runs any more.
        unsafe { &*copy }
    }
}
