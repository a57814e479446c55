//! Single values, for topics that carry nothing else.

use crate::Message;

/// A truth value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[repr(C)]
pub struct Bool {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value; false by default.
    pub data: crate::Bool,
    /// Filling.
    pub _filling: [u8; 7],
}

/// An integer of 32 bits with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[repr(C)]
pub struct Int32 {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value, in the unit that the topic's users agree on.
    pub data: i32,
    /// Filling.
    pub _filling: [u8; 4],
}

/// An integer of 64 bits with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[repr(C)]
pub struct Int64 {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value, in the unit that the topic's users agree on.
    pub data: i64,
}

/// An integer of 32 bits without sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[repr(C)]
pub struct UInt32 {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value, in the unit that the topic's users agree on.
    pub data: u32,
    /// Filling.
    pub _filling: [u8; 4],
}

/// A number of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
pub struct Float32 {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value, in the unit that the topic's users agree on.
    pub data: f32,
    /// Filling.
    pub _filling: [u8; 4],
}

/// A number of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
pub struct Float64 {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The value, in the unit that the topic's users agree on.
    pub data: f64,
}

/// Text of any length.
#[derive(Clone, Debug, PartialEq, Eq, Message)]
pub struct String {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The text, UTF-8.
    pub data: std::string::String,
}
