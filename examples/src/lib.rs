//! What the Rust programs in `src/bin` share: the message types of this robot that aren't standard ones.
//!
//! A type that only one program knows could stand in that program. It stands in a library so that another program, or a
//! test, can receive it as what it is; tools and Python need no such thing, they read the schema from the topic.

use horus_core::Message;

/// How fast the two wheels of a base turn.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "wheel_speed")]
pub struct WheelSpeed {
    /// Time of the command to the motors in nanoseconds.
    pub timestamp_ns: u64,
    /// Speed of the left wheel in rad/s, positive forward.
    pub left: f32,
    /// Speed of the right wheel in rad/s, positive forward.
    pub right: f32,
}

/// The README's program in Rust, compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The Rust page of the documentation, each of its programs compiled as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust.md")]
struct RustPage;
