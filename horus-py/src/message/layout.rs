//! A message type as the Python side sees it: where its fields lie and what is in them.

use super::cell::{Cell, Misfit};
use super::class::Message;
use super::storage::Storage;
use horus_core::Schema;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyType};

/// The name of the time field, which constructors take by keyword only.
const TIMESTAMP: &str = "timestamp_ns";

/// A type's fields, defaults and Python class. Types live as long as the process.
pub(crate) struct Layout {
    pub(crate) schema: Schema,
    pub(crate) name: String,
    /// The topic of such messages when none is named.
    pub(crate) default_topic: Option<&'static str>,
    pub(super) doc: String,
    pub(super) size: usize,
    pub(super) fields: Vec<Slot>,
    /// Indices of the fields that constructors take by position, in order.
    pub(super) positional: Vec<usize>,
    pub(super) defaults: Storage,
    pub(super) class: PyOnceLock<Py<PyType>>,
    dtype: PyOnceLock<Py<PyAny>>,
}

/// What people should know of a type, beside its layout.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) doc: &'a str,
    pub(super) default_topic: Option<&'static str>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    /// The name as Python's own interned string, to find keyword arguments by identity.
    pub(super) text: Py<PyString>,
    pub(super) offset: usize,
    pub(super) cell: Cell,
    pub(super) doc: String,
}

impl Slot {
    pub(super) fn new(py: Python<'_>, name: &str, offset: usize, cell: Cell, doc: &str) -> Self {
        let text = PyString::intern(py, name).unbind();
        Slot { name: name.to_owned(), text, offset, cell, doc: doc.to_owned() }
    }

    /// What the field holds and means, for documentation.
    pub(super) fn described(&self) -> String {
        let kind = self.cell.described();
        if self.doc.is_empty() { kind } else { format!("{kind}: {}", self.doc) }
    }

    /// Where the field lies.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.cell.size()
    }
}

impl Layout {
    /// Makes a layout that lives as long as the process.
    ///
    /// `fields` are those of `schema`, whose offsets have been checked, but for filling; `defaults` are as many bytes as
    /// it has.
    pub(super) fn leak(
        schema: Schema,
        about: About<'_>,
        fields: Vec<Slot>,
        defaults: &[u8],
    ) -> &'static Layout {
        let positional = (0..fields.len()).filter(|&i| fields[i].name != TIMESTAMP).collect();
        Box::leak(Box::new(Layout {
            name: schema.name.clone(),
            schema,
            doc: about.doc.to_owned(),
            default_topic: about.default_topic,
            size: defaults.len(),
            fields,
            positional,
            defaults: Storage::copy_of(defaults),
            class: PyOnceLock::new(),
            dtype: PyOnceLock::new(),
        }))
    }

    /// Compares two values field by field.
    pub(super) fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        self.fields.iter().all(|slot| slot.cell.equal(&a[slot.range()], &b[slot.range()]))
    }

    pub(super) fn read<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let slot = &self.fields[index];
        slot.cell.read(py, &bytes[slot.range()])
    }

    /// Writes one field's value into `target`, which has the field's size.
    pub(super) fn write(&self, index: usize, target: &mut [u8], value: &Bound<'_, PyAny>) -> PyResult<()> {
        let slot = &self.fields[index];
        slot.cell.write(target, value).map_err(|misfit| self.refused(slot, misfit))
    }

    fn write_in(&self, index: usize, storage: &mut Storage, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.write(index, &mut storage.bytes_mut()[self.fields[index].range()], value)
    }

    #[cold]
    fn refused(&self, slot: &Slot, misfit: Misfit) -> PyErr {
        misfit.into_error(&format!("field '{}' of {}", slot.name, self.name))
    }

    /// The index of the field of that name.
    pub(super) fn find(&self, name: &Bound<'_, PyAny>) -> Option<usize> {
        if let Some(index) = self.fields.iter().position(|slot| name.is(&slot.text)) {
            return Some(index);
        }
        let name = name.cast::<PyString>().ok()?.to_str().ok()?;
        self.fields.iter().position(|slot| slot.name == name)
    }

    /// Builds a value from constructor arguments.
    pub(super) fn storage_of_arguments<'py>(
        &self,
        positional: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Storage> {
        let mut storage = self.defaults.clone();
        let given = positional.len();
        if given > self.positional.len() {
            return Err(PyTypeError::new_err(format!(
                "{}() takes {} positional arguments, not {given}",
                self.name,
                self.positional.len()
            )));
        }
        for (&index, value) in self.positional.iter().zip(positional) {
            self.write_in(index, &mut storage, &value)?;
        }
        if let Some(named) = named {
            // Made for this call, so that nobody else changes it while values are converted.
            for (key, value) in named.iter() {
                let index = self.find(&key).ok_or_else(|| self.unknown(&key))?;
                if self.positional[..given].contains(&index) {
                    return Err(PyTypeError::new_err(format!("{}() got '{key}' twice", self.name)));
                }
                self.write_in(index, &mut storage, &value)?;
            }
        }
        Ok(storage)
    }

    /// Builds a value from a dict, field by field; what the dict doesn't name keeps its default.
    pub(crate) fn storage_of_dict(&self, dict: &Bound<'_, PyDict>) -> PyResult<Storage> {
        let mut storage = self.defaults.clone();
        for (key, value) in dict.items().iter().map(pair) {
            let index = self.find(&key).ok_or_else(|| self.unknown(&key))?;
            self.write_in(index, &mut storage, &value)?;
        }
        Ok(storage)
    }

    #[cold]
    fn unknown(&self, key: &Bound<'_, PyAny>) -> PyErr {
        let all: Vec<_> = self.fields.iter().map(|slot| slot.name.as_str()).collect();
        PyTypeError::new_err(format!(
            "{} has no field {}; it has {}",
            self.name,
            key.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string_lossy().into_owned()),
            all.join(", ")
        ))
    }

    /// The numpy structured dtype with this layout, imported lazily and made once.
    pub(super) fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let made = self.dtype.get_or_try_init(py, || {
            let spec = PyDict::new(py);
            let formats: Vec<_> =
                self.fields.iter().map(|slot| slot.cell.dtype(py)).collect::<PyResult<_>>()?;
            spec.set_item("names", PyList::new(py, self.fields.iter().map(|slot| &slot.text))?)?;
            spec.set_item("formats", PyList::new(py, formats)?)?;
            spec.set_item("offsets", PyList::new(py, self.fields.iter().map(|slot| slot.offset))?)?;
            spec.set_item("itemsize", self.size)?;
            Ok::<_, PyErr>(
                py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "dtype"), (spec,))?.unbind(),
            )
        })?;
        Ok(made.bind(py).clone())
    }

    /// The Python class of this type.
    pub(crate) fn class<'py>(&'static self, py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
        let class = self.class.get_or_try_init(py, || Message::make_class(py, self))?;
        Ok(class.bind(py))
    }
}

/// Splits an item of `dict.items()`, which is always a pair.
fn pair(item: Bound<'_, PyAny>) -> (Bound<'_, PyAny>, Bound<'_, PyAny>) {
    item.extract().expect("dict.items() gives pairs")
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layout").field("name", &self.name).finish_non_exhaustive()
    }
}
