//! What a message holds: its head, and behind it the items of `seq` and `string` fields.

use super::layout::Layout;
use super::storage::Storage;
use horus_core::TailReader;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The bytes of one message. Without `seq` and `string` fields the head is all there is.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The fields at their offsets. Where a tail's count and place would stand, it is zero.
    pub(super) head: Storage,
    /// In the order of [`Layout::tails`].
    pub(super) tails: Vec<Tail>,
}

/// The items of one `seq` or `string` field.
///
/// They lie in a Python `bytes`, which never changes, so that arrays over them need no copy and may outlive the message.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    holder: Option<Py<PyBytes>>,
    start: usize,
    len: usize,
}

impl Tail {
    /// All of `holder`.
    pub(super) fn of(holder: Bound<'_, PyBytes>) -> Self {
        let len = holder.as_bytes().len();
        Tail { holder: Some(holder.unbind()), start: 0, len }
    }

    pub(super) fn copy_of(py: Python<'_>, items: &[u8]) -> Self {
        if items.is_empty() { Tail::default() } else { Tail::of(PyBytes::new(py, items)) }
    }

    pub(super) fn clone_ref(&self, py: Python<'_>) -> Self {
        let holder = self.holder.as_ref().map(|holder| holder.clone_ref(py));
        Tail { holder, start: self.start, len: self.len }
    }

    pub(super) fn bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match &self.holder {
            Some(holder) => &holder.bind(py).as_bytes()[self.start..][..self.len],
            None => &[],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The object that holds the items, and where they begin in it.
    pub(super) fn place<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>, usize) {
        match &self.holder {
            Some(holder) => (holder.bind(py).clone(), self.start),
            None => (PyBytes::new(py, b""), 0),
        }
    }
}

/// Where a message's head tells of a tail: `count u64 | offset u64` at `at`, of items of `item` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailPlace {
    pub(super) at: usize,
    pub(super) item: usize,
}

/// What a head tells of a tail.
pub(super) const ENTRY_BYTES: usize = 16;
/// Tails begin on a multiple of this.
const TAIL_ALIGN: usize = 8;

impl Content {
    /// Takes a message apart. Copies all of it once, or only its head if `whole` is the object that holds it.
    ///
    /// # Errors
    /// In words, if these are no bytes of such a message. Safe on any bytes.
    pub(super) fn read(
        py: Python<'_>,
        layout: &Layout,
        bytes: &[u8],
        whole: Option<&Bound<'_, PyBytes>>,
    ) -> Result<Self, String> {
        if layout.tails.is_empty() {
            if bytes.len() != layout.size {
                return Err(format!("a {} has {} bytes, not {}", layout.name, layout.size, bytes.len()));
            }
            let mut head = Storage::copy_of(bytes);
            layout.clear_filling(head.bytes_mut());
            return Ok(Content { head, tails: Vec::new() });
        }
        if bytes.len() < layout.size {
            let (name, size) = (&layout.name, layout.size);
            return Err(format!("a {name} has at least {size} bytes, not {}", bytes.len()));
        }
        let mut head = Storage::copy_of(&bytes[..layout.size]);
        let mut reader = TailReader::new(bytes, layout.size);
        let mut found = Vec::with_capacity(layout.tails.len());
        for place in &layout.tails {
            let entry = &bytes[place.at..][..ENTRY_BYTES];
            let tail =
                reader.take(entry, place.item).map_err(|reason| format!("a {}: {reason}", layout.name))?;
            let offset = u64::from_le_bytes(entry[8..].try_into().expect("8 bytes"));
            found.push((offset as usize, tail.len()));
            head.bytes_mut()[place.at..][..ENTRY_BYTES].fill(0);
        }
        layout.clear_filling(head.bytes_mut());
        let holder = whole.cloned().unwrap_or_else(|| PyBytes::new(py, bytes));
        let tails = found
            .into_iter()
            .map(|(start, len)| match len {
                0 => Tail::default(),
                _ => Tail { holder: Some(holder.clone().unbind()), start, len },
            })
            .collect();
        Ok(Content { head, tails })
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        let tails = match &*self.tails {
            // As nearly all messages.
            [] => Vec::new(),
            tails => tails.iter().map(|tail| tail.clone_ref(py)).collect(),
        };
        Content { head: self.head.clone(), tails }
    }

    /// The bytes that [`Content::write`] takes.
    pub(crate) fn encoded_len(&self, layout: &Layout) -> usize {
        self.tails.iter().fold(layout.size, |end, tail| end.next_multiple_of(TAIL_ALIGN) + tail.len())
    }

    /// Writes the message into `out`, which has [`Content::encoded_len`] bytes: the head, then the tails in the order
    /// of their fields.
    pub(crate) fn write(&self, py: Python<'_>, layout: &Layout, out: &mut [u8]) {
        out[..layout.size].copy_from_slice(self.head.bytes());
        let mut end = layout.size;
        for (place, tail) in layout.tails.iter().zip(&self.tails) {
            let start = end.next_multiple_of(TAIL_ALIGN);
            out[end..start].fill(0);
            let count = (tail.len() / place.item) as u64;
            out[place.at..][..8].copy_from_slice(&count.to_le_bytes());
            out[place.at + 8..][..8].copy_from_slice(&(start as u64).to_le_bytes());
            end = start + tail.len();
            out[start..end].copy_from_slice(tail.bytes(py));
        }
    }

    /// The message as a Python object of bytes; one copy.
    pub(super) fn to_bytes<'py>(&self, py: Python<'py>, layout: &Layout) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, self.encoded_len(layout), |out| {
            self.write(py, layout, out);
            Ok(())
        })
    }

    /// The whole message, of a type without tails: its head.
    pub(crate) fn fixed(&self) -> Option<&[u8]> {
        self.tails.is_empty().then(|| self.head.bytes())
    }
}
