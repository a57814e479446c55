//! The attributes of message classes.

use super::class::Message;
use super::layout::Layout;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

// The descriptor of one field: reads and writes its bytes in place. No doc comment, since that would become the
// class's `__doc__` and hide the one of the field.
#[derive(Debug)]
#[pyclass(frozen, module = "horus", name = "_Field")]
pub(super) struct Field {
    layout: &'static Layout,
    index: usize,
}

impl Field {
    pub(super) fn new(layout: &'static Layout, index: usize) -> Self {
        Field { layout, index }
    }
}

#[pymethods]
impl Field {
    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = owner;
        let field = slf.get();
        match instance.cast::<Message>() {
            Ok(message) => Message::read(message, field.layout, field.index),
            // Asked of the class, not of a message: documentation tools want the descriptor.
            Err(_) if instance.is_none() => Ok(slf.clone().into_any()),
            Err(error) => Err(error.into()),
        }
    }

    fn __set__(&self, instance: &Bound<'_, Message>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Message::set(instance, self.layout, self.index, value)
    }

    fn __delete__(&self, instance: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = instance;
        Err(PyAttributeError::new_err(format!("field '{}' can't be deleted", self.name())))
    }

    /// The field's name.
    #[getter(__name__)]
    fn name(&self) -> &str {
        &self.layout.fields[self.index].name
    }

    #[getter(__doc__)]
    fn doc(&self) -> String {
        self.layout.fields[self.index].described()
    }
}

/// The class attribute `dtype`: numpy is imported when it is first asked for.
#[derive(Debug)]
#[pyclass(frozen, module = "horus", name = "_Dtype")]
pub(super) struct Dtype {
    layout: &'static Layout,
}

impl Dtype {
    pub(super) fn new(layout: &'static Layout) -> Self {
        Dtype { layout }
    }
}

#[pymethods]
impl Dtype {
    fn __get__<'py>(
        &self,
        instance: &Bound<'py, PyAny>,
        owner: Option<&Bound<'py, PyType>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = owner;
        self.layout.dtype(instance.py())
    }
}
