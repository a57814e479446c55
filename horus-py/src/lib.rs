//! The native part of the Python package `horus`.

mod convert;
mod errors;
mod message;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Returns the MessagePack bytes that a value sent as a dict message has.
#[pyfunction]
fn _pack<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    convert::encode_with(value, |bytes| Ok(PyBytes::new(value.py(), bytes)))
}

/// Returns the value of the MessagePack bytes of a dict message.
#[pyfunction]
fn _unpack<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    convert::decode(py, data)
}

/// The compiled module behind `horus`; import that instead.
#[pymodule(gil_used = true)]
fn _horus(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::classes(module.py())?.add_to(module)?;
    message::add_standard(module)?;
    // Set, not added: `add` would list them as public.
    module.setattr("_pack", wrap_pyfunction!(_pack, module)?)?;
    module.setattr("_unpack", wrap_pyfunction!(_unpack, module)?)?;
    Ok(())
}
