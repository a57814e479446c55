//! One value within the bytes of a message: from Python, to Python.

use super::class::Message;
use super::layout::Layout;
use horus_core::Dtype;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyString, PyTuple};

/// What lies at a field's offset.
#[derive(Debug)]
pub(crate) enum Cell {
    /// A number.
    Number(Dtype),
    /// One byte, 0 or 1.
    Bool,
    /// One byte that stands for a name.
    Enum(Vec<(String, u8)>),
    /// UTF-8, filled up with zeros.
    Text { capacity: usize },
    /// So many of the same, one behind the other.
    Array(Box<Cell>, usize),
    /// Another message, in place.
    Nested(&'static Layout),
}

/// Why a value doesn't go into a cell; the caller adds the field's name.
pub(super) enum Misfit {
    Type(String),
    Value(String),
    Range(String),
    Raised(PyErr),
}

impl Misfit {
    /// Makes the exception, led by `place` (`field 'linear' of CmdVel`).
    #[cold]
    pub(super) fn into_error(self, place: &str) -> PyErr {
        match self {
            Misfit::Type(text) => PyTypeError::new_err(format!("{place} {text}")),
            Misfit::Value(text) => PyValueError::new_err(format!("{place} {text}")),
            Misfit::Range(text) => PyOverflowError::new_err(format!("{place} {text}")),
            Misfit::Raised(error) => error,
        }
    }
}

impl From<PyErr> for Misfit {
    fn from(error: PyErr) -> Self {
        Misfit::Raised(error)
    }
}

/// The smallest and largest integer of a type; an empty range for what isn't one.
fn range(dtype: Dtype) -> (i128, i128) {
    match dtype {
        Dtype::U8 => (0, u8::MAX.into()),
        Dtype::U16 => (0, u16::MAX.into()),
        Dtype::U32 => (0, u32::MAX.into()),
        Dtype::U64 => (0, u64::MAX.into()),
        Dtype::I8 => (i8::MIN.into(), i8::MAX.into()),
        Dtype::I16 => (i16::MIN.into(), i16::MAX.into()),
        Dtype::I32 => (i32::MIN.into(), i32::MAX.into()),
        Dtype::I64 => (i64::MIN.into(), i64::MAX.into()),
        _ => (0, -1),
    }
}

fn read_number<'py>(dtype: Dtype, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Ok(match dtype {
        Dtype::F32 => PyFloat::new(py, f64::from(f32::from_le_bytes(fixed(bytes)))).into_any(),
        Dtype::F64 => PyFloat::new(py, f64::from_le_bytes(fixed(bytes))).into_any(),
        Dtype::U8 => u8::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::U16 => u16::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::U32 => u32::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::U64 => u64::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::I8 => i8::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::I16 => i16::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::I32 => i32::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        Dtype::I64 => i64::from_le_bytes(fixed(bytes)).into_pyobject(py)?.into_any(),
        // No schema has fields of them.
        _ => return Err(PyTypeError::new_err(format!("a field of type {dtype} can't be read"))),
    })
}

fn write_number(dtype: Dtype, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    match dtype {
        Dtype::F64 => bytes.copy_from_slice(&float(value)?.to_le_bytes()),
        Dtype::F32 => {
            let wide = float(value)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err(Misfit::Range(format!("can't hold {wide:e}: an f32 ends at {:e}", f32::MAX)));
            }
            bytes.copy_from_slice(&narrow.to_le_bytes());
        }
        _ => write_int(dtype, bytes, value)?,
    }
    Ok(())
}

fn write_int(dtype: Dtype, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    let number = int(value)?;
    let (least, most) = range(dtype);
    match number {
        // Two's complement, little-endian: the low bytes are the number in any width that holds it.
        Some(number) if (least..=most).contains(&number) => {
            bytes.copy_from_slice(&number.to_le_bytes()[..bytes.len()]);
            Ok(())
        }
        _ => Err(Misfit::Range(format!(
            "can't hold {}: a {} is {least} to {most}",
            value.str().map_or_else(|_| "it".to_owned(), |text| text.to_string_lossy().into_owned()),
            dtype.name()
        ))),
    }
}

/// Compares two values: floats as floats, so that 0.0 equals -0.0 and NaN nothing.
fn equal_numbers(dtype: Dtype, a: &[u8], b: &[u8]) -> bool {
    match dtype {
        Dtype::F32 => f32::from_le_bytes(fixed(a)) == f32::from_le_bytes(fixed(b)),
        Dtype::F64 => f64::from_le_bytes(fixed(a)) == f64::from_le_bytes(fixed(b)),
        _ => a == b,
    }
}

/// The array behind a slice of exactly that length, as the layout gives it.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

fn float(value: &Bound<'_, PyAny>) -> Result<f64, Misfit> {
    if let Ok(number) = value.cast_exact::<PyFloat>() {
        return Ok(number.value());
    }
    if value.is_instance_of::<PyString>() {
        return Err(Misfit::Type("takes a float, not str".to_owned()));
    }
    value.extract::<f64>().map_err(|error| wrong_kind(value, error, "a float"))
}

/// The integer, or `None` beyond 64 bits.
fn int(value: &Bound<'_, PyAny>) -> Result<Option<i128>, Misfit> {
    match value.extract::<i64>() {
        Ok(number) => return Ok(Some(number.into())),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {}
        Err(error) => return Err(wrong_kind(value, error, "an int")),
    }
    Ok(value.extract::<u64>().ok().map(i128::from))
}

/// A value of another kind: says so, unless asking it raised something of its own.
fn wrong_kind(value: &Bound<'_, PyAny>, error: PyErr, wanted: &str) -> Misfit {
    if error.is_instance_of::<PyTypeError>(value.py()) {
        Misfit::Type(format!("takes {wanted}, not {}", kind_of(value)))
    } else if error.is_instance_of::<PyOverflowError>(value.py()) {
        Misfit::Range(format!("takes {wanted} of at most 64 bits"))
    } else {
        Misfit::Raised(error)
    }
}

fn kind_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().fully_qualified_name().map_or_else(|_| "that".to_owned(), |name| name.to_string())
}

impl Cell {
    /// Size in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Cell::Number(dtype) => dtype.size() as usize,
            Cell::Bool | Cell::Enum(_) => 1,
            Cell::Text { capacity } => *capacity,
            Cell::Array(cell, count) => cell.size() * count,
            Cell::Nested(layout) => layout.size,
        }
    }

    /// Makes the Python value of `bytes`, which are exactly this cell's.
    pub(super) fn read<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Cell::Number(dtype) => read_number(*dtype, py, bytes),
            Cell::Bool => Ok(PyBool::new(py, bytes[0] != 0).to_owned().into_any()),
            Cell::Enum(names) => match names.iter().find(|(_, value)| *value == bytes[0]) {
                Some((name, _)) => Ok(PyString::intern(py, name).into_any()),
                // A newer program may know more of them.
                None => Ok(bytes[0].into_pyobject(py)?.into_any()),
            },
            Cell::Text { .. } => {
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                let valid = bytes[..end].utf8_chunks().next().map_or("", |chunk| chunk.valid());
                Ok(PyString::new(py, valid).into_any())
            }
            Cell::Array(cell, _) => {
                let items: Vec<_> = bytes
                    .chunks_exact(cell.size())
                    .map(|item| cell.read(py, item))
                    .collect::<PyResult<_>>()?;
                Ok(PyTuple::new(py, items)?.into_any())
            }
            Cell::Nested(layout) => Ok(Message::of_bytes(py, layout, bytes)?.into_any()),
        }
    }

    /// Writes `value` into `bytes`, which are exactly this cell's. They may be half written on error.
    pub(super) fn write(&self, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
        match self {
            Cell::Number(dtype) => write_number(*dtype, bytes, value),
            Cell::Bool => {
                bytes[0] = u8::from(truth(value)?);
                Ok(())
            }
            Cell::Enum(names) => {
                bytes[0] = choice(names, value)?;
                Ok(())
            }
            Cell::Text { capacity } => write_text(bytes, *capacity, value),
            Cell::Array(cell, count) => write_array(cell, *count, bytes, value),
            Cell::Nested(layout) => write_nested(layout, bytes, value),
        }
    }

    /// Compares two values of this cell.
    pub(super) fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Cell::Number(dtype) => equal_numbers(*dtype, a, b),
            Cell::Bool | Cell::Enum(_) | Cell::Text { .. } => a == b,
            Cell::Array(cell, _) => {
                a.chunks_exact(cell.size()).zip(b.chunks_exact(cell.size())).all(|(a, b)| cell.equal(a, b))
            }
            Cell::Nested(layout) => layout.equal(a, b),
        }
    }

    /// numpy's format of this cell: a name, or a tuple for arrays.
    pub(super) fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Cell::Number(dtype) => PyString::new(py, dtype.numpy()).into_any(),
            Cell::Bool => PyString::new(py, "?").into_any(),
            Cell::Enum(_) => PyString::new(py, "<u1").into_any(),
            Cell::Text { capacity } => PyString::new(py, &format!("S{capacity}")).into_any(),
            Cell::Array(cell, count) => (cell.dtype(py)?, (*count,)).into_pyobject(py)?.into_any(),
            Cell::Nested(layout) => layout.dtype(py)?,
        })
    }

    /// What this cell holds, in the words of the documentation.
    pub(super) fn described(&self) -> String {
        match self {
            Cell::Number(dtype) => dtype.name().to_owned(),
            Cell::Bool => "bool".to_owned(),
            Cell::Enum(names) => {
                names.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(" | ")
            }
            Cell::Text { capacity } => format!("str, at most {capacity} bytes of UTF-8"),
            Cell::Array(cell, count) => format!("tuple of {count} {}", cell.described()),
            Cell::Nested(layout) => layout.name.clone(),
        }
    }
}

fn truth(value: &Bound<'_, PyAny>) -> Result<bool, Misfit> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(truth.is_true());
    }
    // numpy's bool, and 0 and 1 as a dict from elsewhere may have them.
    match value.extract::<bool>() {
        Ok(truth) => Ok(truth),
        Err(_) => match int(value) {
            Ok(Some(0)) => Ok(false),
            Ok(Some(1)) => Ok(true),
            _ => Err(Misfit::Type(format!("takes a bool, not {}", kind_of(value)))),
        },
    }
}

fn choice(names: &[(String, u8)], value: &Bound<'_, PyAny>) -> Result<u8, Misfit> {
    let all = || names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_string_lossy();
        let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        return found.ok_or_else(|| Misfit::Value(format!("has no choice {text:?}; it takes {}", all())));
    }
    match int(value)?.and_then(|number| u8::try_from(number).ok()) {
        Some(number) if names.iter().any(|(_, value)| *value == number) => Ok(number),
        _ => Err(Misfit::Value(format!("takes one of {}", all()))),
    }
}

fn write_text(bytes: &mut [u8], capacity: usize, value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    let text = match value.cast::<PyString>() {
        Ok(text) => text,
        Err(_) => return Err(Misfit::Type(format!("takes a str, not {}", kind_of(value)))),
    };
    let Ok(text) = text.to_str() else {
        return Err(Misfit::Value("takes text without lone surrogates".to_owned()));
    };
    if text.len() > capacity {
        return Err(Misfit::Value(format!(
            "takes at most {capacity} bytes of UTF-8, and this text has {}",
            text.len()
        )));
    }
    if text.contains('\0') {
        return Err(Misfit::Value("takes text without NUL characters".to_owned()));
    }
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes[text.len()..].fill(0);
    Ok(())
}

fn write_array(cell: &Cell, count: usize, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    let text = value.is_instance_of::<PyString>() || value.is_instance_of::<PyDict>();
    let raw = value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>();
    let unsized_value = value.len().is_err();
    if text || unsized_value || (raw && !matches!(cell, Cell::Number(Dtype::U8))) {
        return Err(Misfit::Type(format!("takes a sequence of {count} values, not {}", kind_of(value))));
    }
    let found = value.len()?;
    if found != count {
        return Err(Misfit::Value(format!("takes {count} values, not {found}")));
    }
    let mut items = value.try_iter()?;
    for (index, target) in bytes.chunks_exact_mut(cell.size()).enumerate() {
        let Some(item) = items.next() else {
            return Err(Misfit::Value(format!(
                "takes {count} values, and the iteration ended after {index}"
            )));
        };
        cell.write(target, &item?).map_err(|misfit| match misfit {
            Misfit::Type(text) => Misfit::Type(format!("item {index} {text}")),
            Misfit::Value(text) => Misfit::Value(format!("item {index} {text}")),
            Misfit::Range(text) => Misfit::Range(format!("item {index} {text}")),
            raised => raised,
        })?;
    }
    Ok(())
}

fn write_nested(layout: &'static Layout, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    if let Ok(message) = value.cast::<Message>() {
        let message = message.try_borrow().map_err(PyErr::from)?;
        if !message.is_of(layout) {
            return Err(Misfit::Type(format!("takes a {}, not {}", layout.name, kind_of(value))));
        }
        bytes.copy_from_slice(message.bytes());
        return Ok(());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        bytes.copy_from_slice(layout.storage_of_dict(dict)?.bytes());
        return Ok(());
    }
    Err(Misfit::Type(format!("takes a {} or a dict, not {}", layout.name, kind_of(value))))
}
