//! Numbers of all types from and to what is written.

use horus_core::{Dtype, NdArray, Value};

/// Returns a number of 32 bits as the shortest of 64 bits that leads back: `0.1`, not `0.10000000149011612`.
pub(crate) fn f32_shown(value: f32) -> f64 {
    let wide = f64::from(value);
    let short = value.to_string().parse::<f64>().unwrap_or(wide);
    // Some, such as 7.038531e-26, lie so close to the middle of two that the way over 64 bits ends at the other.
    if short as f32 == value { short } else { wide }
}

/// Returns what stands for a number that no digits do, a NaN with its bits unless it is the usual one; nothing for a
/// number that is finite.
pub(crate) fn f32_special(value: f32) -> Option<String> {
    let bits = value.to_bits();
    special(f64::from(value), bits == f32::NAN.to_bits(), || format!("0x{bits:08x}"))
}

/// The same for 64 bits.
pub(crate) fn f64_special(value: f64) -> Option<String> {
    let bits = value.to_bits();
    special(value, bits == f64::NAN.to_bits(), || format!("0x{bits:016x}"))
}

fn special(value: f64, is_usual: bool, bits: impl Fn() -> String) -> Option<String> {
    match value {
        value if value.is_nan() && is_usual => Some("nan".into()),
        value if value.is_nan() => Some(bits()),
        f64::INFINITY => Some("inf".into()),
        f64::NEG_INFINITY => Some("-inf".into()),
        _ => None,
    }
}

/// Reads what is written for a number of 32 bits.
pub(crate) fn f32_from(value: &Value) -> Result<f32, String> {
    match value {
        Value::Float32(number) => Ok(*number),
        Value::Str(text) => match text.strip_prefix("0x") {
            Some(digits) if digits.len() == 8 => {
                u32::from_str_radix(digits, 16).map(f32::from_bits).map_err(|_| no_number("f32", text))
            }
            Some(_) => Err(no_number("f32", text)),
            None => f64_from(value).map(|wide| wide as f32).map_err(|_| no_number("f32", text)),
        },
        other => {
            let wide = f64_from(other)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err(format!("{wide:e} exceeds the range of f32"));
            }
            Ok(if wide.is_nan() { f32::NAN } else { narrow })
        }
    }
}

/// Reads what is written for a number of 64 bits.
pub(crate) fn f64_from(value: &Value) -> Result<f64, String> {
    match value {
        Value::Int(number) => Ok(*number as f64),
        Value::UInt(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::Float32(number) => Ok((*number).into()),
        Value::Str(text) => match (text.as_str(), text.strip_prefix("0x")) {
            ("nan", _) => Ok(f64::NAN),
            ("inf", _) => Ok(f64::INFINITY),
            ("-inf", _) => Ok(f64::NEG_INFINITY),
            (_, Some(digits)) if digits.len() == 16 => {
                u64::from_str_radix(digits, 16).map(f64::from_bits).map_err(|_| no_number("f64", text))
            }
            _ => Err(no_number("f64", text)),
        },
        other => Err(format!("expected a number, found {}", other.what())),
    }
}

fn no_number(kind: &str, text: &str) -> String {
    let digits = if kind == "f32" { 8 } else { 16 };
    format!("'{text}' is no {kind}; write digits, inf, -inf, nan, or its bits as 0x and {digits} digits")
}

/// Returns whether the numbers of an array, written one by one, lead back to the same bits.
pub(crate) fn are_written_alike(array: &NdArray) -> bool {
    let data = array.data();
    match array.dtype() {
        Dtype::Bool => data.iter().all(|byte| *byte <= 1),
        Dtype::F16 => data.chunks_exact(2).all(|bytes| {
            let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
            bits & 0x7fff <= 0x7c00 || bits == F16_NAN
        }),
        _ => true,
    }
}

const F16_NAN: u16 = 0x7e00;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_that_is_written_alike_leads_back() {
        for bits in 0..=u16::MAX {
            let array = NdArray::new(Dtype::F16, vec![], bits.to_le_bytes().to_vec()).unwrap();
            if are_written_alike(&array) {
                let Some(Value::Float32(number)) = array.scalars().next() else { panic!("a number") };
                let shown = Value::Float(f32_shown(number));
                assert_eq!(NdArray::from_value(Dtype::F16, vec![], &shown), Ok(array), "{number}");
            }
        }
    }

    #[test]
    fn a_number_of_32_bits_survives_64() {
        let odd = f32::from_bits(0x15ae_43fd);
        for value in [0.1, odd, -odd, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, 16_777_217.0] {
            let back = f32_from(&Value::Float(f32_shown(value))).unwrap();
            assert_eq!(back.to_bits(), value.to_bits(), "{value:e}");
        }
        assert_eq!(f32_shown(0.1), 0.1);
        assert_eq!(f32_from(&Value::Float(1e39)), Err("1e39 exceeds the range of f32".into()));
    }

    #[test]
    fn what_has_no_digits_has_a_word_or_its_bits() {
        for bits in [0x7fc0_0000, 0xffc0_0000, 0x7fa0_0001, 0x7f80_0000, 0xff80_0000u32] {
            let text = f32_special(f32::from_bits(bits)).unwrap();
            assert_eq!(f32_from(&Value::Str(text)).unwrap().to_bits(), bits);
        }
        for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001u64] {
            let text = f64_special(f64::from_bits(bits)).unwrap();
            assert_eq!(f64_from(&Value::Str(text)).unwrap().to_bits(), bits);
        }
        assert_eq!((f32_special(1.0), f64_special(-0.0)), (None, None));
        for text in ["", "0x", "0x1", "fast", "0xzzzzzzzz", "NaN"] {
            assert!(f32_from(&text.into()).unwrap_err().contains("is no f32"), "{text}");
        }
    }
}
