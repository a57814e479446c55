//! Python values to MessagePack and back, straight between the objects and the bytes.
//!
//! Plain values take a path of exact type checks that runs no Python code, so that nothing can change under
//! it. Anything else (numpy values, subclasses, buffers, what can't be sent) restarts the message on a path that
//! works on snapshots of the containers, since other threads may then run in between.

mod array;
mod decode;
mod encode;
mod path;
mod plain;

pub(crate) use decode::decode;
pub(crate) use encode::encode_with;

/// How deep values may nest, the same for sending and receiving.
///
/// Far above what messages need and far below what a thread's stack holds; a value nested deeper is nearly
/// always one that contains itself.
pub(crate) const DEPTH_LIMIT: usize = 128;
