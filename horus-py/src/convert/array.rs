//! numpy values inside dicts: scalars go as numbers, arrays as extension type 1.
//!
//! The payload of the extension is a MessagePack array `[dtype, [shape…], bytes]`: the dtype as numpy's
//! string (`<f4`), the lengths of the axes, and the elements in C order.

use super::path::{Cause, Outcome, Refusal};
use crate::array::{HIDES, hides};
use crate::errors::horus_error;
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use rmp::encode as mp;

/// The MessagePack extension type of an array.
pub(super) const EXTENSION: i8 = 1;

/// numpy's classes, once somebody has imported it: no value can be of them before.
struct Numpy {
    scalar: Py<PyType>,
    /// Their plain value is a number without its unit, a date or nothing, as the unit has it.
    times: [Py<PyType>; 2],
}

static NUMPY: PyOnceLock<Numpy> = PyOnceLock::new();

fn numpy(py: Python<'_>) -> PyResult<Option<&'static Numpy>> {
    if let Some(found) = NUMPY.get(py) {
        return Ok(Some(found));
    }
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    let Some(module) = modules.get_item(intern!(py, "numpy"))? else {
        return Ok(None);
    };
    // Absent while numpy itself is still being imported.
    let class = |name| module.getattr(name).ok()?.cast_into::<PyType>().ok().map(Bound::unbind);
    let (Some(scalar), Some(date), Some(span)) =
        (class("generic"), class("datetime64"), class("timedelta64"))
    else {
        return Ok(None);
    };
    NUMPY.get_or_try_init(py, || Ok(Numpy { scalar, times: [date, span] })).map(Some)
}

/// Returns the plain Python value of a numpy scalar, itself if it has none, or `None` for anything else.
pub(super) fn scalar<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let Some(numpy) = numpy(py)? else {
        return Ok(None);
    };
    if !value.is_instance(numpy.scalar.bind(py))? {
        return Ok(None);
    }
    for time in &numpy.times {
        if value.is_instance(time.bind(py))? {
            return Ok(Some(value.clone()));
        }
    }
    value.call_method0(intern!(py, "item")).map(Some)
}

/// Returns `value` as an array, if it is one.
pub(super) fn array<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    match numpy(value.py())? {
        Some(_) => Ok(value.cast::<PyUntypedArray>().ok().cloned()),
        None => Ok(None),
    }
}

/// Writes an array; its elements are copied once, straight into `out`, when they lie in C order.
pub(super) fn encode(array: &Bound<'_, PyUntypedArray>, out: &mut Vec<u8>) -> Outcome {
    let py = array.py();
    if hides(array)? {
        return Err(Refusal::new(Cause::Value(HIDES.to_owned())));
    }
    let dtype = array.dtype();
    let kind = array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "kind"))?.extract::<char>()?;
    if matches!(kind, 'O' | 'V' | 'T') {
        return Err(Refusal::new(Cause::Type(format!(
            "an array of dtype {} can't be sent in a dict; only elements of a plain, fixed size can",
            dtype.str().map_err(Box::<Refusal>::from)?
        ))));
    }
    let name = dtype.getattr(intern!(py, "str"))?.extract::<String>()?;
    let flat = flat_bytes(array)?;
    let bytes = flat.try_readonly().map_err(|error| Refusal::new(Cause::Value(error.to_string())))?;
    let bytes = bytes.as_slice().map_err(|error| Refusal::new(Cause::Value(error.to_string())))?;

    let mut head = Vec::with_capacity(64);
    write_head(&mut head, &name, array.shape(), bytes.len())?;
    let total = u32::try_from(head.len() + bytes.len()).map_err(|_| {
        Refusal::new(Cause::Value(format!(
            "an array of {} bytes exceeds the limit of {} bytes in a dict; send it as horus.Tensor or in parts",
            bytes.len(),
            u32::MAX
        )))
    })?;
    mp::write_ext_meta(out, total, EXTENSION).map_err(told)?;
    out.reserve(head.len() + bytes.len());
    out.extend_from_slice(&head);
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_head(head: &mut Vec<u8>, dtype: &str, shape: &[usize], bytes: usize) -> Outcome {
    mp::write_array_len(head, 3).map_err(told)?;
    mp::write_str(head, dtype).map_err(told)?;
    // numpy has at most 64 axes.
    mp::write_array_len(head, u32::try_from(shape.len()).unwrap_or(u32::MAX)).map_err(told)?;
    for &length in shape {
        mp::write_uint(head, length as u64).map_err(told)?;
    }
    let bytes =
        u32::try_from(bytes).map_err(|_| Refusal::new(Cause::Value("array beyond 4 GiB".to_owned())))?;
    mp::write_bin_len(head, bytes).map_err(told)?;
    Ok(())
}

fn told(error: impl std::fmt::Display) -> Box<Refusal> {
    Refusal::new(Cause::Value(error.to_string()))
}

/// Views an array as its bytes in C order; copies only when they don't lie so.
fn flat_bytes<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let py = array.py();
    // An ndarray subclass (a masked array, a matrix) may reshape in its own way.
    let plain = py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "asarray"), (array,))?;
    let flat = plain.call_method1(intern!(py, "reshape"), (-1,))?;
    let flat = py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "ascontiguousarray"), (flat,))?;
    Ok(flat.call_method1(intern!(py, "view"), (intern!(py, "u1"),))?.cast_into::<PyArray1<u8>>()?)
}

/// Makes a fresh, writable array with these elements.
pub(super) fn decode<'py>(
    py: Python<'py>,
    dtype: &str,
    shape: &[u64],
    bytes: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let damaged = |text: String| horus_error(py, format!("damaged message: {text}"));
    let numpy = py.import(intern!(py, "numpy"))?;
    let dtype = numpy
        .call_method1(intern!(py, "dtype"), (dtype,))
        .map_err(|error| damaged(format!("an array of dtype {dtype:?}: {error}")))?;
    let kind = dtype.getattr(intern!(py, "kind"))?.extract::<char>()?;
    let item = dtype.getattr(intern!(py, "itemsize"))?.extract::<u64>()?;
    let needed = shape.iter().try_fold(item, |total, &length| total.checked_mul(length));
    if matches!(kind, 'O' | 'V' | 'T') || needed != Some(bytes.len() as u64) {
        return Err(damaged(format!(
            "an array of dtype {dtype} and shape {shape:?} in {} bytes",
            bytes.len()
        )));
    }
    let made = numpy.call_method1(intern!(py, "empty"), (PyTuple::new(py, shape)?, dtype))?;
    if !bytes.is_empty() {
        let flat = made.call_method1(intern!(py, "reshape"), (-1,))?;
        let flat = flat.call_method1(intern!(py, "view"), (intern!(py, "u1"),))?;
        let flat = flat.cast::<PyArrayDyn<u8>>()?;
        let mut target = flat.try_readwrite().map_err(|error| damaged(error.to_string()))?;
        target.as_slice_mut().map_err(|error| damaged(error.to_string()))?.copy_from_slice(bytes);
    }
    Ok(made)
}
