//! What the kernel and the files hold, and where every process stands.

/// Publishers in a model, the first of its processes.
pub(crate) const PUBLISHERS: usize = 3;
/// Processes in a model; those a scenario doesn't need are done from the start.
pub(crate) const PROCESSES: usize = 5;
/// Files in a model: a publisher makes at most one.
pub(crate) const FILES: usize = PUBLISHERS;
/// No file, no process, no record.
pub(crate) const NONE: u8 = 15;
/// The file number in the record of a subscriber that waits for the topic to be made.
pub(crate) const WAITING: u8 = 14;

/// Where a process stands: the step it takes next. Each is one access to something shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum At {
    // A publisher, or a typed subscriber, which is one that sends nothing.
    Open,
    Create,
    ReadLock,
    CheckName,
    Enter,
    Announce,
    Publish,
    Wake,
    Close,
    TakeOver,
    CheckRefusal,
    CheckTakeOver,
    LinkNew,
    Exchange,
    MarkOld,
    UnlinkOld,
    ReleaseOld,
    // An untyped subscriber.
    Arrive,
    WaitRecord,
    WaitSnapshot,
    WaitLook,
    WaitSleep,
    Lock,
    CheckLock,
    Record,
    Heads,
    Snapshot,
    Scan,
    Sleep,
    LookElsewhere,
    Drain,
    MoveSnapshot,
    MoveLook,
    MoveSleep,
    MoveLock,
    MoveCheck,
    MoveRecord,
    Move,
    // A cleaner.
    Begin,
    FindTopic,
    LockAll,
    CheckAll,
    ReadRecord,
    UnlinkTopic,
    UnlockTopic,
    LockTemporary,
    CheckTemporary,
    UnlinkTemporary,
    End,
    // Anybody.
    Done,
    TypeError,
    Dead,
}

/// A file of the topic: an inode with its locks and lanes. The locks are sets of processes, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct File {
    /// The message type and depth: 1, 2, or 3 for type 1 with another depth; 0 while the file doesn't exist yet.
    pub(crate) kind: u8,
    pub(crate) generation: u8,
    pub(crate) superseded: bool,
    /// Read locks on the typed byte.
    pub(crate) typed: u8,
    /// The write lock on the typed byte.
    pub(crate) typed_write: u8,
    /// Read locks on the untyped byte.
    pub(crate) untyped: u8,
    /// The write lock on all user bytes.
    pub(crate) all_write: u8,
    /// How many messages each publisher's lane holds.
    pub(crate) lanes: [u8; PUBLISHERS],
}

/// A process. A field that a role doesn't use stays as it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) at: At,
    /// The type a publisher sends, and its depth, as in [`File::kind`].
    pub(crate) kind: u8,
    /// The file it works with.
    pub(crate) file: u8,
    /// The file it goes to.
    pub(crate) next: u8,
    /// Messages sent, records or temporary names looked at.
    pub(crate) count: u8,
    /// Messages, or cleaning passes, still to come.
    pub(crate) left: u8,
    /// What a subscriber's endpoint record says: a file, [`WAITING`] or [`NONE`].
    pub(crate) record: u8,
    pub(crate) cursor: [u8; PUBLISHERS],
    /// The file's wake word moved since the subscriber read it.
    pub(crate) wake_moved: bool,
    /// The root's `topics made` word moved since the subscriber read it.
    pub(crate) made_moved: bool,
    /// The topic was there at its first look, so it joins at the head.
    pub(crate) fresh: bool,
    /// The generation that follows the last one it knows.
    pub(crate) expects: u8,
    /// It knows that it may have missed messages.
    pub(crate) gap: bool,
    /// For the checks alone: its open has returned. For a publisher: the subscribers of which that held at its send.
    pub(crate) joined: u8,
    /// For the checks alone: the messages it must get, has got, and must not get, bit by bit.
    pub(crate) owed: u8,
    pub(crate) got: u8,
    pub(crate) stale: u8,
    /// For the checks alone: it looked at the name after the last publisher was through.
    pub(crate) looked_last: bool,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The file the topic's name leads to.
    pub(crate) name: u8,
    /// The file each process's temporary name leads to.
    pub(crate) temporary: [u8; PUBLISHERS],
    pub(crate) files: [File; FILES],
    pub(crate) processes: [Process; PROCESSES],
    /// Who holds the cleaners' lock.
    pub(crate) cleaner: u8,
    pub(crate) kills_left: u8,
}

impl File {
    const ABSENT: Self = Self {
        kind: 0,
        generation: 0,
        superseded: false,
        typed: 0,
        typed_write: NONE,
        untyped: 0,
        all_write: NONE,
        lanes: [0; PUBLISHERS],
    };

    /// Drops every lock of a process.
    pub(crate) fn release(&mut self, who: usize) {
        self.typed &= !bit(who);
        self.untyped &= !bit(who);
        if self.typed_write == who as u8 {
            self.typed_write = NONE;
        }
        if self.all_write == who as u8 {
            self.all_write = NONE;
        }
    }

    /// Whether anybody holds any user byte.
    pub(crate) fn is_held(&self) -> bool {
        self.typed | self.untyped != 0 || self.typed_write != NONE || self.all_write != NONE
    }
}

impl Process {
    /// A process that takes no part (any more).
    pub(crate) const fn idle(at: At) -> Self {
        Self {
            at,
            kind: 0,
            file: NONE,
            next: NONE,
            count: 0,
            left: 0,
            record: NONE,
            cursor: [0; PUBLISHERS],
            wake_moved: false,
            made_moved: false,
            fresh: false,
            expects: 0,
            gap: false,
            joined: 0,
            owed: 0,
            got: 0,
            stale: 0,
            looked_last: false,
        }
    }

    /// A publisher of `kind` that sends `messages` (at most 2) and closes.
    pub(crate) const fn publisher(kind: u8, messages: u8) -> Self {
        let mut process = Self::idle(At::Open);
        process.kind = kind;
        process.left = messages;
        process
    }

    /// An untyped subscriber that reads until nothing more can come.
    pub(crate) const fn subscriber() -> Self {
        Self::idle(At::Arrive)
    }

    /// A cleaner that passes over the namespace so many times, whenever it likes.
    pub(crate) const fn cleaner(passes: u8) -> Self {
        let mut process = Self::idle(At::Begin);
        process.left = passes;
        process
    }

    /// Whether it has come to its end, however.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.at, At::Done | At::TypeError | At::Dead)
    }
}

impl State {
    /// A namespace without files in which these processes start; the publishers first.
    pub(crate) fn new(publishers: &[Process], others: &[Process], kills: u8) -> Self {
        let mut processes = [Process::idle(At::Done); PROCESSES];
        processes[..publishers.len()].copy_from_slice(publishers);
        processes[PUBLISHERS..PUBLISHERS + others.len()].copy_from_slice(others);
        Self {
            name: NONE,
            temporary: [NONE; PUBLISHERS],
            files: [File::ABSENT; FILES],
            processes,
            cleaner: NONE,
            kills_left: kills,
        }
    }

    /// The file of this number.
    pub(crate) fn file(&mut self, number: u8) -> &mut File {
        &mut self.files[usize::from(number)]
    }

    /// Makes a file, the typed byte read-locked by its maker, and returns its number; none if there are as many as
    /// there are publishers.
    pub(crate) fn make_file(&mut self, maker: usize, generation: u8) -> Option<u8> {
        let number = self.files.iter().position(|file| file.kind == 0)?;
        self.files[number].kind = self.processes[maker].kind;
        self.files[number].generation = generation;
        self.files[number].typed = bit(maker);
        Some(number as u8)
    }

    /// Adds one to the root's `topics made` word and wakes who sleeps on it.
    pub(crate) fn announce(&mut self) {
        for process in &mut self.processes[PUBLISHERS..] {
            process.made_moved |= process.is_subscriber();
        }
    }

    /// Adds one to a file's wake word and wakes who sleeps on it.
    pub(crate) fn wake(&mut self, file: u8) {
        for process in &mut self.processes[PUBLISHERS..] {
            process.wake_moved |= process.is_subscriber() && process.file == file;
        }
    }

    /// SIGKILL: the kernel drops its locks; its record counts as dead.
    pub(crate) fn kill(&mut self, who: usize) {
        for file in &mut self.files {
            file.release(who);
        }
        if self.cleaner == who as u8 {
            self.cleaner = NONE;
        }
        self.processes[who] = Process::idle(At::Dead);
        self.kills_left -= 1;
    }

    /// Whether every publisher is through.
    pub(crate) fn is_quiet(&self) -> bool {
        self.processes[..PUBLISHERS].iter().all(Process::is_over)
    }

    /// All messages that were published so far, bit by bit.
    pub(crate) fn published(&self) -> u8 {
        let mut messages = 0;
        for file in &self.files {
            for (lane, count) in file.lanes.iter().enumerate() {
                messages |= (0..*count).map(|index| message(lane, index)).fold(0, |all, one| all | one);
            }
        }
        messages
    }
}

impl Process {
    /// Whether it is a subscriber that lives.
    pub(crate) fn is_subscriber(&self) -> bool {
        (At::Arrive..=At::Move).contains(&self.at)
    }
}

/// Whether two kinds are one type; 3 is type 1 with another depth.
pub(crate) fn same_type(one: u8, other: u8) -> bool {
    one % 2 == other % 2
}

/// The bit of a process in a set.
pub(crate) fn bit(who: usize) -> u8 {
    1 << who
}

/// The bit of a message in a set.
pub(crate) fn message(publisher: usize, index: u8) -> u8 {
    1 << (publisher * 2 + usize::from(index))
}
