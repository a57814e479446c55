//! The scalars that fields, arrays and tensors are made of.

use std::fmt;

/// The type of one number, in a message's field or in an array.
///
/// All are little-endian. The number behind each is its code in encoded schemas and block descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dtype {
    /// Unsigned, 8 bits.
    U8 = 1,
    /// Unsigned, 16 bits.
    U16 = 2,
    /// Unsigned, 32 bits.
    U32 = 3,
    /// Unsigned, 64 bits.
    U64 = 4,
    /// Signed, 8 bits.
    I8 = 5,
    /// Signed, 16 bits.
    I16 = 6,
    /// Signed, 32 bits.
    I32 = 7,
    /// Signed, 64 bits.
    I64 = 8,
    /// Floating point, 32 bits.
    F32 = 9,
    /// Floating point, 64 bits.
    F64 = 10,
    /// Floating point, 16 bits; in arrays only.
    F16 = 11,
    /// One byte, 0 or 1; in arrays only.
    Bool = 12,
    /// Two `f32`: real and imaginary part; in arrays only.
    C64 = 13,
    /// Two `f64`: real and imaginary part; in arrays only.
    C128 = 14,
}

impl Dtype {
    /// All of them, in the order of their codes.
    pub const ALL: [Dtype; 14] = [
        Dtype::U8,
        Dtype::U16,
        Dtype::U32,
        Dtype::U64,
        Dtype::I8,
        Dtype::I16,
        Dtype::I32,
        Dtype::I64,
        Dtype::F32,
        Dtype::F64,
        Dtype::F16,
        Dtype::Bool,
        Dtype::C64,
        Dtype::C128,
    ];

    /// Returns the type of this code, or nothing.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// Returns the size of one number in bytes.
    pub const fn size(self) -> u32 {
        match self {
            Dtype::U8 | Dtype::I8 | Dtype::Bool => 1,
            Dtype::U16 | Dtype::I16 | Dtype::F16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::U64 | Dtype::I64 | Dtype::F64 | Dtype::C64 => 8,
            Dtype::C128 => 16,
        }
    }

    /// Returns the boundary in bytes on which one such number lies.
    pub const fn align(self) -> u32 {
        match self {
            Dtype::C64 => 4,
            Dtype::C128 => 8,
            other => other.size(),
        }
    }

    /// Returns the name as numpy writes it, for example `<f4`.
    pub const fn numpy(self) -> &'static str {
        match self {
            Dtype::U8 => "|u1",
            Dtype::U16 => "<u2",
            Dtype::U32 => "<u4",
            Dtype::U64 => "<u8",
            Dtype::I8 => "|i1",
            Dtype::I16 => "<i2",
            Dtype::I32 => "<i4",
            Dtype::I64 => "<i8",
            Dtype::F32 => "<f4",
            Dtype::F64 => "<f8",
            Dtype::F16 => "<f2",
            Dtype::Bool => "|b1",
            Dtype::C64 => "<c8",
            Dtype::C128 => "<c16",
        }
    }

    /// Returns the type that numpy writes so, or nothing; big-endian and objects aren't known.
    pub fn from_numpy(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.numpy() == name)
    }

    /// Returns the name as Rust writes it, for example `f32`.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::U8 => "u8",
            Dtype::U16 => "u16",
            Dtype::U32 => "u32",
            Dtype::U64 => "u64",
            Dtype::I8 => "i8",
            Dtype::I16 => "i16",
            Dtype::I32 => "i32",
            Dtype::I64 => "i64",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::F16 => "f16",
            Dtype::Bool => "bool",
            Dtype::C64 => "c64",
            Dtype::C128 => "c128",
        }
    }

    /// Returns the type that Rust writes so, or numpy, or nothing.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name).or_else(|| Self::from_numpy(name))
    }

    /// Returns whether a message's field may be of this type.
    pub(crate) const fn is_scalar_field(self) -> bool {
        !matches!(self, Dtype::F16 | Dtype::Bool | Dtype::C64 | Dtype::C128)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back() {
        for dtype in Dtype::ALL {
            assert_eq!(Dtype::from_code(dtype as u8), Some(dtype));
            assert_eq!(Dtype::from_numpy(dtype.numpy()), Some(dtype));
            assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
            assert_eq!(Dtype::from_name(dtype.numpy()), Some(dtype));
            assert_eq!(dtype.size() % dtype.align(), 0);
        }
        assert_eq!(Dtype::from_code(0), None);
        assert_eq!(Dtype::from_code(15), None);
        assert_eq!(Dtype::from_numpy(">f4"), None);
    }
}
