//! What is taken for a numpy array.

use numpy::PyUntypedArray;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// Why an array that [`hides`] numbers isn't taken.
pub(crate) const HIDES: &str =
    "a masked array can't be sent, since what it hides would be seen; fill it first: array.filled(0)";

/// Whether it is a masked array that hides some of its numbers.
pub(crate) fn hides(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    let py = array.py();
    if array.is_exact_instance_of::<PyUntypedArray>() {
        return Ok(false);
    }
    py.import(intern!(py, "numpy.ma"))?.call_method1(intern!(py, "is_masked"), (array,))?.extract()
}

/// Returns the array that a value is or offers, or `None` for what offers none, such as a list.
///
/// Besides arrays these are objects with `__array__` or `__dlpack__`, and buffers. Nothing is copied that its owner
/// doesn't copy.
///
/// # Errors
/// `ValueError` for a masked array that hides numbers; else what the value raises when it is asked, for example a tensor in
/// the memory of another device.
pub(crate) fn given<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyUntypedArray>>> {
    let py = value.py();
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        return match hides(array)? {
            false => Ok(Some(array.clone())),
            true => Err(PyValueError::new_err(HIDES)),
        };
    }
    let numpy = || py.import(intern!(py, "numpy"));
    let class = value.get_type();
    let found = if class.hasattr(intern!(py, "__array__"))? {
        numpy()?.call_method1(intern!(py, "asarray"), (value,))?
    } else if class.hasattr(intern!(py, "__dlpack__"))? {
        numpy()?.call_method1(intern!(py, "from_dlpack"), (value,))?
    } else if let Ok(buffer) = PyMemoryView::from(value) {
        numpy()?.call_method1(intern!(py, "asarray"), (buffer,))?
    } else {
        return Ok(None);
    };
    Ok(Some(found.cast_into()?))
}
