//! Topics: rings of slots, one for each publisher, and waiting for them.

pub(crate) mod bell;
pub(crate) mod lane;
pub(crate) mod publisher;
pub(crate) mod retired;
pub(crate) mod subscriber;
pub(crate) mod topic;
pub(crate) mod wait;
