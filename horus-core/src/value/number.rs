//! From a value to the bytes of one number.

use super::Value;
use super::pod::{float, write_scalar};
use crate::dtype::Dtype;
use crate::error::ValueError;

/// Writes a number of any type into `part`, which has as many bytes as the type.
///
/// # Errors
/// If the value is none, or doesn't fit.
pub(crate) fn write_number(dtype: Dtype, value: &Value, part: &mut [u8]) -> Result<(), ValueError> {
    let expected = || ValueError::new(format!("expected {dtype}, found {}", value.what()));
    match dtype {
        Dtype::Bool => match value {
            Value::Bool(value) => part[0] = (*value).into(),
            Value::Int(number @ 0..=1) => part[0] = *number as u8,
            _ => return Err(expected()),
        },
        Dtype::F16 => {
            let wide = float(dtype, value)?;
            // A Float32 may be a NaN, whose bits the way over 64 would change.
            let narrow = to_half(if let Value::Float32(number) = value { *number } else { to_odd(wide) });
            if narrow & 0x7fff == 0x7c00 && wide.is_finite() {
                return Err(ValueError::new(format!("{wide:e} exceeds the range of f16")));
            }
            part.copy_from_slice(&narrow.to_le_bytes());
        }
        Dtype::C64 | Dtype::C128 => {
            let Value::List(pair) = value else {
                return Err(ValueError::new(format!(
                    "expected {dtype}, a list of real and imaginary part, found {}",
                    value.what()
                )));
            };
            let of_each = if dtype == Dtype::C64 { Dtype::F32 } else { Dtype::F64 };
            if pair.len() != 2 {
                let reason =
                    format!("expected {dtype}, real and imaginary part, found {} numbers", pair.len());
                return Err(ValueError::new(reason));
            }
            for (number, part) in pair.iter().zip(part.chunks_exact_mut(of_each.size() as usize)) {
                write_scalar(of_each, number, part)?;
            }
        }
        scalar => write_scalar(scalar, value, part)?,
    }
    Ok(())
}

/// Returns the number that 16 bits of IEEE 754 stand for; every one is an `f32` exactly, a NaN's bits too.
pub(super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => {
            let magnitude = fraction as f32 * 2f32.powi(-24);
            f32::from_bits(sign | magnitude.to_bits())
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13),
    }
}

/// Returns a number of 32 bits that rounds to the same 16 as this one: of the two beside it, unless it is one of them,
/// that whose last bit is set, so that it lies on the same side of every middle.
fn to_odd(number: f64) -> f32 {
    let near = number as f32;
    let bits = near.to_bits();
    if f64::from(near) == number || near.is_nan() || bits & 1 == 1 {
        return near;
    }
    f32::from_bits(if f64::from(near).abs() < number.abs() { bits + 1 } else { bits - 1 })
}

/// Returns the nearest number of 16 bits, of two the even one; infinite where it is too large.
fn to_half(number: f32) -> u16 {
    let bits = number.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        let fraction = (magnitude >> 13 & 0x3ff) as u16;
        // A NaN whose upper bits are all zero would turn into infinity.
        return sign | 0x7c00 | if fraction == 0 { 0x200 } else { fraction };
    }
    // 65520 lies half way between the largest number and what would be the next.
    if magnitude >= 65520f32.to_bits() {
        return sign | 0x7c00;
    }
    let normal = magnitude >= 0x3880_0000;
    let (kept, lost_bits) = if normal {
        (magnitude - ((127 - 15) << 23), 13)
    } else {
        // As a multiple of 2^-24, the step of subnormal numbers: the fraction with its leading one, moved down.
        let exponent = magnitude >> 23;
        if exponent < 101 {
            return sign | u16::from(magnitude > 0x3300_0000);
        }
        ((magnitude & 0x7f_ffff) | 0x80_0000, 126 - exponent)
    };
    let half_way = 1 << (lost_bits - 1);
    let lost = kept & ((1 << lost_bits) - 1);
    let down = kept >> lost_bits;
    let up = lost > half_way || lost == half_way && down & 1 == 1;
    sign | (down + u32::from(up)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half(bits), number);
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }

    #[test]
    fn every_half_leads_back() {
        for bits in 0..=u16::MAX {
            assert_eq!(to_half(half(bits)), bits, "{bits:#06x}");
        }
    }

    #[test]
    fn numbers_between_two_halves_go_to_the_nearest() {
        for bits in 0..0x7bffu16 {
            let (low, high) = (half(bits), half(bits + 1));
            let middle = (low + high) / 2.0;
            let even = if bits & 1 == 0 { bits } else { bits + 1 };
            assert_eq!(to_half(middle), even, "{bits:#06x}");
            assert_eq!(to_half(middle.next_down()), bits, "{bits:#06x}");
            assert_eq!(to_half(middle.next_up()), bits + 1, "{bits:#06x}");
        }
        for bits in [0u16, 1, 0x3c00, 0x3c01, 0x7bfe] {
            let middle = f64::from(half(bits)) / 2.0 + f64::from(half(bits + 1)) / 2.0;
            let written = |number: f64| {
                let mut part = [0; 2];
                write_number(Dtype::F16, &Value::Float(number), &mut part).unwrap();
                u16::from_le_bytes(part)
            };
            // Nearer to the middle than any number of 32 bits.
            assert_eq!(written(middle.next_down()), bits, "{bits:#06x}");
            assert_eq!(written(middle.next_up()), bits + 1, "{bits:#06x}");
            assert_eq!(written(-middle.next_up()), 0x8000 | (bits + 1), "{bits:#06x}");
        }
        assert_eq!(to_half(65519.99), 0x7bff);
        assert_eq!(to_half(65520.0), 0x7c00);
        assert_eq!(to_half(f32::from_bits(0x7f80_0001)), 0x7e00);
    }

    #[test]
    fn what_is_no_number_of_the_type_is_told() {
        let refused = |dtype: Dtype, value: Value| {
            let mut part = vec![0; dtype.size() as usize];
            write_number(dtype, &value, &mut part).unwrap_err().to_string()
        };
        assert_eq!(refused(Dtype::Bool, Value::Int(2)), "expected bool, found an integer");
        assert_eq!(refused(Dtype::F16, Value::Float(7e4)), "7e4 exceeds the range of f16");
        assert_eq!(refused(Dtype::F16, Value::Float(1e300)), "1e300 exceeds the range of f16");
        assert_eq!(refused(Dtype::F16, "x".into()), "expected f16, found a string");
        assert_eq!(
            refused(Dtype::C64, Value::Float(1.0)),
            "expected c64, a list of real and imaginary part, found a number with a fraction"
        );
        assert_eq!(
            refused(Dtype::C128, vec![1.0].into()),
            "expected c128, real and imaginary part, found 1 numbers"
        );
        assert_eq!(refused(Dtype::U8, Value::Int(256)), "expected u8, from 0 to 255, found 256");
    }
}
