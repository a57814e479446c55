//! A message type as the Python side sees it: where its fields lie and what is in them.

use super::cell::{Cell, Misfit, Part};
use super::class::Message;
use super::content::{Content, Tail, TailPlace};
use horus_core::Schema;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyType};
use std::ops::Range;

/// The name of the time field, which constructors take by keyword only.
const TIMESTAMP: &str = "timestamp_ns";

/// A type's fields, defaults and Python class. Types live as long as the process.
pub(crate) struct Layout {
    pub(crate) schema: Schema,
    pub(crate) name: String,
    /// The topic of such messages when none is named.
    pub(crate) default_topic: Option<&'static str>,
    pub(super) doc: String,
    /// The bytes of a message, or of its head if it has tails.
    pub(super) size: usize,
    /// The fields that people see, by rising offset.
    pub(super) fields: Vec<Slot>,
    /// Where the head tells of `seq` and `string` fields, by rising offset.
    pub(super) tails: Vec<TailPlace>,
    /// What only fills up the message: nobody sees it, and it is zero.
    pub(super) filling: Vec<Range<usize>>,
    /// Indices of the fields that constructors take by position, in order.
    pub(super) positional: Vec<usize>,
    pub(super) defaults: Content,
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
    /// Which of the message's tails are its own.
    pub(super) tails: Range<usize>,
}

impl Slot {
    /// What the field holds and means, for documentation.
    pub(super) fn described(&self) -> String {
        let kind = self.cell.described();
        if self.doc.is_empty() { kind } else { format!("{kind}: {}", self.doc) }
    }

    /// Where the field lies.
    pub(super) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.cell.size()
    }

    fn part<'a>(&self, whole: Part<'a>) -> Part<'a> {
        Part { bytes: &whole.bytes[self.range()], tails: &whole.tails[self.tails.clone()] }
    }
}

impl Layout {
    /// Makes a layout that lives as long as the process.
    ///
    /// `cells` are the fields of `schema`, whose offsets have been checked; `defaults` are the bytes of such a message.
    pub(super) fn leak(
        py: Python<'_>,
        schema: Schema,
        about: About<'_>,
        cells: Vec<(Cell, String)>,
        defaults: &[u8],
    ) -> PyResult<&'static Layout> {
        let (mut fields, mut tails, mut filling) = (Vec::new(), Vec::new(), Vec::new());
        for (field, (cell, doc)) in schema.fields.iter().zip(cells) {
            let (offset, first) = (field.offset as usize, tails.len());
            cell.place_tails(offset, &mut tails);
            if field.is_filling() {
                filling.push(offset..offset + cell.size());
            } else {
                cell.place_filling(offset, &mut filling);
                let text = PyString::intern(py, &field.name).unbind();
                let (name, tails) = (field.name.clone(), first..tails.len());
                fields.push(Slot { name, text, offset, cell, doc, tails });
            }
        }
        let mut layout = Layout {
            name: schema.name.clone(),
            size: schema.size as usize,
            schema,
            doc: about.doc.to_owned(),
            default_topic: about.default_topic,
            positional: (0..fields.len()).filter(|&i| fields[i].name != TIMESTAMP).collect(),
            fields,
            tails,
            filling,
            defaults: Content::default(),
            class: PyOnceLock::new(),
            dtype: PyOnceLock::new(),
        };
        layout.defaults = Content::read(py, &layout, defaults, None).map_err(PyTypeError::new_err)?;
        Ok(Box::leak(Box::new(layout)))
    }

    /// Whether all messages have the same size.
    pub(crate) fn is_fixed(&self) -> bool {
        self.tails.is_empty()
    }

    /// Clears what only fills up a message, as it may hold anything if another program sent it.
    pub(super) fn clear_filling(&self, head: &mut [u8]) {
        for part in &self.filling {
            head[part.clone()].fill(0);
        }
    }

    /// Compares two values field by field.
    pub(super) fn equal(&self, py: Python<'_>, a: Part<'_>, b: Part<'_>) -> bool {
        self.fields.iter().all(|slot| slot.cell.equal(py, slot.part(a), slot.part(b)))
    }

    pub(super) fn read<'py>(
        &self,
        py: Python<'py>,
        index: usize,
        content: &Content,
    ) -> PyResult<Bound<'py, PyAny>> {
        let slot = &self.fields[index];
        slot.cell.read(py, &content.head.bytes()[slot.range()], &content.tails[slot.tails.clone()])
    }

    /// Writes one field's value into `target` and `tails`, which have the field's size.
    pub(super) fn write(
        &self,
        index: usize,
        target: &mut [u8],
        tails: &mut [Tail],
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let slot = &self.fields[index];
        slot.cell.write(target, tails, value).map_err(|misfit| self.refused(slot, misfit))
    }

    fn write_in(&self, index: usize, content: &mut Content, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let slot = &self.fields[index];
        let tails = &mut content.tails[slot.tails.clone()];
        self.write(index, &mut content.head.bytes_mut()[slot.range()], tails, value)
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
    pub(super) fn content_of_arguments<'py>(
        &self,
        py: Python<'py>,
        positional: impl ExactSizeIterator<Item = Bound<'py, PyAny>>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Content> {
        let mut content = self.defaults.clone_ref(py);
        let given = positional.len();
        if given > self.positional.len() {
            return Err(PyTypeError::new_err(format!(
                "{}() takes {} positional arguments, not {given}",
                self.name,
                self.positional.len()
            )));
        }
        for (&index, value) in self.positional.iter().zip(positional) {
            self.write_in(index, &mut content, &value)?;
        }
        if let Some(named) = named {
            // Made for this call, so that nobody else changes it while values are converted.
            for (key, value) in named.iter() {
                let index = self.find(&key).ok_or_else(|| self.unknown(&key))?;
                if self.positional[..given].contains(&index) {
                    return Err(PyTypeError::new_err(format!("{}() got '{key}' twice", self.name)));
                }
                self.write_in(index, &mut content, &value)?;
            }
        }
        Ok(content)
    }

    /// Builds a value from a dict, field by field; what the dict doesn't name keeps its default.
    pub(crate) fn content_of_dict(&self, dict: &Bound<'_, PyDict>) -> PyResult<Content> {
        let mut content = self.defaults.clone_ref(dict.py());
        for (key, value) in dict.items().iter().map(pair) {
            let index = self.find(&key).ok_or_else(|| self.unknown(&key))?;
            self.write_in(index, &mut content, &value)?;
        }
        Ok(content)
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
    ///
    /// # Errors
    /// `AttributeError` for a type whose messages vary in length.
    pub(super) fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if !self.tails.is_empty() {
            let varying = self.fields.iter().filter(|slot| !slot.tails.is_empty());
            let varying: Vec<_> = varying.map(|slot| format!("'{}'", slot.name)).collect();
            return Err(PyAttributeError::new_err(format!(
                "{} has no dtype, since its messages vary in length: see {}",
                self.name,
                varying.join(", ")
            )));
        }
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
