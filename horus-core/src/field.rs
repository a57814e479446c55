//! Which Rust types may be fields of a message.

use crate::dtype::Dtype;
use crate::error::{Segment, ValueError};
use crate::schema::FieldKind;
use crate::tails::{self, TailReader, TailWriter};
use crate::text::{Bool, FixedStr};
use bytemuck::Pod;
use std::ops::Range;

/// A type that may be a field of a message.
///
/// Implemented for `u8` to `u64`, `i8` to `i64`, `f32`, `f64`, [`Bool`], [`FixedStr`], arrays of these, [`Vec`] of what
/// is of one size, [`String`], and by `#[derive(Message)]` for messages.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a field of a message",
    label = "not data that every process reads alike",
    note = "fields are u8 to u64, i8 to i64, f32, f64, horus_core::Bool, horus_core::FixedStr<N>, arrays of these, Vec of these, String, and other messages (#[derive(Message)])"
)]
pub trait FieldType: Sized {
    /// How many levels of messages, arrays and sequences it holds.
    const DEPTH: usize = 1;
    /// The bytes it takes in the message's head: all of them but for a `Vec` or `String`, which take 16.
    const HEAD_BYTES: usize;
    /// The boundary in bytes on which it lies.
    const ALIGN: usize;
    /// Whether it is, or holds, a `Vec` or `String`, so that messages differ in length.
    const IS_VARIABLE: bool = false;

    /// Returns what the schema says of it.
    fn kind() -> FieldKind;

    /// Returns the value a field has when nothing else is said: zeros, nothing, or a message's defaults.
    fn initial() -> Self;

    /// Returns where its tails end when those before them end at `end`, in bytes from the start of the message.
    fn tails_end(&self, end: usize) -> usize {
        end
    }

    /// Writes its part of the head, of [`FieldType::HEAD_BYTES`], and its tails.
    fn write(&self, part: &mut [u8], tails: &mut TailWriter<'_>);

    /// Reads it from its part of the head, of [`FieldType::HEAD_BYTES`], and its tails.
    ///
    /// # Errors
    /// If a tail can't be where the head says, or text isn't UTF-8.
    fn read(part: &[u8], tails: &mut TailReader<'_>) -> Result<Self, ValueError>;
}

/// A field of one size whose bytes are its value: all but `Vec`, `String`, and messages that hold them.
///
/// A message of such fields alone is one itself, and travels by one copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` isn't plain data of one size",
    label = "can't be copied byte by byte",
    note = "the items of a Vec and the fields of a #[repr(C)] message are u8 to u64, i8 to i64, f32, f64, horus_core::Bool, horus_core::FixedStr<N>, arrays of these, and messages of these",
    note = "a message that holds another with Vec or String fields needs #[message(variable)]"
)]
pub trait PlainField: FieldType + Pod {
    /// Whether it holds a message with filling.
    const HAS_FILLING: bool = false;

    /// Calls `visit` with each range of bytes that is filling, `at` being where this begins.
    fn each_filling(at: usize, visit: &mut impl FnMut(Range<usize>)) {
        let _ = (at, visit);
    }
}

macro_rules! plain {
    ($ty:ty) => {
        const HEAD_BYTES: usize = size_of::<$ty>();
        const ALIGN: usize = align_of::<$ty>();

        fn write(&self, part: &mut [u8], _tails: &mut TailWriter<'_>) {
            write_plain(self, part);
        }

        fn read(part: &[u8], _tails: &mut TailReader<'_>) -> Result<Self, ValueError> {
            Ok(read_plain(part))
        }
    };
}

macro_rules! scalars {
    ($($ty:ty => $dtype:ident),*) => {$(
        impl FieldType for $ty {
            plain!($ty);

            fn kind() -> FieldKind {
                FieldKind::Scalar(Dtype::$dtype)
            }

            fn initial() -> Self {
                bytemuck::Zeroable::zeroed()
            }
        }

        impl PlainField for $ty {}
    )*};
}

scalars!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f32 => F32, f64 => F64);

impl FieldType for Bool {
    plain!(Self);

    fn kind() -> FieldKind {
        FieldKind::Bool
    }

    fn initial() -> Self {
        Self::default()
    }
}

impl PlainField for Bool {}

impl<const N: usize> FieldType for FixedStr<N> {
    plain!(Self);

    fn kind() -> FieldKind {
        const { assert!(N > 0, "a FixedStr<0> holds nothing") };
        FieldKind::FixedString(N as u32)
    }

    fn initial() -> Self {
        Self::default()
    }
}

impl<const N: usize> PlainField for FixedStr<N> {}

impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const DEPTH: usize = 1 + T::DEPTH;
    const HEAD_BYTES: usize = N * T::HEAD_BYTES;
    const ALIGN: usize = T::ALIGN;
    const IS_VARIABLE: bool = T::IS_VARIABLE;

    fn kind() -> FieldKind {
        const { assert!(N > 0, "an array of no items holds nothing") };
        FieldKind::Array(N as u32, Box::new(T::kind()))
    }

    fn initial() -> Self {
        std::array::from_fn(|_| T::initial())
    }

    fn tails_end(&self, end: usize) -> usize {
        self.iter().fold(end, |end, item| item.tails_end(end))
    }

    fn write(&self, part: &mut [u8], tails: &mut TailWriter<'_>) {
        for (item, part) in self.iter().zip(part.chunks_exact_mut(T::HEAD_BYTES)) {
            item.write(part, tails);
        }
    }

    fn read(part: &[u8], tails: &mut TailReader<'_>) -> Result<Self, ValueError> {
        let mut failed = None;
        let read = std::array::from_fn(|index| {
            if failed.is_none() {
                match T::read(&part[index * T::HEAD_BYTES..][..T::HEAD_BYTES], tails) {
                    Ok(item) => return item,
                    Err(error) => failed = Some(error.within(Segment::Item(index))),
                }
            }
            T::initial()
        });
        failed.map_or(Ok(read), Err)
    }
}

impl<T: PlainField, const N: usize> PlainField for [T; N] {
    const HAS_FILLING: bool = T::HAS_FILLING;

    fn each_filling(at: usize, visit: &mut impl FnMut(Range<usize>)) {
        if T::HAS_FILLING {
            (0..N).for_each(|index| T::each_filling(at + index * size_of::<T>(), visit));
        }
    }
}

/// Any number of items of one size, also none; copied as they lie.
impl<T: PlainField> FieldType for Vec<T> {
    const DEPTH: usize = 1 + T::DEPTH;
    const HEAD_BYTES: usize = tails::ENTRY_BYTES;
    const ALIGN: usize = tails::TAIL_ALIGN;
    const IS_VARIABLE: bool = true;

    fn kind() -> FieldKind {
        FieldKind::Seq(Box::new(T::kind()))
    }

    fn initial() -> Self {
        Vec::new()
    }

    fn tails_end(&self, end: usize) -> usize {
        tails::place(end, size_of_val(self.as_slice())).end
    }

    fn write(&self, part: &mut [u8], tails: &mut TailWriter<'_>) {
        let tail = tails.append(part, self.len(), size_of::<T>());
        tail.copy_from_slice(bytemuck::cast_slice(self));
        clear_filling_of_items::<T>(tail);
    }

    fn read(part: &[u8], tails: &mut TailReader<'_>) -> Result<Self, ValueError> {
        let tail = tails.take(part, size_of::<T>())?;
        let mut items: Vec<T> = match bytemuck::try_cast_slice(tail) {
            // As a slot and a block hold them: written once, not cleared before.
            Ok(items) => items.to_vec(),
            Err(_) => tail.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect(),
        };
        clear_filling_of_items::<T>(bytemuck::cast_slice_mut(&mut items));
        Ok(items)
    }
}

/// UTF-8 text of any length.
impl FieldType for String {
    const HEAD_BYTES: usize = tails::ENTRY_BYTES;
    const ALIGN: usize = tails::TAIL_ALIGN;
    const IS_VARIABLE: bool = true;

    fn kind() -> FieldKind {
        FieldKind::String
    }

    fn initial() -> Self {
        String::new()
    }

    fn tails_end(&self, end: usize) -> usize {
        tails::place(end, self.len()).end
    }

    fn write(&self, part: &mut [u8], tails: &mut TailWriter<'_>) {
        tails.append(part, self.len(), 1).copy_from_slice(self.as_bytes());
    }

    fn read(part: &[u8], tails: &mut TailReader<'_>) -> Result<Self, ValueError> {
        // Looked at once it is ours: its publisher could still write to a block.
        let bytes = tails.take(part, 1)?.to_vec();
        String::from_utf8(bytes).map_err(|error| ValueError::new(format!("a string isn't UTF-8: {error}")))
    }
}

/// Writes a value whose bytes are all there is of it, its filling as zeros.
#[inline]
pub fn write_plain<T: PlainField>(value: &T, part: &mut [u8]) {
    part.copy_from_slice(bytemuck::bytes_of(value));
    T::each_filling(0, &mut |range| part[range].fill(0));
}

/// Reads a value from its bytes, which are as many as it has; its filling comes as zeros.
#[inline]
pub fn read_plain<T: PlainField>(part: &[u8]) -> T {
    let mut value: T = bytemuck::pod_read_unaligned(part);
    if T::HAS_FILLING {
        let bytes = bytemuck::bytes_of_mut(&mut value);
        T::each_filling(0, &mut |range| bytes[range].fill(0));
    }
    value
}

/// Returns the value's bytes if they can travel as they are: if its filling, where it has some, is zero.
#[inline]
pub fn plain_bytes<T: PlainField>(value: &T) -> Option<&[u8]> {
    let bytes = bytemuck::bytes_of(value);
    let mut is_clear = true;
    T::each_filling(0, &mut |range| is_clear &= bytes[range].iter().all(|byte| *byte == 0));
    is_clear.then_some(bytes)
}

fn clear_filling_of_items<T: PlainField>(bytes: &mut [u8]) {
    if T::HAS_FILLING {
        for item in bytes.chunks_exact_mut(size_of::<T>()) {
            T::each_filling(0, &mut |range| item[range].fill(0));
        }
    }
}
