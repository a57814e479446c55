//! Which Rust types may be fields of a message.

use crate::dtype::Dtype;
use crate::schema::FieldKind;
use crate::text::{Bool, FixedStr};
use bytemuck::Pod;

/// A type that may be a field of a message.
///
/// Implemented for `u8` to `u64`, `i8` to `i64`, `f32`, `f64`, [`Bool`], [`FixedStr`], arrays of these, and by
/// `#[derive(Message)]` for messages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a field of a message",
    label = "not plain data that every process reads alike",
    note = "fields are u8 to u64, i8 to i64, f32, f64, horus_core::Bool, horus_core::FixedStr<N>, arrays of these, and other messages (#[derive(Message)])"
)]
pub trait FieldType: Pod {
    /// How many levels of messages and arrays it holds.
    const DEPTH: u32 = 1;

    /// Returns what the schema says of it.
    fn kind() -> FieldKind;

    /// Returns the value a field has when nothing else is said: zeros, or a message's defaults.
    fn initial() -> Self {
        Self::zeroed()
    }
}

macro_rules! scalars {
    ($($ty:ty => $dtype:ident),*) => {$(
        impl FieldType for $ty {
            fn kind() -> FieldKind {
                FieldKind::Scalar(Dtype::$dtype)
            }
        }
    )*};
}

scalars!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f32 => F32, f64 => F64);

impl FieldType for Bool {
    fn kind() -> FieldKind {
        FieldKind::Bool
    }
}

impl<const N: usize> FieldType for FixedStr<N> {
    fn kind() -> FieldKind {
        const { assert!(N > 0, "a FixedStr<0> holds nothing") };
        FieldKind::FixedString(N as u32)
    }
}

impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const DEPTH: u32 = 1 + T::DEPTH;

    fn kind() -> FieldKind {
        const { assert!(N > 0, "an array of no items holds nothing") };
        FieldKind::Array(N as u32, Box::new(T::kind()))
    }

    fn initial() -> Self {
        [T::initial(); N]
    }
}
