//! Topics: rings of slots, one for each publisher, and waiting for them.

#[cfg(not(loom))]
pub(crate) mod attached;
pub(crate) mod bell;
pub(crate) mod lane;
pub(crate) mod lanes;
pub(crate) mod moved;
#[cfg(not(loom))]
pub(crate) mod publisher;
#[cfg(not(loom))]
pub(crate) mod retired;
#[cfg(not(loom))]
pub(crate) mod subscriber;
#[cfg(not(loom))]
pub(crate) mod topic;
#[cfg(not(loom))]
pub(crate) mod wait;
