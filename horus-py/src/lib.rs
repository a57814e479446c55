//! The native part of the Python package `horus`.

mod array;
mod channel;
mod convert;
mod errors;
mod event_loop;
mod image;
mod message;
mod node;
mod point_cloud;
mod pooled;
mod process;
mod raw;
mod run;
mod signals;
mod tensor;
mod topic;

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
    module.add_class::<image::Image>()?;
    module.add_class::<image::DepthImage>()?;
    module.add_class::<point_cloud::PointCloud>()?;
    module.add_class::<tensor::Tensor>()?;
    // Set, not added: `add` would list it as public.
    module.setattr("_Pooled", module.py().get_type::<pooled::Pooled>())?;
    module.add_class::<topic::Topic>()?;
    module.add_class::<node::Node>()?;
    module.add_class::<node::Latched>()?;
    module.add_function(wrap_pyfunction!(run::run, module)?)?;
    module.setattr("_pack", wrap_pyfunction!(_pack, module)?)?;
    module.setattr("_unpack", wrap_pyfunction!(_unpack, module)?)?;
    module.setattr("_doorbell", wrap_pyfunction!(event_loop::_doorbell, module)?)?;
    module.setattr("_nudge", wrap_pyfunction!(process::_nudge, module)?)?;
    module.setattr("_stopping", wrap_pyfunction!(process::_stopping, module)?)?;
    let leave = wrap_pyfunction!(process::leave, module)?;
    module.py().import("atexit")?.call_method1("register", (&leave,))?;
    module.setattr("_leave", leave)?;
    Ok(())
}
