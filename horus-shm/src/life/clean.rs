//! Removing what the dead left, and nothing else: only what nobody holds a lock on goes, by its own name.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_POOL, MAGIC_TOPIC, endpoint, participant, pool, topic};
use crate::life::namespace::{
    LOCK_FILE, Namespace, PARTICIPANTS, POOLS, Root, TOMBSTONES, TOPICS, check_file, process_id,
};
use crate::life::peers::{self, Peer};
use crate::life::record::Role;
use crate::life::retention::{Endpoint, Readers, all_endpoints, lane_now};
use crate::life::told::left_until;
use crate::life::tombstone;
use crate::life::{holders, outdated};
use crate::name::NamespaceName;
use crate::pool::descriptor::{file_name, parse_name};
use crate::pool::hazard::Listed;
use crate::ring::bell::Bell;
use crate::ring::moved;
use crate::ring::topic::{announce, read_header};
use crate::sync::{AtomicU32, Ordering};
use crate::sys::clock;
use crate::sys::file::{self, Dir};
use crate::sys::fork::{self, NoFork};
use crate::sys::futex;
use crate::sys::lock;
use crate::sys::map::{Access, Mapping};
use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How a cleaning is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanOptions {
    /// Say what would go, and remove nothing.
    pub dry_run: bool,
    /// Also remove tombstones, and what only readers that have read nothing for 60 s still want.
    pub force: bool,
    /// How long to wait for another cleaner; zero: skip when one is at work.
    pub patience: Duration,
}

/// What a cleaning removed, or in a dry run would have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// Another cleaner was at work all the time; nothing was done.
    pub busy: bool,
    /// Files of dead processes, as their process ids.
    pub processes: Vec<u32>,
    /// Topics, as `namespace/topic`.
    pub topics: Vec<String>,
    /// How many pools.
    pub pools: u64,
    /// Bytes that came free.
    pub bytes: u64,
    /// How many tombstones.
    pub tombstones: u64,
    /// Namespaces that are gone.
    pub namespaces: Vec<String>,
    /// What stays though its owner is dead, and why.
    pub kept: Vec<String>,
    /// What can't be trusted and was left alone.
    pub faults: Vec<String>,
}

/// A reader that has read nothing for so long holds nothing up any more when an operator cleans by hand.
const IDLE_READER_NS: u64 = 60_000_000_000;

/// Removes what the dead left in one namespace, or in all.
///
/// Never touches what a living process holds. Orders itself with other cleaners by one lock file, and
/// holds up nobody else.
///
/// # Errors
/// What opening the folders gives. What can't be removed is named in the report.
pub fn clean(root: &Root, namespace: Option<&NamespaceName>, options: &CleanOptions) -> Result<CleanReport> {
    alone(root, options.patience, |report| {
        if let Some(name) = namespace {
            return clean_namespace(&root.namespace(name), options, report);
        }
        for name in root.namespaces()? {
            // What is wrong in one must not keep the others from being cleaned.
            if let Err(error) = clean_namespace(&root.namespace(&name), options, report) {
                report.faults.push(format!("namespace '{name}': {error}"));
            }
        }
        Ok(())
    })
}

/// Does what cleaners do one at a time, or nothing, saying so, while another is at work.
fn alone(
    root: &Root,
    patience: Duration,
    act: impl FnOnce(&mut CleanReport) -> Result<()>,
) -> Result<CleanReport> {
    let mut report = CleanReport::default();
    let Some(_lock) = CleanersLock::take(root, patience)? else {
        report.busy = true;
        return Ok(report);
    };
    crate::fail::point("clean.locked");
    act(&mut report)?;
    Ok(report)
}

/// Cleans up after a process that the caller saw end, and notes how it ended where its nodes didn't say so.
///
/// For a supervisor: waits at most 100 ms for another cleaner, who takes a few, and then notes nothing.
///
/// # Errors
/// What opening the folders and writing a tombstone gives.
pub fn tell_end(root: &Root, namespace: &NamespaceName, pid: u32, how: &str) -> Result<CleanReport> {
    let options = CleanOptions { patience: Duration::from_millis(100), ..CleanOptions::default() };
    let namespace = root.namespace(namespace);
    alone(root, options.patience, |report| {
        clean_namespace(&namespace, &options, report)?;
        namespace.dir()?.map_or(Ok(()), |dir| tombstone::explain(&dir, pid, how))
    })
}

/// The cleaning at the end of a process: its own namespace, waiting at most a second.
pub(crate) fn after_leaving(namespace: &Namespace) -> Result<CleanReport> {
    let options = CleanOptions { patience: Duration::from_secs(1), ..CleanOptions::default() };
    clean(namespace.root(), Some(namespace.name()), &options)
}

/// The file that orders cleaners; let go when dropped.
struct CleanersLock {
    _fd: OwnedFd,
    /// A child forked meanwhile would hold the lock, and those on what is removed, for as long as it lives.
    _guard: NoFork,
}

impl CleanersLock {
    fn take(root: &Root, patience: Duration) -> Result<Option<Self>> {
        let path = root.path().join(LOCK_FILE);
        let begun = clock::now_ns();
        loop {
            let guard = fork::no_fork();
            let fd = root.dir().open_or_make(LOCK_FILE)?;
            if lock::try_exclusive(&fd, 0, 1, &path)? {
                // For who finds it held too long; a failure to write it harms nothing.
                let _ = rustix::io::pwrite(&fd, format!("{:<10}\n", process_id()).as_bytes(), 0);
                return Ok(Some(Self { _fd: fd, _guard: guard }));
            }
            drop((fd, guard));
            if Duration::from_nanos(clock::now_ns() - begun) >= patience {
                return Ok(None);
            }
            // Cleaners are quick: look again in a moment. Nobody wakes this; a file's lock can't be waited for
            // with an end in sight.
            futex::wait(&AtomicU32::new(0), 0, Some(Duration::from_millis(2)));
        }
    }
}

/// Returns the process id of the cleaner that holds the lock now, as it wrote it down.
pub(crate) fn cleaner_at_work(root: &Root) -> Option<u32> {
    let path = root.path().join(LOCK_FILE);
    let fd = root.dir().open_file(LOCK_FILE, true).ok()??;
    let mut text = [0; 10];
    file::read_at(&fd, 0, &mut text, &path).ok()?;
    let held = lock::held(&fd, 0, 1, &path).ok()? == lock::Held::Exclusive;
    held.then(|| std::str::from_utf8(&text).ok()?.trim().parse().ok()).flatten()
}

/// One namespace while it is cleaned.
struct Cleaning<'a> {
    namespace: &'a Namespace,
    dir: Dir,
    topics: Dir,
    participants: Dir,
    pools: Dir,
    options: &'a CleanOptions,
    report: &'a mut CleanReport,
    faults: Vec<Error>,
    /// A dry run: whether a tombstone would be put up.
    mourns: bool,
}

fn clean_namespace(namespace: &Namespace, options: &CleanOptions, report: &mut CleanReport) -> Result<()> {
    let Some(dir) = namespace.dir()? else { return Ok(()) };
    let made = complete(&dir)?;
    let before = files_in(report);
    let Some(folders) = namespace.folders()? else {
        // Half of a namespace: somebody is just making it, or was killed while making or removing it; or
        // nothing but the tombstones of those who were here.
        report.tombstones += tombstone::sweep(&dir, &HashSet::new(), options)?;
        if options.dry_run {
            return foresee_end(namespace, &dir, before, report);
        }
        return remove_folders(namespace, &dir, report);
    };
    // By hand alone: what other programs of this user left is theirs for a while.
    let outdated = if options.force { outdated::remove(&folders, options, report)? } else { Vec::new() };
    let mut cleaning = Cleaning {
        namespace,
        dir,
        topics: folders.topics,
        participants: folders.participants,
        pools: folders.pools,
        options,
        report,
        faults: Vec::new(),
        mourns: false,
    };
    cleaning.run()?;
    let Cleaning { dir, participants, mut faults, mourns, .. } = cleaning;
    // A dry run meets again what it would have removed.
    faults.retain(|fault| !matches!(fault, Error::Layout { path, .. } if outdated.contains(path)));
    if options.force {
        holders::name_all(&mut faults, Some(&participants));
    }
    report.faults.extend(faults.iter().map(Error::to_string));
    if !options.dry_run {
        return remove_folders(namespace, &dir, report);
    }
    for name in made {
        dir.remove_dir(name)?;
    }
    // A tombstone that would be put up would keep the folder, but for force, which takes it away again.
    if mourns && !options.force { Ok(()) } else { foresee_end(namespace, &dir, before, report) }
}

/// Returns how many files of a namespace are told of in a report.
fn files_in(report: &CleanReport) -> u64 {
    (report.processes.len() + report.topics.len()) as u64 + report.pools + report.tombstones
}

/// In a dry run: names the namespace among those that would go if nothing would be left in its folder. `before` is
/// what the report told of before this namespace.
fn foresee_end(namespace: &Namespace, dir: &Dir, before: u64, report: &mut CleanReport) -> Result<()> {
    let mut there = 0;
    for name in dir.names()? {
        there += match name.as_str() {
            PARTICIPANTS | TOPICS | POOLS | TOMBSTONES => match dir.open_dir(&name) {
                Ok(folder) => folder.names()?.len() as u64,
                Err(error) if error.is_gone() => 0,
                Err(error) => return Err(error),
            },
            // Not ours, so it stays.
            _ => 1,
        };
    }
    if there == files_in(report) - before {
        report.namespaces.push(namespace.name().to_string());
    }
    Ok(())
}

/// Makes the folders that went while another stayed: what is left there may be nobody's any more. Returns them.
fn complete(dir: &Dir) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for name in [PARTICIPANTS, TOPICS, POOLS] {
        if dir.stat_name(name)?.is_none() {
            missing.push(name);
        }
    }
    if missing.len() < 3 {
        for name in &missing {
            match dir.make_dir(name) {
                // The namespace just went.
                Err(error) if error.is_gone() => break,
                other => other?,
            }
        }
    }
    Ok(missing)
}

impl Cleaning<'_> {
    fn run(&mut self) -> Result<()> {
        let (mut living, dead) = peers::parted(&self.participants, &mut self.faults)?;
        if !dead.is_empty() {
            // Again, now that they are known to be dead: who joined since the names were listed may have heard one of
            // them alive, and still want what it left.
            living = peers::living(&self.participants)?;
        }
        let mut pools: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for name in self.pools.names()? {
            match parse_name(&name) {
                Some((owner, number)) => pools.entry(owner).or_default().push(number),
                None => self.faults.push(Error::Refused {
                    path: self.pools.path().join(name),
                    reason: "its name is not a pool's; remove it".into(),
                }),
            }
        }
        let readers = self.readers(&living)?;
        let names = living_nodes(&living)?;
        for id in dead {
            let own = pools.remove(&id).unwrap_or_default();
            if let Some(peer) = Peer::open(&self.participants, id)? {
                self.bury(&peer, &own, &readers, &living)?;
            }
        }
        living.iter().for_each(|peer| {
            pools.remove(&peer.id);
        });
        // Pools without a participant: it was killed between joining and leaving at an odd moment. One that has a file
        // joined since the participants were listed; if it is dead the next cleaner knows who wants what it left.
        for (owner, numbers) in pools {
            match Peer::open(&self.participants, owner) {
                Ok(Some(_)) => {}
                Err(error @ (Error::ResourceLimit { .. } | Error::Os { .. })) => return Err(error),
                // None, or one that can't be trusted and was told above.
                Ok(None) | Err(_) => drop(self.remove_pools(owner, &numbers, &living)?),
            }
        }
        match tombstone::sweep(&self.dir, &names, self.options) {
            Ok(count) => self.report.tombstones += count,
            Err(error) if is_fault(&error) => self.faults.push(error),
            Err(error) => return Err(error),
        }
        self.remove_topics(&readers)
    }

    fn readers(&self, living: &[Peer]) -> Result<Readers> {
        let readers = Readers::of(living)?;
        Ok(if self.options.force {
            readers.active_since(clock::now_ns().saturating_sub(IDLE_READER_NS))
        } else {
            readers
        })
    }

    /// Sees to a dead process: wakes who waits for it, mourns its nodes, removes its pools and its file.
    fn bury(&mut self, dead: &Peer, pools: &[u32], readers: &Readers, living: &[Peer]) -> Result<()> {
        let endpoints = all_endpoints(dead)?;
        let wanted = endpoints.iter().find(|endpoint| self.is_wanted(endpoint, dead.id, readers));
        if !pools.is_empty()
            && let Some(endpoint) = wanted
        {
            self.report.kept.push(format!(
                "{} pools of pid {} (dead): unread messages on '{}'",
                pools.len(),
                dead.pid(),
                endpoint.topic
            ));
        }
        if self.options.dry_run {
            self.mourns |= tombstone::nodes(dead)?.iter().any(tombstone::is_mourned);
            let left =
                if wanted.is_some() { pools.len() } else { self.remove_pools(dead.id, pools, living)? };
            if left == 0 {
                self.report.processes.push(dead.pid());
                self.report.bytes += file::stat(&dead.fd, &dead.path)?.taken;
            }
            return Ok(());
        }
        let header = self.header_of(dead)?;
        let mut published = endpoints.iter().filter(|endpoint| endpoint.role == Role::Publisher).peekable();
        if published.peek().is_some() {
            // Also those asleep on a file that lost its name to somebody killed before telling them.
            announce(self.namespace.root());
        }
        published.for_each(|endpoint| self.wake(endpoint));
        let mourned = self.mourn(dead, &header);
        let left = if wanted.is_some() { pools.len() } else { self.remove_pools(dead.id, pools, living)? };
        // A full disk has no page for a tombstone until the pools are gone. Without room even then the dead
        // go unmourned rather than staying in the way.
        if let Err(error) = mourned.or_else(|_| self.mourn(dead, &header)) {
            self.report.faults.push(format!("no tombstone for pid {}: {error}", dead.pid()));
        }
        if left == 0 {
            header.half(participant::GONE).store(1, Ordering::Relaxed);
            let taken = file::stat(&dead.fd, &dead.path)?.taken;
            self.participants.unlink(&crate::life::participant::file_name(dead.id))?;
            crate::fail::point("clean.unlinked");
            self.report.processes.push(dead.pid());
            self.report.bytes += taken;
        }
        Ok(())
    }

    /// Puts up the tombstones of a dead process's nodes, once.
    fn mourn(&self, dead: &Peer, header: &Mapping) -> Result<()> {
        let mourned = header.half(participant::MOURNED);
        if mourned.load(Ordering::Relaxed) == 0 {
            tombstone::mourn(&self.dir, dead)?;
            crate::fail::point("clean.mourned");
            mourned.store(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn header_of(&self, peer: &Peer) -> Result<Mapping> {
        Mapping::new(peer.fd.as_fd(), participant::HEADER_BYTES, Access::ReadWrite, false, &peer.path)
    }

    /// Returns whether a living subscriber may still read what a dead publisher sent.
    fn is_wanted(&self, endpoint: &Endpoint, owner: u64, readers: &Readers) -> bool {
        let (Role::Publisher, Some(lane)) = (endpoint.role, endpoint.lane) else { return false };
        let now = lane_now(&self.topics, &endpoint.topic, lane).ok().flatten();
        let here = now.filter(|now| now.inode == endpoint.inode);
        let closed = endpoint.word(endpoint::STATE) != endpoint::IN_USE;
        let ring = here.map(|now| now.ring);
        let end = left_until(owner, endpoint.word(endpoint::HEAD), closed, ring);
        readers.want(&endpoint.topic, endpoint.inode, lane, end, here.is_some())
    }

    /// Wakes those who sleep on a topic: its publisher may have died between its message and the wake-up.
    fn wake(&self, endpoint: &Endpoint) {
        let woken = || -> Result<()> {
            let Some(fd) = self.topics.open_file(&endpoint.topic, true)? else { return Ok(()) };
            let path = self.topics.path().join(&endpoint.topic);
            let size = read_header(&fd, &path)?.geometry.file_bytes;
            let map = Mapping::new(fd.as_fd(), size, Access::None, false, &path)?;
            map.protect(topic::WORDS, rustix::param::page_size() as u64, Access::ReadWrite, &path)?;
            let bell = Bell { sleeps: map.word(topic::SLEEPS), wakes: map.half(topic::WAKES) };
            bell.ring();
            futex::wake_all(bell.wakes);
            Ok(())
        };
        // A topic that can't be opened has nobody asleep on it that could be helped.
        let _ = woken();
    }

    /// Closes and removes pools that nobody pins; returns how many stay.
    fn remove_pools(&mut self, owner: u64, numbers: &[u32], living: &[Peer]) -> Result<usize> {
        let mut left = 0;
        for number in numbers {
            match self.remove_pool(owner, *number, living) {
                Ok(true) => {}
                Ok(false) => left += 1,
                Err(error) if is_fault(&error) => self.faults.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    fn remove_pool(&mut self, owner: u64, number: u32, living: &[Peer]) -> Result<bool> {
        let name = file_name(owner, number);
        let path = self.pools.path().join(&name);
        let Some(fd) = self.pools.open_file(&name, true)? else { return Ok(true) };
        let size = check_file(&fd, &path, MAGIC_POOL, None)?;
        if !lock::try_exclusive(&fd, 0, 1, &path)? {
            return Ok(false);
        }
        if !self.options.dry_run {
            let header = Mapping::new(fd.as_fd(), pool::HEADER_BYTES, Access::ReadWrite, false, &path)?;
            header.half(pool::CLOSED).store(1, Ordering::Relaxed);
            crate::fail::point("clean.closed");
        }
        let list = || peers::living(&self.participants);
        // Listed afresh: somebody may have joined, and pinned, since the living were.
        let holder = Listed::default().scan(self.namespace.root().joins(), list, |fresh: &Vec<Peer>| {
            holder_of(owner, number, fresh.iter().chain(living))
        })?;
        if let Some((pid, pins)) = holder {
            self.report.kept.push(format!("a pool of {size} bytes: pid {pid} holds {pins} blocks of it"));
            return Ok(false);
        }
        self.report.bytes += file::stat(&fd, &path)?.taken;
        if self.options.dry_run {
            self.report.pools += 1;
            return Ok(true);
        }
        // The header stays until nobody maps it: `closed` must go on being read as such.
        if size > pool::BLOCKS {
            file::punch(&fd, pool::BLOCKS, size - pool::BLOCKS, &path)?;
        }
        crate::fail::point("clean.punched");
        self.pools.unlink(&name)?;
        crate::fail::point("clean.pool");
        self.report.pools += 1;
        Ok(true)
    }

    /// Removes topics that nobody holds and nobody waits for.
    fn remove_topics(&mut self, readers: &Readers) -> Result<()> {
        for name in self.topics.names()? {
            match self.remove_topic(&name, readers) {
                Ok(()) => {}
                Err(error) if is_fault(&error) => self.faults.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn remove_topic(&mut self, name: &str, readers: &Readers) -> Result<()> {
        let path = self.topics.path().join(name);
        let Some(fd) = self.topics.open_file(name, true)? else { return Ok(()) };
        check_file(&fd, &path, MAGIC_TOPIC, None)?;
        let stat = file::stat(&fd, &path)?;
        // Without a descriptor of our own on the bytes nobody can come to use the file while it goes.
        if !lock::try_exclusive(&fd, topic::LOCK_TYPED, topic::LOCK_COUNT, &path)?
            || !self.topics.leads_to(name, stat.inode)?
        {
            return Ok(());
        }
        // Afresh, behind the lock: who waits from now on looks again after its record is there, and finds
        // the name gone or the file whole.
        moved::before_removing();
        let waiting = match self.options.dry_run {
            true => readers.await_name(name, stat.inode),
            false => self.readers(&peers::living(&self.participants)?)?.await_name(name, stat.inode),
        };
        if waiting {
            self.report.kept.push(format!("topic '{name}': a subscriber has not come to it yet"));
            return Ok(());
        }
        if !self.options.dry_run {
            crate::fail::point("clean.topic");
            self.topics.unlink(name)?;
        }
        self.report.bytes += stat.taken;
        self.report.topics.push(format!("{}/{name}", self.namespace.name()));
        Ok(())
    }
}

/// Finds a living process that pins blocks of a pool, and how many.
fn holder_of<'a>(
    owner: u64,
    number: u32,
    peers: impl Iterator<Item = &'a Peer>,
) -> Result<Option<(u32, usize)>> {
    for peer in peers {
        let pins = peer.pins()?.iter().filter(|pin| pin.owner == owner && pin.pool == number).count();
        if pins > 0 && peer.is_alive()? {
            return Ok(Some((peer.pid(), pins)));
        }
    }
    Ok(None)
}

/// Returns whether an error says that something isn't ours to trust: it is left alone, and cleaning goes on.
fn is_fault(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { .. } | Error::Layout { .. } | Error::Damaged { .. } | Error::Permission { .. }
    )
}

fn living_nodes(living: &[Peer]) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    for peer in living {
        names.extend(tombstone::nodes(peer)?.into_iter().map(|entry| entry.name));
    }
    Ok(names)
}

/// Removes a namespace's folders if nobody is in it.
fn remove_folders(namespace: &Namespace, dir: &Dir, report: &mut CleanReport) -> Result<()> {
    if !dir.remove_dir(PARTICIPANTS)? {
        return Ok(());
    }
    crate::fail::point("clean.folders");
    // Who joins meanwhile makes anew what goes here.
    if dir.remove_dir(TOPICS)?
        && dir.remove_dir(POOLS)?
        && namespace.root().dir().remove_dir(namespace.name().as_str())?
    {
        report.namespaces.push(namespace.name().to_string());
    }
    Ok(())
}
