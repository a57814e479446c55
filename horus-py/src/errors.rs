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

/// Makes the exception for an error of the transport.
pub(crate) fn shm_error(py: Python<'_>, error: horus_shm::Error) -> PyErr {
    use horus_shm::Error;
    let kind = match &error {
        Error::TypeMismatch(_) => Fits::TopicType,
        Error::Name { what: "topic", .. } => Fits::TopicName,
        Error::Name { .. } => Fits::Value,
        Error::PoolExhausted { .. } => Fits::PoolExhausted,
        Error::ShmFull { .. } => Fits::ShmFull,
        _ => Fits::Horus,
    };
    // In the words of the layer above, which knows the fields of types.
    kind.error(py, horus_core::Error::from(error).to_string())
}

/// Makes the exception for an error of a run: what a callback raised, as it raised it.
pub(crate) fn run_error(py: Python<'_>, error: horus_core::Error) -> PyErr {
    use horus_core::Error;
    match error {
        Error::Transport(error) => shm_error(py, error),
        Error::Type(_) => topic_type_error(py, error.to_string()),
        Error::Options { .. } => PyValueError::new_err(error.to_string()),
        Error::Node { node, phase, source } => match source.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(source) => horus_error(py, Error::Node { node, phase, source }.to_string()),
        },
        Error::EventLoop(source) => match source.downcast::<PyErr>() {
            Ok(raised) => *raised,
            Err(source) => horus_error(py, Error::EventLoop(source).to_string()),
        },
        _ => horus_error(py, error.to_string()),
    }
}

/// Which exception fits.
enum Fits {
    Horus,
    TopicType,
    TopicName,
    Value,
    PoolExhausted,
    ShmFull,
}

impl Fits {
    fn error(self, py: Python<'_>, text: String) -> PyErr {
        match self {
            Fits::Horus => horus_error(py, text),
            Fits::TopicType => topic_type_error(py, text),
            Fits::TopicName => of_class(py, |c| &c.topic_name, text),
            Fits::Value => PyValueError::new_err(text),
            Fits::PoolExhausted => of_class(py, |c| &c.pool_exhausted, text),
            Fits::ShmFull => match classes(py) {
                Ok(all) => PyErr::from_type(all.shm_full.bind(py).clone(), (NO_SPACE, text)),
                Err(error) => error,
            },
        }
    }
}
