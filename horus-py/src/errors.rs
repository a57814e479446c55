//! The Python exceptions and how the transport's errors become them.

use pyo3::exceptions::{PyException, PyMemoryError, PyOSError, PyTimeoutError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

/// `ENOSPC`, which `ShmFull.errno` tells.
const NO_SPACE: i32 = 28;

/// The exception classes, made once at import.
#[derive(Debug)]
pub(crate) struct Classes {
    pub(crate) horus: Py<PyType>,
    pub(crate) topic_type: Py<PyType>,
    pub(crate) topic_name: Py<PyType>,
    pub(crate) pool_exhausted: Py<PyType>,
    pub(crate) shm_full: Py<PyType>,
    pub(crate) service: Py<PyType>,
    pub(crate) service_timeout: Py<PyType>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// Returns the exception classes, making them at the first call.
pub(crate) fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || Classes::new(py))
}

impl Classes {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let base = |name, doc, bases: Vec<Bound<'_, PyType>>| class(py, name, doc, bases);
        let horus =
            base("HorusError", "What HORUS refuses or fails at.", vec![py.get_type::<PyException>()])?;
        let under = |name, doc, kind: Option<Bound<'_, PyType>>| {
            let mut bases = vec![horus.bind(py).clone()];
            bases.extend(kind);
            base(name, doc, bases)
        };
        let service = under("ServiceError", "A service refused or failed.", None)?;
        let service_timeout = base(
            "ServiceTimeout",
            "A service did not answer in time.",
            vec![service.bind(py).clone(), py.get_type::<PyTimeoutError>()],
        )?;
        Ok(Classes {
            topic_type: under(
                "TopicTypeError",
                "A topic holds another type, and somebody uses it.",
                Some(py.get_type::<PyTypeError>()),
            )?,
            topic_name: under(
                "TopicNameError",
                "A topic name that can't be used.",
                Some(py.get_type::<PyValueError>()),
            )?,
            pool_exhausted: under(
                "PoolExhausted",
                "Shared memory is full and others hold blocks of this publisher.",
                Some(py.get_type::<PyMemoryError>()),
            )?,
            shm_full: under("ShmFull", "Shared memory is full.", Some(py.get_type::<PyOSError>()))?,
            horus,
            service,
            service_timeout,
        })
    }

    /// Adds the classes to the module.
    pub(crate) fn add_to(&self, module: &Bound<'_, PyModule>) -> PyResult<()> {
        let all = [
            &self.horus,
            &self.topic_type,
            &self.topic_name,
            &self.pool_exhausted,
            &self.shm_full,
            &self.service,
            &self.service_timeout,
        ];
        for class in all {
            let class = class.bind(module.py());
            module.add(class.name()?, class)?;
        }
        Ok(())
    }
}

/// Makes an exception class; several bases are why `create_exception!` can't.
fn class(py: Python<'_>, name: &str, doc: &str, bases: Vec<Bound<'_, PyType>>) -> PyResult<Py<PyType>> {
    let members = PyDict::new(py);
    members.set_item("__module__", "horus")?;
    members.set_item("__doc__", doc)?;
    let made = py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, members))?;
    Ok(made.cast_into::<PyType>()?.unbind())
}

/// Makes a plain `HorusError`.
pub(crate) fn horus_error(py: Python<'_>, message: impl Into<String>) -> PyErr {
    of_class(py, |c| &c.horus, message.into())
}

/// Makes a `TopicTypeError`.
pub(crate) fn topic_type_error(py: Python<'_>, message: impl Into<String>) -> PyErr {
    of_class(py, |c| &c.topic_type, message.into())
}

fn of_class(py: Python<'_>, pick: impl FnOnce(&Classes) -> &Py<PyType>, message: String) -> PyErr {
    match classes(py) {
        Ok(all) => PyErr::from_type(pick(all).bind(py).clone(), message),
        Err(error) => error,
    }
}
