//! Payloads that don't fit a slot: blocks that only their owner allocates, and pins that keep them put.

#[cfg(not(loom))]
pub(crate) mod block;
#[cfg(not(loom))]
pub(crate) mod descriptor;
pub(crate) mod hazard;
#[cfg(not(loom))]
pub(crate) mod own;
#[cfg(not(loom))]
pub(crate) mod pin;
#[cfg(not(loom))]
pub(crate) mod pins;
