//! Who is there: namespaces, participants, what the dead leave, and reading all of it.

pub(crate) mod census;
pub(crate) mod clean;
pub(crate) mod holders;
pub(crate) mod namespace;
pub(crate) mod outdated;
pub(crate) mod participant;
pub(crate) mod peers;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod retention;
pub(crate) mod told;
pub(crate) mod tombstone;
pub(crate) mod traffic;
