//! Where PyO3's safe interface would take and give back a reference, or ask for an exception, for every item: what
//! receiving and the conversion of dicts do a hundred times a message.
//!
//! All of it relies on the interpreter's lock, as the stable ABI of this package has it: an object changes only in the
//! thread that is attached, and only where that runs Python code.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;
use std::fmt;

/// How many references there are to a Python object.
#[inline]
pub(crate) fn references<T>(object: &Bound<'_, T>) -> isize {
    // SAFETY: the object is alive, and whoever holds a `Bound` is attached to the interpreter.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

/// What only threads that are attached to the interpreter reach: one at a time, so that what is kept in a `RefCell` in
/// here needs no lock. Each of its borrows ends before the thread lets others run, or they find it borrowed.
#[derive(Default)]
pub(crate) struct Attached<T>(T);

// SAFETY: `get` is the only way to it and asks for a proof of being attached, which its result doesn't outlive. One thread
// is attached at a time: this module says so of itself (`gil_used`), and the stable ABI that it is built for knows no
// interpreter without the lock. Whoever lets others run in between (`Python::detach`) passes on nothing that isn't `Sync`,
// and comes back behind all that they did. `T` is used and dropped by several threads, one after the other, hence `Send`.
unsafe impl<T: Send> Sync for Attached<T> {}

impl<T> Attached<T> {
    pub(crate) const fn new(value: T) -> Self {
        Attached(value)
    }

    #[inline]
    pub(crate) fn get<'a>(&'a self, _attached: Python<'a>) -> &'a T {
        &self.0
    }
}

impl<T> fmt::Debug for Attached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached(..)")
    }
}

/// A new list of a known length, filled from its beginning. The garbage collector hears of it when it is full: making
/// the items may run Python code (finalizers), to which `gc` would show a list with holes.
pub(crate) struct Filling<'py> {
    list: Bound<'py, PyList>,
    filled: ffi::Py_ssize_t,
}

impl<'py> Filling<'py> {
    /// Makes the list.
    ///
    /// # Errors
    /// `MemoryError`.
    pub(crate) fn new(py: Python<'py>, count: usize) -> PyResult<Self> {
        // No slice is longer, and there is none of so many pointers.
        let count = ffi::Py_ssize_t::try_from(count).unwrap_or(ffi::Py_ssize_t::MAX);
        // SAFETY: we are attached; the call returns a new list, which is ours alone, or null with an exception set.
        let list: Bound<'py, PyList> =
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyList_New(count))?.cast_into_unchecked() };
        // SAFETY: a list is an object of the collector's. Not tracked it may be freed all the same.
        unsafe { ffi::PyObject_GC_UnTrack(list.as_ptr().cast()) };
        Ok(Filling { list, filled: 0 })
    }

    /// Puts in the next item.
    ///
    /// # Errors
    /// `IndexError` beyond the length.
    #[inline]
    pub(crate) fn push(&mut self, item: Bound<'py, PyAny>) -> PyResult<()> {
        // SAFETY: the list is alive and a list; the call takes our reference to the item, in case of an error too, and
        // checks the index.
        if unsafe { ffi::PyList_SetItem(self.list.as_ptr(), self.filled, item.into_ptr()) } != 0 {
            return Err(PyErr::fetch(self.list.py()));
        }
        self.filled += 1;
        Ok(())
    }

    /// The list, with an item for each of its length.
    pub(crate) fn into_list(self) -> Bound<'py, PyList> {
        debug_assert_eq!(self.list.len(), self.filled as usize);
        // SAFETY: an object of the collector's that it doesn't know, as `new` left it; `self` is used up.
        unsafe { ffi::PyObject_GC_Track(self.list.as_ptr().cast()) };
        self.list
    }
}
