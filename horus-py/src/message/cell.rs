//! One value within a message: from Python, to Python.

use super::class::Message;
use super::content::{Content, ENTRY_BYTES, Tail, TailPlace};
use super::layout::Layout;
use super::sequence;
use super::storage::Storage;
use horus_core::Dtype;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyString, PyTuple};
use std::ops::Range;

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
    /// Any number of the same, in a tail of the message.
    Seq(Box<Cell>),
    /// UTF-8 of any length, in a tail of the message.
    LongText,
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

    /// Says which item of a sequence it is.
    pub(super) fn at(self, index: usize) -> Self {
        match self {
            Misfit::Type(text) => Misfit::Type(format!("item {index} {text}")),
            Misfit::Value(text) => Misfit::Value(format!("item {index} {text}")),
            Misfit::Range(text) => Misfit::Range(format!("item {index} {text}")),
            raised => raised,
        }
    }
}

impl From<PyErr> for Misfit {
    fn from(error: PyErr) -> Self {
        Misfit::Raised(error)
    }
}

/// The name with its article.
pub(super) fn one(dtype: Dtype) -> String {
    let name = dtype.name();
    if name.starts_with(['i', 'f']) { format!("an {name}") } else { format!("a {name}") }
}

/// The smallest and largest integer of a type; an empty range for what isn't one.
pub(super) fn range(dtype: Dtype) -> (i128, i128) {
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

pub(super) fn write_number(dtype: Dtype, bytes: &mut [u8], value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
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
            "can't hold {}: {} is {least} to {most}",
            value.str().map_or_else(|_| "it".to_owned(), |text| text.to_string_lossy().into_owned()),
            one(dtype)
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
    if !value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyFloat>() {
        check_convertible(value)?;
    }
    value.extract::<f64>().map_err(|error| wrong_kind(value, error, "a float"))
}

/// Refuses what Python would turn into a float by leaving something out: text, complex numbers, whole arrays.
fn check_convertible(value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    let py = value.py();
    let mut lossy = value.is_instance_of::<PyString>() || value.is_instance_of::<PyComplex>();
    // numpy's scalars and arrays, and tensors that look like them.
    if !lossy && let Some(dtype) = value.getattr_opt(intern!(py, "dtype"))? {
        let kind = dtype.getattr_opt(intern!(py, "kind"))?;
        let dimensions = value.getattr_opt(intern!(py, "ndim"))?;
        lossy = kind.is_some_and(|kind| kind.extract::<char>().is_ok_and(|kind| kind == 'c'))
            || dimensions.is_some_and(|count| count.extract::<usize>().is_ok_and(|count| count > 0));
    }
    if lossy { Err(Misfit::Type(format!("takes a float, not {}", kind_of(value)))) } else { Ok(()) }
}

/// The integer, or `None` beyond 64 bits.
fn int(value: &Bound<'_, PyAny>) -> Result<Option<i128>, Misfit> {
    match value.extract::<i64>() {
        Ok(number) => return Ok(Some(number.into())),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {}
        Err(error) => return Err(wrong_kind(value, error, "an int")),
    }
    match value.extract::<u64>() {
        Ok(number) => Ok(Some(number.into())),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(None),
        Err(error) => Err(wrong_kind(value, error, "an int")),
    }
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

/// The number of items, or `None` of what has none.
pub(super) fn length(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    match value.len() {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn kind_of(value: &Bound<'_, PyAny>) -> String {
    value.get_type().fully_qualified_name().map_or_else(|_| "that".to_owned(), |name| name.to_string())
}

impl Cell {
    /// Whether it reads as one plain value, which takes no Python code to make.
    pub(super) fn is_single(&self) -> bool {
        !matches!(self, Cell::Array(..) | Cell::Nested(_) | Cell::Seq(_))
    }

    /// Size in bytes, within the head.
    pub(super) fn size(&self) -> usize {
        match self {
            Cell::Number(dtype) => dtype.size() as usize,
            Cell::Bool | Cell::Enum(_) => 1,
            Cell::Text { capacity } => *capacity,
            Cell::Array(cell, count) => cell.size() * count,
            Cell::Nested(layout) => layout.size,
            Cell::Seq(_) | Cell::LongText => ENTRY_BYTES,
        }
    }

    /// How many tails it has.
    pub(super) fn tails(&self) -> usize {
        match self {
            Cell::Seq(_) | Cell::LongText => 1,
            Cell::Array(cell, count) => cell.tails() * count,
            Cell::Nested(layout) => layout.tails.len(),
            _ => 0,
        }
    }

    /// Lists the tails of a cell that lies at `offset`, in their order.
    pub(super) fn place_tails(&self, offset: usize, places: &mut Vec<TailPlace>) {
        match self {
            Cell::Seq(cell) => places.push(TailPlace { at: offset, item: cell.size() }),
            Cell::LongText => places.push(TailPlace { at: offset, item: 1 }),
            Cell::Array(cell, count) if cell.tails() > 0 => {
                (0..*count).for_each(|index| cell.place_tails(offset + index * cell.size(), places));
            }
            Cell::Nested(layout) => {
                let inner = layout.tails.iter();
                places.extend(inner.map(|place| TailPlace { at: offset + place.at, item: place.item }));
            }
            _ => {}
        }
    }

    /// Lists what only fills up the messages in a cell that lies at `offset`.
    pub(super) fn place_filling(&self, offset: usize, filling: &mut Vec<Range<usize>>) {
        match self {
            Cell::Array(cell, count) if cell.holds_messages() => {
                (0..*count).for_each(|index| cell.place_filling(offset + index * cell.size(), filling));
            }
            Cell::Nested(layout) => {
                filling.extend(layout.filling.iter().map(|part| offset + part.start..offset + part.end));
            }
            _ => {}
        }
    }

    /// Type and shape of one of these, if it is numbers only.
    pub(super) fn numbers(&self) -> Option<(Dtype, Vec<usize>)> {
        match self {
            Cell::Number(dtype) => Some((*dtype, Vec::new())),
            Cell::Array(cell, count) => {
                let (dtype, inner) = cell.numbers()?;
                Some((dtype, [&[*count], inner.as_slice()].concat()))
            }
            _ => None,
        }
    }

    /// Makes the Python value of `bytes` and `tails`, which are exactly this cell's.
    pub(super) fn read<'py>(
        &self,
        py: Python<'py>,
        bytes: &[u8],
        tails: &[Tail],
    ) -> PyResult<Bound<'py, PyAny>> {
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
                // Looked at again as it is copied: its publisher could still write to a block.
                Ok(PyString::from_bytes(py, valid.as_bytes())?.into_any())
            }
            Cell::Array(cell, _) => {
                let each = cell.tails();
                let items: Vec<_> = bytes
                    .chunks_exact(cell.size())
                    .enumerate()
                    .map(|(index, item)| cell.read(py, item, &tails[index * each..][..each]))
                    .collect::<PyResult<_>>()?;
                Ok(PyTuple::new(py, items)?.into_any())
            }
            Cell::Nested(layout) => {
                let tails = tails.iter().map(|tail| tail.clone_ref(py)).collect();
                let content = Content { head: Storage::copy_of(bytes), tails };
                Ok(Message::of_content(py, layout, content)?.into_any())
            }
            Cell::Seq(cell) => sequence::read(cell, py, &tails[0]),
            Cell::LongText => {
                let text = tails[0].bytes(py);
                // The same; what isn't UTF-8 is shown as well as it can be, of a copy.
                let shown = || {
                    let own = text.to_vec();
                    PyString::new(py, &String::from_utf8_lossy(&own))
                };
                Ok(PyString::from_bytes(py, text).unwrap_or_else(|_| shown()).into_any())
            }
        }
    }

    /// Writes `value` into `bytes` and `tails`, which are exactly this cell's. They may be half written on error.
    pub(super) fn write(
        &self,
        bytes: &mut [u8],
        tails: &mut [Tail],
        value: &Bound<'_, PyAny>,
    ) -> Result<(), Misfit> {
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
            Cell::Array(cell, count) => write_array(cell, *count, bytes, tails, value),
            Cell::Nested(layout) => write_nested(layout, bytes, tails, value),
            Cell::Seq(cell) => {
                tails[0] = sequence::write(cell, value)?;
                Ok(())
            }
            Cell::LongText => {
                tails[0] = Tail::copy_of(value.py(), text(value)?.to_str()?.as_bytes());
                Ok(())
            }
        }
    }

    /// Compares two values of this cell.
    pub(super) fn equal(&self, py: Python<'_>, a: Part<'_>, b: Part<'_>) -> bool {
        match self {
            Cell::Number(dtype) => equal_numbers(*dtype, a.bytes, b.bytes),
            Cell::Bool | Cell::Enum(_) | Cell::Text { .. } => a.bytes == b.bytes,
            Cell::Array(cell, count) => {
                (0..*count).all(|index| cell.equal(py, a.item(cell, index), b.item(cell, index)))
            }
            Cell::Nested(layout) => layout.equal(py, a, b),
            Cell::Seq(cell) => {
                let (a, b) = (a.tails[0].bytes(py), b.tails[0].bytes(py));
                let items = || a.chunks_exact(cell.size()).zip(b.chunks_exact(cell.size()));
                a.len() == b.len() && items().all(|(a, b)| cell.equal(py, Part::fixed(a), Part::fixed(b)))
            }
            Cell::LongText => a.tails[0].bytes(py) == b.tails[0].bytes(py),
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
            // Refused by the layout before.
            Cell::Seq(_) | Cell::LongText => PyString::new(py, "V16").into_any(),
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
            Cell::Seq(cell) if cell.numbers().is_some() => {
                format!("array of {}, any number", cell.described())
            }
            Cell::Seq(cell) => format!("tuple of {}, any number", cell.described()),
            Cell::LongText => "str of any length".to_owned(),
        }
    }

    /// A value to show in an example, and how it reads; none of what would be long.
    pub(super) fn sample(&self) -> Option<(String, String)> {
        let same = |text: &str| Some((text.to_owned(), text.to_owned()));
        match self {
            Cell::Number(Dtype::F32 | Dtype::F64) => same("0.5"),
            Cell::Number(_) => same("3"),
            Cell::Bool => same("True"),
            Cell::Enum(names) => names.last().and_then(|(name, _)| same(&format!("'{name}'"))),
            Cell::Text { .. } | Cell::LongText => same("'arm'"),
            Cell::Seq(cell) => match **cell {
                Cell::Number(Dtype::F32) => {
                    Some(("[0.5, 1.5]".to_owned(), "array([0.5, 1.5], dtype=float32)".to_owned()))
                }
                Cell::Number(Dtype::F64) => Some(("[0.5, 1.5]".to_owned(), "array([0.5, 1.5])".to_owned())),
                Cell::Text { .. } => same("('left', 'right')"),
                _ => None,
            },
            Cell::Array(..) | Cell::Nested(_) => None,
        }
    }

    /// Whether it is messages, one or more.
    pub(super) fn holds_messages(&self) -> bool {
        match self {
            Cell::Nested(_) => true,
            Cell::Array(cell, _) | Cell::Seq(cell) => cell.holds_messages(),
            _ => false,
        }
    }
}

/// The bytes and tails of one cell of a message.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) tails: &'a [Tail],
}

impl<'a> Part<'a> {
    /// All of a message.
    pub(super) fn of(content: &'a Content) -> Self {
        Part { bytes: content.head.bytes(), tails: &content.tails }
    }

    fn fixed(bytes: &'a [u8]) -> Self {
        Part { bytes, tails: &[] }
    }

    fn item(self, cell: &Cell, index: usize) -> Self {
        let (size, each) = (cell.size(), cell.tails());
        Part { bytes: &self.bytes[index * size..][..size], tails: &self.tails[index * each..][..each] }
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
        _ => Err(Misfit::Value(format!("takes one of {}, not {}", all(), value.repr()?))),
    }
}

/// A str that UTF-8 can carry.
fn text<'a, 'py>(value: &'a Bound<'py, PyAny>) -> Result<&'a Bound<'py, PyString>, Misfit> {
    let Ok(text) = value.cast::<PyString>() else {
        return Err(Misfit::Type(format!("takes a str, not {}", kind_of(value))));
    };
    match text.to_str() {
        Ok(_) => Ok(text),
        Err(_) => Err(Misfit::Value("takes text without lone surrogates".to_owned())),
    }
}

fn write_text(bytes: &mut [u8], capacity: usize, value: &Bound<'_, PyAny>) -> Result<(), Misfit> {
    let text = text(value)?.to_str()?;
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

fn write_array(
    cell: &Cell,
    count: usize,
    bytes: &mut [u8],
    tails: &mut [Tail],
    value: &Bound<'_, PyAny>,
) -> Result<(), Misfit> {
    let text = value.is_instance_of::<PyString>() || value.is_instance_of::<PyDict>();
    let raw = value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>();
    let wrong = || Misfit::Type(format!("takes a sequence of {count} values, not {}", kind_of(value)));
    if text || (raw && !matches!(cell, Cell::Number(Dtype::U8))) {
        return Err(wrong());
    }
    let found = length(value)?.ok_or_else(wrong)?;
    if found != count {
        return Err(Misfit::Value(format!("takes {count} values, not {found}")));
    }
    let each = cell.tails();
    let mut items = value.try_iter()?;
    for (index, target) in bytes.chunks_exact_mut(cell.size()).enumerate() {
        let Some(item) = items.next() else {
            return Err(Misfit::Value(format!(
                "takes {count} values, and the iteration ended after {index}"
            )));
        };
        let tails = &mut tails[index * each..][..each];
        cell.write(target, tails, &item?).map_err(|misfit| misfit.at(index))?;
    }
    Ok(())
}

fn write_nested(
    layout: &'static Layout,
    bytes: &mut [u8],
    tails: &mut [Tail],
    value: &Bound<'_, PyAny>,
) -> Result<(), Misfit> {
    let content = if let Ok(message) = value.cast::<Message>() {
        let message = message.get();
        if !message.is_of(layout) {
            return Err(Misfit::Type(format!("takes a {}, not {}", layout.name, kind_of(value))));
        }
        message.copied(value.py())?
    } else if let Ok(dict) = value.cast::<PyDict>() {
        layout.content_of_dict(dict)?
    } else {
        return Err(Misfit::Type(format!("takes a {} or a dict, not {}", layout.name, kind_of(value))));
    };
    bytes.copy_from_slice(content.head.bytes());
    tails.iter_mut().zip(content.tails).for_each(|(place, tail)| *place = tail);
    Ok(())
}
