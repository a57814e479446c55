//! `seq` fields: numbers are read as arrays and taken from anything that holds numbers, other items as tuples.

use super::cell::{Cell, Misfit, kind_of, length, one, range, write_number};
use super::content::Tail;
use crate::array;
use horus_core::Dtype;
use numpy::{PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

/// Reads the items: an array over the message's own bytes, or a tuple.
pub(super) fn read<'py>(cell: &Cell, py: Python<'py>, tail: &Tail) -> PyResult<Bound<'py, PyAny>> {
    let Some((dtype, inner)) = cell.numbers() else {
        let items = tail.bytes(py).chunks_exact(cell.size()).map(|item| cell.read(py, item, &[]));
        return Ok(PyTuple::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any());
    };
    static FROM_BUFFER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_buffer = FROM_BUFFER.import(py, "numpy", "frombuffer")?;
    let (holder, start) = tail.place(py);
    let count = tail.len() / dtype.size() as usize;
    let flat = from_buffer.call1((holder, dtype.numpy(), count, start))?;
    if inner.is_empty() {
        return Ok(flat);
    }
    let shape = [&[tail.len() / cell.size()], inner.as_slice()].concat();
    flat.call_method1(intern!(py, "reshape"), (PyTuple::new(py, shape)?,))
}

/// Takes the items of a list, an array or another sequence.
pub(super) fn write(cell: &Cell, value: &Bound<'_, PyAny>) -> Result<Tail, Misfit> {
    if value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>() {
        return items(cell, value);
    }
    let raw = value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>();
    let unordered = value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>();
    let keyed = value.is_instance_of::<PyString>() || value.is_instance_of::<PyDict>();
    if unordered || keyed || (raw && !matches!(cell, Cell::Number(Dtype::U8))) {
        return Err(wrong(cell, value));
    }
    if let Some((dtype, inner)) = cell.numbers()
        && let Some(found) = array::given(value)?
    {
        return numbers(cell, dtype, &inner, &found);
    }
    if length(value)?.is_none() { Err(wrong(cell, value)) } else { items(cell, value) }
}

fn wrong(cell: &Cell, value: &Bound<'_, PyAny>) -> Misfit {
    Misfit::Type(format!("takes a sequence of {}, not {}", cell.described(), kind_of(value)))
}

/// Item by item, as single values of that kind are taken.
fn items(cell: &Cell, value: &Bound<'_, PyAny>) -> Result<Tail, Misfit> {
    let mut bytes = Vec::with_capacity(cell.size() * value.len().unwrap_or(0));
    for (index, item) in value.try_iter()?.enumerate() {
        let start = bytes.len();
        bytes.resize(start + cell.size(), 0);
        let item = item?;
        let written = match cell {
            Cell::Number(dtype) => write_number(*dtype, &mut bytes[start..], &item),
            other => other.write(&mut bytes[start..], &mut [], &item),
        };
        written.map_err(|misfit| misfit.at(index))?;
    }
    Ok(Tail::copy_of(value.py(), &bytes))
}

/// All at once: the numbers of an array, of its own type or converted.
fn numbers(
    cell: &Cell,
    dtype: Dtype,
    inner: &[usize],
    array: &Bound<'_, PyUntypedArray>,
) -> Result<Tail, Misfit> {
    let py = array.py();
    let fits = array.ndim() == 1 + inner.len() && array.shape()[1..] == *inner;
    if !fits {
        let wanted = [&["n".to_owned()], inner.iter().map(usize::to_string).collect::<Vec<_>>().as_slice()]
            .concat()
            .join(", ");
        let shape = PyTuple::new(py, array.shape())?;
        return Err(Misfit::Value(format!("takes an array of shape [{wanted}], not {shape}")));
    }
    let found = array.dtype();
    let name = found.getattr(intern!(py, "str"))?.extract::<String>()?;
    if name == dtype.numpy() {
        let bytes = array.call_method0(intern!(py, "tobytes"))?;
        return Ok(Tail::of(bytes.cast_into::<PyBytes>().map_err(PyErr::from)?));
    }
    let kind = found.getattr(intern!(py, "kind"))?.extract::<char>()?;
    let float = matches!(dtype, Dtype::F32 | Dtype::F64);
    let fits = matches!(kind, 'i' | 'u' | 'b') || (float && kind == 'f');
    if !fits {
        let shown = found.str()?.to_string_lossy().into_owned();
        return Err(Misfit::Type(format!(
            "takes a sequence of {}, not an array of {shown}",
            cell.described()
        )));
    }
    let wide = match kind {
        _ if float => Dtype::F64,
        'u' => Dtype::U64,
        _ => Dtype::I64,
    };
    // Exact for every integer; a longer float becomes a double.
    let flat = array.call_method1(intern!(py, "astype"), (wide.numpy(),))?;
    let flat = flat.call_method1(intern!(py, "reshape"), (-1,))?;
    let bytes = match wide {
        Dtype::F64 if dtype == Dtype::F64 => {
            return Ok(Tail::of(
                flat.call_method0(intern!(py, "tobytes"))?.cast_into().map_err(PyErr::from)?,
            ));
        }
        Dtype::F64 => narrow(&flat, |number: f64| {
            let short = number as f32;
            (!short.is_infinite() || number.is_infinite()).then(|| short.to_le_bytes())
        }),
        Dtype::U64 => narrow_int(dtype, &flat, |number: u64| number.into()),
        _ => narrow_int(dtype, &flat, |number: i64| number.into()),
    };
    match bytes? {
        Ok(bytes) => Ok(Tail::copy_of(py, &bytes)),
        Err((index, number)) => {
            let limit = match dtype {
                Dtype::F32 => format!("an f32 ends at {:e}", f32::MAX),
                _ => {
                    let (least, most) = range(dtype);
                    format!("{} is {least} to {most}", one(dtype))
                }
            };
            Err(Misfit::Range(format!("can't hold {number}: {limit}")).at(index))
        }
    }
}

/// The bytes, or the first number that doesn't fit.
type Narrowed = Result<Vec<u8>, (usize, String)>;

fn narrow<T: numpy::Element + Copy + std::fmt::LowerExp, const N: usize>(
    flat: &Bound<'_, PyAny>,
    convert: impl Fn(T) -> Option<[u8; N]>,
) -> PyResult<Narrowed> {
    let flat = flat.cast::<numpy::PyArray1<T>>()?;
    let numbers = flat.try_readonly().map_err(PyErr::from)?;
    let numbers = numbers.as_slice().map_err(PyErr::from)?;
    let mut bytes = Vec::with_capacity(numbers.len() * N);
    for (index, number) in numbers.iter().enumerate() {
        match convert(*number) {
            Some(converted) => bytes.extend_from_slice(&converted),
            None => return Ok(Err((index, format!("{number:e}")))),
        }
    }
    Ok(Ok(bytes))
}

fn narrow_int<T: numpy::Element + Copy + std::fmt::Display>(
    dtype: Dtype,
    flat: &Bound<'_, PyAny>,
    wide: impl Fn(T) -> i128,
) -> PyResult<Narrowed> {
    let flat = flat.cast::<numpy::PyArray1<T>>()?;
    let numbers = flat.try_readonly().map_err(PyErr::from)?;
    let numbers = numbers.as_slice().map_err(PyErr::from)?;
    let (least, most) = range(dtype);
    let mut bytes = Vec::with_capacity(numbers.len() * dtype.size() as usize);
    for (index, number) in numbers.iter().enumerate() {
        let number = wide(*number);
        if !(least..=most).contains(&number) {
            return Ok(Err((index, number.to_string())));
        }
        bytes.extend_from_slice(&number.to_le_bytes()[..dtype.size() as usize]);
    }
    Ok(Ok(bytes))
}
