//! The base class of all messages, and the classes made from schemas.

use super::cell::{Cell, Part};
use super::content::{Content, Tail};
use super::field::{Dtype, Field};
use super::layout::Layout;
use crate::errors::horus_error;
use crate::raw::{Attached, references};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyBytes, PyDict, PyMemoryView, PySlice, PyTuple, PyType};
use std::cell::{Cell as StdCell, Ref, RefCell, RefMut};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// A typed message: its bytes as they lie in shared memory, with a named attribute for each field.
///
/// Not made itself; its subclasses are, such as CmdVel. Constructors take every field by keyword, and all but timestamp_ns
/// by position. A value that doesn't fit is a TypeError, ValueError or OverflowError that names the field, and changes
/// nothing. Arrays of a fixed length read as tuples; those of any length as read-only numpy arrays over the message's own
/// bytes, without a copy. Both take any sequence or array, converted like single numbers, and are replaced as a whole.
#[derive(Debug)]
#[pyclass(subclass, frozen, module = "horus", name = "Message")]
pub(crate) struct Message {
    layout: &'static Layout,
    content: Attached<RefCell<Content>>,
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
    /// Makes a message of `layout` from the bytes that another program sent; one copy.
    ///
    /// # Errors
    /// `HorusError` for bytes that are no such message.
    pub(crate) fn of_bytes<'py>(
        py: Python<'py>,
        layout: &'static Layout,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, Message>> {
        if layout.tails.is_empty() && bytes.len() == layout.size {
            let made = layout.class(py)?.call0()?.cast_into::<Message>()?;
            let mut content = made.get().content_mut(py)?;
            let head = content.head.bytes_mut();
            head.copy_from_slice(bytes);
            layout.clear_filling(head);
            drop(content);
            return Ok(made);
        }
        let content = Content::read(py, layout, bytes, None)
            .map_err(|reason| horus_error(py, format!("damaged message: {reason}")))?;
        Self::of_content(py, layout, content)
    }

    /// Makes a message of `layout`.
    pub(super) fn of_content<'py>(
        py: Python<'py>,
        layout: &'static Layout,
        content: Content,
    ) -> PyResult<Bound<'py, Message>> {
        Self::of_class(layout.class(py)?, content)
    }

    /// Makes a message of a class, which may be derived from that of its layout.
    fn of_class<'py>(class: &Bound<'py, PyType>, content: Content) -> PyResult<Bound<'py, Message>> {
        let py = class.py();
        let made = if layout_of(class)?.class(py)?.is(class) {
            class.call0()?
        } else {
            // Its own `__init__` may want arguments.
            class.call_method1(intern!(py, "__new__"), (class,))?
        };
        let made = made.cast_into::<Message>()?;
        *made.get().content_mut(py)? = content;
        Ok(made)
    }

    /// Replaces the bytes of a message that nobody but the caller holds; false, and nothing is changed, if somebody
    /// does, or if it is of another type (or class: `__class__` can be set), or these are no bytes of it. Runs no Python
    /// code.
    #[inline]
    pub(crate) fn refill(message: &Bound<'_, Message>, layout: &'static Layout, bytes: &[u8]) -> bool {
        if references(message) != 1 {
            return false;
        }
        let class = message.get_type_ptr();
        if !layout.class(message.py()).is_ok_and(|own| own.as_type_ptr() == class) {
            return false;
        }
        let fits = message.get().is_of(layout) && layout.tails.is_empty() && bytes.len() == layout.size;
        if fits {
            let Ok(mut content) = message.get().content_mut(message.py()) else { return false };
            let head = content.head.bytes_mut();
            head.copy_from_slice(bytes);
            layout.clear_filling(head);
        }
        fits
    }

    /// Its type.
    pub(crate) fn layout(&self) -> &'static Layout {
        self.layout
    }

    /// What it holds. Not to be kept while Python code may run: setting a field is refused meanwhile.
    ///
    /// # Errors
    /// `RuntimeError` while it is being changed.
    #[inline]
    pub(crate) fn content<'a>(&'a self, py: Python<'a>) -> PyResult<Ref<'a, Content>> {
        self.content.get(py).try_borrow().map_err(|_| in_use())
    }

    /// The same to be changed.
    ///
    /// # Errors
    /// `RuntimeError` while it is being read.
    #[inline]
    fn content_mut<'a>(&'a self, py: Python<'a>) -> PyResult<RefMut<'a, Content>> {
        self.content.get(py).try_borrow_mut().map_err(|_| in_use())
    }

    /// Whether this is a message of that type.
    pub(crate) fn is_of(&self, layout: &Layout) -> bool {
        std::ptr::eq(self.layout, layout)
    }

    /// A copy of its bytes, to be worked on while other threads may set its fields; its tails are shared, since they
    /// never change.
    ///
    /// # Errors
    /// As [`Message::content`].
    pub(crate) fn copied(&self, py: Python<'_>) -> PyResult<Content> {
        Ok(self.content(py)?.clone_ref(py))
    }

    /// Reads one field.
    pub(super) fn read<'py>(
        slf: &Bound<'py, Self>,
        layout: &'static Layout,
        index: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().check(layout)?;
        let content = slf.get().content(slf.py())?;
        let slot = &layout.fields[index];
        if slot.cell.is_single() {
            return layout.read(slf.py(), index, &content);
        }
        // Copied out: making arrays and messages may run Python code, and other threads, which may set a field.
        let bytes = content.head.bytes()[slot.range()].to_vec();
        let tails = &content.tails[slot.tails.clone()];
        let tails: Vec<Tail> = tails.iter().map(|tail| tail.clone_ref(slf.py())).collect();
        drop(content);
        slot.cell.read(slf.py(), &bytes, &tails)
    }

    /// Sets one field. The value is converted before the message is borrowed, since that may run Python code.
    pub(super) fn set(
        slf: &Bound<'_, Self>,
        layout: &'static Layout,
        index: usize,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        slf.get().check(layout)?;
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
        if slot.tails.is_empty() {
            layout.write(index, changed, &mut [], value)?;
            slf.get().content_mut(slf.py())?.head.bytes_mut()[slot.range()].copy_from_slice(changed);
            return Ok(());
        }
        let mut tails: Vec<Tail> = slot.tails.clone().map(|_| Tail::default()).collect();
        layout.write(index, changed, &mut tails, value)?;
        let mut content = slf.get().content_mut(slf.py())?;
        content.head.bytes_mut()[slot.range()].copy_from_slice(changed);
        content.tails[slot.tails.clone()].swap_with_slice(&mut tails);
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

#[cold]
fn in_use() -> PyErr {
    PyRuntimeError::new_err("the message is being read or changed")
}

fn class_doc(layout: &Layout) -> String {
    let mut doc = format!("{}\n\nFields:\n", layout.doc);
    for slot in &layout.fields {
        // Writing to a string can't fail.
        let _ = writeln!(doc, "    {} ({})", slot.name, slot.described());
    }
    doc.push_str("\nAll have defaults; timestamp_ns is taken by keyword only. ");
    doc.push_str(if layout.tails.is_empty() {
        "Arrays read as tuples."
    } else {
        "Arrays read as read-only numpy arrays without a copy, and are replaced as a whole."
    });
    doc.push_str(&example(layout));
    doc
}

/// A piece of Python that makes such a message and reads a field: of any length if it has one, else its first.
fn example(layout: &Layout) -> String {
    let own = || layout.positional.iter().map(|&index| &layout.fields[index]);
    let varying = own().find(|slot| !slot.tails.is_empty() && slot.cell.sample().is_some());
    let Some(slot) = varying.or_else(|| own().find(|slot| slot.cell.sample().is_some())) else {
        return String::new();
    };
    let Some((given, read)) = slot.cell.sample() else { return String::new() };
    let (class, field) = (&layout.name, &slot.name);
    format!(
        "\n\nExample:\n    >>> import horus\n    >>> message = horus.{class}({field}={given})\n    \
         >>> message.{field}\n    {read}\n    >>> horus.{class}.from_bytes(bytes(message)) == message\n    True\n"
    )
}

/// The value of a field with dicts in place of messages.
fn plain<'py>(cell: &Cell, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    match (cell, value.cast::<Message>()) {
        (_, Ok(message)) => Ok(Message::to_dict(message)?.into_any()),
        (Cell::Array(inner, _) | Cell::Seq(inner), _) if cell.holds_messages() => {
            let items = value.try_iter()?.map(|item| plain(inner, item?)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyTuple::new(py, items)?.into_any())
        }
        _ => Ok(value),
    }
}

/// How a field's value is shown: of many items the first and the last.
fn shown(cell: &Cell, value: &Bound<'_, PyAny>) -> PyResult<String> {
    /// So many are shown whole; of more, `ENDS` at both ends.
    const SHOWN: usize = 16;
    const ENDS: usize = 3;
    let Cell::Seq(inner) = cell else {
        return Ok(value.repr()?.to_string_lossy().into_owned());
    };
    let array = inner.numbers().is_some();
    let list = |part: &Bound<'_, PyAny>| -> PyResult<String> {
        let part = if array { part.call_method0(intern!(part.py(), "tolist"))? } else { part.clone() };
        Ok(part.repr()?.to_string_lossy().into_owned())
    };
    let count = value.len()?;
    if count <= SHOWN {
        return list(value);
    }
    let slice =
        |from: usize, to: usize| value.get_item(PySlice::new(value.py(), from as isize, to as isize, 1));
    let (first, last) = (list(&slice(0, ENDS)?)?, list(&slice(count - ENDS, count)?)?);
    Ok(format!("{}, ..., {}", &first[..first.len() - 1], &last[1..]))
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
        let content = layout.content_of_arguments(cls.py(), args.iter(), fields)?;
        Ok(Message { layout, content: Attached::new(RefCell::new(content)) })
    }

    /// Makes a message from a dict as to_dict() gives it; fields that it doesn't name keep their defaults.
    ///
    /// TypeError for an unknown field; values are converted as by the constructor.
    #[classmethod]
    fn from_dict<'py>(cls: &Bound<'py, PyType>, fields: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let content = layout_of(cls)?.content_of_dict(fields)?;
        Ok(Self::of_class(cls, content)?.into_any())
    }

    /// Makes a message from its bytes, as bytes(message) gives them, in any buffer.
    ///
    /// One copy, or none of what varies in length if they are bytes. TypeError for what is no buffer, ValueError for bytes
    /// that are no such message.
    #[classmethod]
    fn from_bytes<'py>(cls: &Bound<'py, PyType>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        let layout = layout_of(cls)?;
        let whole = match data.cast_exact::<PyBytes>() {
            Ok(bytes) => bytes.clone(),
            Err(_) => {
                let view = PyMemoryView::from(data).map_err(|_| {
                    let kind = data.get_type().fully_qualified_name();
                    PyTypeError::new_err(format!(
                        "{}.from_bytes() takes bytes or another buffer, not {}",
                        layout.name,
                        kind.map_or_else(|_| "that".to_owned(), |kind| kind.to_string())
                    ))
                })?;
                view.call_method0(intern!(py, "tobytes"))?.cast_into::<PyBytes>()?
            }
        };
        let content =
            Content::read(py, layout, whole.as_bytes(), Some(&whole)).map_err(PyValueError::new_err)?;
        Ok(Self::of_class(cls, content)?.into_any())
    }

    /// Returns the fields as a dict.
    ///
    /// Arrays of a fixed length are tuples, others read-only numpy arrays, and messages dicts.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let py = slf.py();
        let (layout, content) = (slf.get().layout, slf.get().copied(py)?);
        let dict = PyDict::new(py);
        for (index, slot) in layout.fields.iter().enumerate() {
            let value = layout.read(py, index, &content)?;
            dict.set_item(&slot.text, plain(&slot.cell, value)?)?;
        }
        Ok(dict)
    }

    /// Returns a copy: changing one leaves the other as it is.
    fn copy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let content = slf.get().copied(slf.py())?;
        Ok(Self::of_class(&slf.get_type(), content)?.into_any())
    }

    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::copy(slf)
    }

    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = memo;
        Self::copy(slf)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = slf.get().__bytes__(slf.py())?;
        Ok((slf.get_type().getattr("from_bytes")?, (bytes,)))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.content(py)?.to_bytes(py, self.layout)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (layout, content) = (slf.get().layout, slf.get().copied(slf.py())?);
        let mut text = format!("{}(", slf.get_type().name()?);
        for (index, slot) in layout.fields.iter().enumerate() {
            let value = layout.read(slf.py(), index, &content)?;
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string can't fail.
            let _ = write!(text, "{comma}{}={}", slot.name, shown(&slot.cell, &value)?);
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
        let equal = other.get().is_of(self.layout) && {
            let (ours, theirs) = (self.content(py)?, other.get().content(py)?);
            self.layout.equal(py, Part::of(&ours), Part::of(&theirs))
        };
        match op {
            CompareOp::Eq => Ok(equal.into_pyobject(py)?.to_owned().into_any()),
            CompareOp::Ne => Ok((!equal).into_pyobject(py)?.to_owned().into_any()),
            _ => not_implemented(),
        }
    }
}
