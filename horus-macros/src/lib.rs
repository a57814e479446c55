//! `#[derive(Message)]`: makes a struct a message that every language and tool can read.
//!
//! Use it through `horus_core::Message`, which is this derive and the trait it implements.
#![forbid(unsafe_code)]

mod attributes;
mod layout;
mod message;

use proc_macro::TokenStream;

/// Implements `horus_core::Message` for a struct, so that it can be sent, stored and shown without being known.
///
/// It emits the schema (type name, and each field's name, offset, kind and length), `Default`, and what reads and writes
/// the bytes, having checked at compile time that none of them is padding. The struct doesn't derive `Default`.
///
/// Fields may be `u8` to `u64`, `i8` to `i64`, `f32`, `f64`, `horus_core::Bool`, `horus_core::FixedStr<N>`, fixed
/// arrays of these, and other messages. A struct of such fields alone is `#[repr(C)]` and derives `Clone` and `Copy`; the
/// derive makes it `bytemuck::Pod`, and its bytes travel by one copy.
///
/// Fields may also be `Vec<T>` of the above and `String`: any number of items, also none. Each takes 16 bytes in the
/// head of the message, on a boundary of 8, and stands behind it. Such a struct derives `Clone` and needs no `repr`.
///
/// A field whose name begins with `_` is filling: always zero in a message, ignored when received, hidden by every tool.
///
/// The doc comments, up to the first heading, become the documentation in every language, so they say the unit.
///
/// On the struct: `#[message(topic = "cmd_vel")]` is the topic where such a message goes when none is named,
/// `#[message(name = "CmdVel")]` its name if not the struct's own, `#[message(variable)]` says that a field is a message
/// with `Vec` or `String` fields, or a type whose name hides that it is one of these.
/// On a field: `#[message(default = 1.0)]`, and `#[message(one_of(idle = 0, moving = 1))]` on a `u8` makes it an
/// enumeration, whose numbers become constants of the struct: of a field `state`, `STATE_IDLE` and `STATE_MOVING`.
///
/// # Examples
/// ```
/// use horus_core::{FixedStr, Message};
///
/// /// A gripper's state.
/// #[derive(Clone, Copy, Debug, PartialEq, Message)]
/// #[repr(C)]
/// #[message(topic = "gripper")]
/// struct Gripper {
///     /// Time of the measurement in nanoseconds.
///     timestamp_ns: u64,
///     /// Opening in metres.
///     #[message(default = 0.08)]
///     width: f32,
///     /// What it does.
///     #[message(one_of(idle = 0, moving = 1, holding = 2))]
///     state: u8,
///     _filling: [u8; 3],
/// }
///
/// /// What the gripper's fingers feel.
/// #[derive(Clone, Debug, PartialEq, Message)]
/// struct Touch {
///     /// Time of the measurement in nanoseconds.
///     timestamp_ns: u64,
///     /// Pressures in pascal, one a sensor.
///     pressures: Vec<f32>,
///     /// The names of the sensors.
///     names: Vec<FixedStr<16>>,
/// }
///
/// assert_eq!((Gripper::NAME, Gripper::TOPIC), ("Gripper", Some("gripper")));
/// assert_eq!((Gripper::default().width, Gripper::schema().size), (0.08, 16));
/// assert_eq!(Gripper::STATE_HOLDING, 2);
/// let touch = Touch { pressures: vec![0.5; 3], ..Touch::default() };
/// assert_eq!(Touch::decode(&touch.to_bytes())?, touch);
/// # Ok::<(), horus_core::PayloadError>(())
/// ```
///
/// # Errors
/// Padding, a missing `#[repr(C)]` and types that mean nothing in another process are compile errors that name the
/// field and say what to write instead.
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    message::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
