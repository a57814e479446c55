//! The Rust types whose slices a block can be read as.

use crate::dtype::Dtype;
use crate::text::Bool;
use bytemuck::Pod;

/// A Rust type of one number in an image, a point cloud or a tensor.
///
/// The integers and floats are what they are called, [`Bool`] is a `bool`, and complex numbers are pairs of real and
/// imaginary part. Half precision has no type here: its numbers are read as bytes.
pub trait Element: Pod {
    /// The dtype whose numbers it is.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident),*) => {$(
        impl Element for $ty {
            const DTYPE: Dtype = Dtype::$dtype;
        }
    )*};
}

elements!(
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64, f32 => F32, f64 => F64,
    Bool => Bool, [f32; 2] => C64, [f64; 2] => C128
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_agree() {
        fn agrees<T: Element>() -> bool {
            size_of::<T>() == T::DTYPE.size() as usize && align_of::<T>() == T::DTYPE.align() as usize
        }
        assert!(agrees::<u8>() && agrees::<u16>() && agrees::<u32>() && agrees::<u64>());
        assert!(agrees::<i8>() && agrees::<i16>() && agrees::<i32>() && agrees::<i64>());
        assert!(agrees::<f32>() && agrees::<f64>() && agrees::<Bool>());
        assert!(agrees::<[f32; 2]>() && agrees::<[f64; 2]>());
    }
}
