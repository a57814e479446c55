//! The rules of the protocol, each of which can be left out to see that it is needed.

/// Which rules the processes keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Every typed newcomer adds to `topics made` before its first send, not only the one that made the file.
    pub(crate) newcomers_announce: bool,
    /// An attached untyped subscriber also watches `topics made`.
    pub(crate) subscribers_watch_made: bool,
    /// Who supersedes sets the old file's word and wakes its sleepers.
    pub(crate) old_is_marked: bool,
    /// An untyped subscriber looks at the name from time to time though nothing told it to, waiting or attached.
    pub(crate) waiting_look: bool,
    pub(crate) attached_look: bool,
    /// After its lock a typed newcomer checks that the name leads to the file.
    pub(crate) newcomer_checks_name: bool,
    /// After its lock the superseder checks that the name leads to the file.
    pub(crate) superseder_checks_name: bool,
    /// Before a type error the refused one checks that the name leads to the file.
    pub(crate) refused_checks_name: bool,
    /// The superseder keeps the old file's typed byte until the exchange.
    pub(crate) superseder_holds_old: bool,
    /// A new file is locked before it gets a name.
    pub(crate) locked_before_named: bool,
    /// An untyped subscriber reads `topics made` before it looks at the name, not after it has joined.
    pub(crate) made_read_first: bool,
    /// After its lock an untyped subscriber checks that the name leads to the file.
    pub(crate) subscriber_checks_name: bool,
    /// After seeing the name elsewhere it reads the old file once more.
    pub(crate) drains: bool,
    /// It goes to the next file at cursor 0.
    pub(crate) follows_from_start: bool,
    /// It tells a gap when the generation isn't the next one.
    pub(crate) compares_generations: bool,
    /// Who waited for a topic tells a gap when the one that comes isn't of the first generation.
    pub(crate) compares_first_generation: bool,
    /// The new file's generation is the next one.
    pub(crate) counts_generations: bool,
    /// The cleaner checks that the name leads to the file it locked.
    pub(crate) cleaner_checks_name: bool,
    /// The cleaner keeps a topic for which a living record waits.
    pub(crate) cleaner_heeds_waiting: bool,
    /// The cleaner locks a temporary name's file before removing it.
    pub(crate) cleaner_locks_temporary: bool,
    /// The cleaner unlinks while it still holds the lock.
    pub(crate) cleaner_unlinks_locked: bool,
}

impl Rules {
    /// Every newcomer announces and every untyped subscriber watches, so that nobody has to look unasked.
    pub(crate) const ANNOUNCED: Self = Self {
        newcomers_announce: true,
        subscribers_watch_made: true,
        old_is_marked: false,
        waiting_look: false,
        attached_look: false,
        newcomer_checks_name: true,
        superseder_checks_name: true,
        refused_checks_name: true,
        superseder_holds_old: true,
        locked_before_named: true,
        made_read_first: true,
        subscriber_checks_name: true,
        drains: true,
        follows_from_start: true,
        compares_generations: true,
        compares_first_generation: true,
        counts_generations: true,
        cleaner_checks_name: true,
        cleaner_heeds_waiting: true,
        cleaner_locks_temporary: true,
        cleaner_unlinks_locked: true,
    };

    /// What ships: as above, and who supersedes marks the old file, so that nobody waits for the announcement to follow.
    pub(crate) const SHIPPED: Self = Self { old_is_marked: true, ..Self::ANNOUNCED };

    /// Makers alone announce, the old file is marked, and an untyped subscriber looks at the name once in a while:
    /// whom a maker killed in time didn't tell finds out a little later.
    pub(crate) const MARKED: Self = Self {
        newcomers_announce: false,
        subscribers_watch_made: false,
        old_is_marked: true,
        waiting_look: true,
        attached_look: true,
        ..Self::ANNOUNCED
    };
}
