//! Bytes in shared memory: namespaces, liveness, rings of messages, the pool of large payloads, waiting.
//!
//! Processes of one user meet in a namespace, a folder on a tmpfs, by the names of topics. Nobody serves
//! them: no broker, no daemon, no thread in a process that only polls. A publisher never waits, a
//! subscriber never sees half a message, and a process may be killed between any two instructions
//! without holding up or confusing another.
//!
//! This crate knows bytes; messages, nodes and languages are of the crates above it.
//!
//! ```
//! use horus_shm::{Language, Namespace, Participant, Payload, Publisher, Settings, Subscriber, TopicName, TopicSpec};
//! # fn main() -> Result<(), horus_shm::Error> {
//! # let folder = std::path::PathBuf::from(format!("/dev/shm/horus-doctest-{}", std::process::id()));
//! let settings = Settings { shm_dir: Some(folder.clone()), namespace: Some("doc".into()) };
//! {
//!     let here = Participant::join(&Namespace::open(&settings)?, Language::Rust)?;
//!     let topic = TopicName::new("sensor/temp")?;
//!     let spec = TopicSpec { kind: 1, type_name: "Temp".into(), schema: vec![], capacity: 8, depth: 64 };
//!     let mut subscriber = Subscriber::open(&here, &topic, Some(&spec), Default::default())?;
//!     let mut publisher = Publisher::open(&here, &topic, &spec, Default::default())?;
//!     publisher.send(&22.5f64.to_le_bytes())?;
//!     let received = subscriber.recv()?.expect("sent after it joined");
//!     assert!(matches!(received.payload, Payload::Inline(bytes) if bytes == 22.5f64.to_le_bytes()));
//! }
//! # std::fs::remove_dir_all(folder).expect("nothing but the root is left");
//! # Ok(())
//! # }
//! ```
#![cfg_attr(any(loom, shuttle), allow(dead_code, unused_imports))]

mod fail;
mod pool;
mod ring;
mod sync;

#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod layout;
#[cfg(not(loom))]
mod life;
#[cfg(not(loom))]
mod name;
#[cfg(shuttle)]
pub mod sim;
#[cfg(not(loom))]
mod sys;
#[cfg(all(test, not(loom)))]
mod test_root;

#[cfg(not(loom))]
pub use {
    error::{Error, Holder, PinHolder, Result, TypeMismatch},
    layout::DEPTH_MAX,
    life::census::{Census, EndpointInfo, NodeInfo, ParticipantInfo, PoolInfo},
    life::clean::{CleanOptions, CleanReport, clean, tell_end},
    life::namespace::{Namespace, Root, Settings},
    life::participant::{Language, Participant},
    life::record::{NodeIndex, NodeRecord, NodeSpec, NodeState, Role},
    life::removal::RemovalWatch,
    life::tombstone::Tombstone,
    life::traffic::{LaneInfo, TopicInfo},
    name::{NamespaceName, NodeName, TopicName},
    pool::block::{Block, BlockMut},
    pool::pin::PinnedBlock,
    ring::publisher::{Publisher, PublisherOptions},
    ring::subscriber::{Payload, Received, Subscriber, SubscriberOptions},
    ring::topic::TopicSpec,
    ring::wait::{WaitSet, Woken, nudge, nudges, stop},
    sys::clock::{now_ns, realtime_ns},
    sys::fork::epoch as process_epoch,
    sys::futex::has_waitv,
};
