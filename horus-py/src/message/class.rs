//! The base class of all messages, and the classes made from schemas.

use super::field::{Dtype, Field};
use super::layout::Layout;
use super::storage::Storage;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use std::cell::Cell as StdCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// A typed message: its bytes as they lie in shared memory, with a named attribute for each field.
///
/// Not made itself; its subclasses are, such as CmdVel. Arrays read as tuples and take any sequence.
#[derive(Debug)]
#[pyclass(subclass, module = "horus", name = "Message")]
pub(crate) struct Message {
    layout: &'static Layout,
    storage: Storage,
}

/// The layout of each message class, by the address of the class. Classes in it are never freed, since their
/// layouts hold them, so an address stands for one class for good.
static CLASSES: Mutex<Option<HashMap<usize, &'static Layout>>> = Mutex::new(None);

thread_local! {
    /// The last classes made on this thread, by address: nearly every message is of one of few types.
    static RECENT: [StdCell<(usize, Option<&'static Layout>)>; RECENT_PLACES] =
        const { [const { StdCell::new((0, None)) }; RECENT_PLACES] };
}

const RECENT_PLACES: usize = 8;

/// The layout behind a class or, for a subclass made by a user, of its nearest message class.
pub(super) fn layout_of(class: &Bound<'_, PyType>) -> PyResult<&'static Layout> {
    let address = class.as_ptr() as usize;
    // Type objects are some hundred bytes apart.
    let place = (address >> 9) % RECENT_PLACES;
    let (recent, layout) = RECENT.with(|recent| recent[place].get());
    if let (true, Some(layout)) = (recent == address, layout) {
        return Ok(layout);
    }
    let known = |class: &Bound<'_, PyAny>| {
        let classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
        classes.as_ref().and_then(|classes| classes.get(&(class.as_ptr() as usize)).copied())
    };
    if let Some(layout) = known(class.as_any()) {
        RECENT.with(|recent| recent[place].set((address, Some(layout))));
        return Ok(layout);
    }
    let found = class.mro().iter().find_map(|base| known(&base));
    found.ok_or_else(|| {
        PyTypeError::new_err("horus.Message is the base of message types and can't be made itself".to_owned())
    })
}

impl Message {
    /// Makes a message of `layout` from its bytes; one copy.
    pub(crate) fn of_bytes<'py>(
        py: Python<'py>,
        layout: &'static Layout,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, Message>> {
        if bytes.len() != layout.size {
            return Err(PyValueError::new_err(format!(
                "a {} has {} bytes, not {}",
                layout.name,
                layout.size,
                bytes.len()
            )));
        }
        let made = layout.class(py)?.call0()?.cast_into::<Message>()?;
        made.try_borrow_mut()?.storage.bytes_mut().copy_from_slice(bytes);
        Ok(made)
    }

    /// Whether this is a message of that type.
    pub(crate) fn is_of(&self, layout: &Layout) -> bool {
        std::ptr::eq(self.layout, layout)
    }

    /// Its type and a copy of its bytes.
    pub(crate) fn parts(&self) -> (&'static Layout, Storage) {
        (self.layout, self.storage.clone())
    }

    /// The bytes as they lie in shared memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.storage.bytes()
    }

    pub(super) fn read<'py>(
        &self,
        py: Python<'py>,
        layout: &'static Layout,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.check(layout)?;
        layout.read(py, index, self.storage.bytes())
    }

    /// Sets one field. The value is converted before the message is borrowed, since that may run Python code.
    pub(super) fn set(
        slf: &Bound<'_, Self>,
        layout: &'static Layout,
        index: usize,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        slf.try_borrow()?.check(layout)?;
        let slot = &layout.fields[index];
        let mut inline = [0; 64];
        let mut heap = Vec::new();
        let changed = match inline.get_mut(..slot.cell.size()) {
            Some(small) => small,
            None => {
                heap.resize(slot.cell.size(), 0);
                heap.as_mut_slice()
            }
        };
        layout.write(index, changed, value)?;
        slf.try_borrow_mut()?.storage.bytes_mut()[slot.range()].copy_from_slice(changed);
        Ok(())
    }

    fn check(&self, layout: &Layout) -> PyResult<()> {
        if self.is_of(layout) {
            return Ok(());
        }
        Err(PyTypeError::new_err(format!("a field of {} asked of a {}", layout.name, self.layout.name)))
    }

    /// Makes the class of a layout.
    pub(super) fn make_class(py: Python<'_>, layout: &'static Layout) -> PyResult<Py<PyType>> {
        let members = PyDict::new(py);
        members.set_item("__slots__", PyTuple::empty(py))?;
        members.set_item("__module__", "horus")?;
        members.set_item("__doc__", class_doc(layout))?;
        let positional = layout.positional.iter().map(|&index| &layout.fields[index].text);
        members.set_item("__match_args__", PyTuple::new(py, positional)?)?;
        members.set_item("dtype", Dtype::new(layout).into_pyobject(py)?)?;
        for (index, slot) in layout.fields.iter().enumerate() {
            members.set_item(&slot.text, Field::new(layout, index).into_pyobject(py)?)?;
        }
        let bases = (py.get_type::<Message>(),);
        let class = py.get_type::<PyType>().call1((&layout.name, bases, members))?.cast_into::<PyType>()?;
        let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
        classes.get_or_insert_default().insert(class.as_ptr() as usize, layout);
        Ok(class.unbind())
    }
}

fn class_doc(layout: &Layout) -> String {
    let mut doc = format!("{}\n\nFields:\n", layout.doc);
    for slot in &layout.fields {
        // Writing to a string can't fail.
        let _ = writeln!(doc, "    {} ({})", slot.name, slot.described());
    }
    doc.push_str("\nAll have defaults; timestamp_ns is taken by keyword only. Arrays read as tuples.");
    doc
}

#[pymethods]
impl Message {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **fields))]
    fn new<'py>(
        cls: &Bound<'py, PyType>,
        args: &Bound<'py, PyTuple>,
        fields: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Self> {
        let layout = layout_of(cls)?;
        let storage = layout.storage_of_arguments(args.iter(), fields)?;
        Ok(Message { layout, storage })
    }

    /// Makes a message from a dict; fields it doesn't name keep their defaults, unknown ones are a TypeError.
    #[classmethod]
    fn from_dict<'py>(cls: &Bound<'py, PyType>, fields: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let storage = layout_of(cls)?.storage_of_dict(fields)?;
        let made = cls.call0()?.cast_into::<Message>()?;
        made.try_borrow_mut()?.storage = storage;
        Ok(made.into_any())
    }

    /// Makes a message from its bytes, as bytes(message) gives them.
    #[classmethod]
    fn from_bytes<'py>(cls: &Bound<'py, PyType>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let layout = layout_of(cls)?;
        if data.len() != layout.size {
            return Err(PyValueError::new_err(format!(
                "a {} has {} bytes, not {}",
                layout.name,
                layout.size,
                data.len()
            )));
        }
        let made = cls.call0()?.cast_into::<Message>()?;
        made.try_borrow_mut()?.storage = Storage::copy_of(data);
        Ok(made.into_any())
    }

    /// Returns the fields as a dict, arrays as tuples.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (index, slot) in self.layout.fields.iter().enumerate() {
            let value = self.layout.read(py, index, self.bytes())?;
            let value = match value.cast::<Message>() {
                Ok(nested) => nested.try_borrow()?.to_dict(py)?.into_any(),
                Err(_) => value,
            };
            dict.set_item(&slot.text, value)?;
        }
        Ok(dict)
    }

    /// Returns a copy that shares nothing with this one.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let storage = slf.try_borrow()?.storage.clone();
        let made = slf.get_type().call0()?.cast_into::<Message>()?;
        made.try_borrow_mut()?.storage = storage;
        Ok(made.into_any())
    }

    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::copy(slf)
    }

    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = memo;
        Self::copy(slf)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = PyBytes::new(slf.py(), slf.try_borrow()?.bytes());
        Ok((slf.get_type().getattr("from_bytes")?, (bytes,)))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.bytes())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let message = slf.try_borrow()?;
        let mut text = format!("{}(", slf.get_type().name()?);
        for (index, slot) in message.layout.fields.iter().enumerate() {
            let value = message.layout.read(slf.py(), index, message.bytes())?;
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string can't fail.
            let _ = write!(text, "{comma}{}={}", slot.name, value.repr()?.to_string_lossy());
        }
        text.push(')');
        Ok(text)
    }

    fn __richcmp__<'py>(
        &self,
        py: Python<'py>,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let not_implemented = || Ok(py.NotImplemented().into_bound(py));
        let Ok(other) = other.cast::<Message>() else {
            return not_implemented();
        };
        let other = other.try_borrow()?;
        let equal = other.is_of(self.layout) && self.layout.equal(self.bytes(), other.bytes());
        match op {
            CompareOp::Eq => Ok(equal.into_pyobject(py)?.to_owned().into_any()),
            CompareOp::Ne => Ok((!equal).into_pyobject(py)?.to_owned().into_any()),
            _ => not_implemented(),
        }
    }
}
