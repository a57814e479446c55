//! A message on its way from the ring to a Python object.

use super::unknown_kind;
use crate::convert;
use crate::errors::horus_error;
use crate::message::{self, Layout, Message as Typed};
use crate::pooled::Pooled;
use horus_core::{Kind, Schema};
use horus_shm::{Payload, PinnedBlock, TopicSpec};
use pyo3::prelude::*;
use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

/// What the messages of a topic are; kept from one message to the next, since it hardly ever changes.
#[derive(Debug)]
pub(super) struct Decoder {
    known: Arc<Known>,
    fixed: bool,
    again: Again,
}

#[derive(Debug)]
pub(super) struct Known {
    kind: u8,
    schema: Vec<u8>,
    layout: OnceLock<&'static Layout>,
}

/// One message, out of the ring.
pub(super) enum Message<'a> {
    /// An object already.
    Made(Py<PyAny>),
    /// Not yet: making it may run Python code, so it is made after the lock is given back.
    Taken { known: Arc<Known>, body: Body<'a> },
}

/// Its bytes.
pub(super) enum Body<'a> {
    Inline(&'a [u8]),
    /// More than there is room for.
    Large(Vec<u8>),
    Block {
        block: PinnedBlock,
        meta: &'a [u8],
    },
}

/// What a message is copied to on its way from the ring to an object; uninitialised, as clearing it would take longer than
/// the copy. Enough for all that stands in a slot of a dict topic.
pub(super) struct Room([MaybeUninit<u8>; 1024]);

impl Room {
    #[inline]
    pub(super) fn new() -> Self {
        Room([MaybeUninit::uninit(); 1024])
    }
}

/// The last objects made, to be filled again once nobody else holds them: a program mostly drops a message before, or
/// when, it takes the next, and making one takes as long as all the rest of receiving it.
#[derive(Debug, Default)]
struct Again {
    made: [Option<Py<Typed>>; 2],
    oldest: usize,
}

impl Again {
    /// An object that nobody else holds, with these bytes. Runs no Python code.
    #[inline]
    fn filled(&self, py: Python<'_>, layout: &'static Layout, bytes: &[u8]) -> Option<Py<PyAny>> {
        let filled = self.made.iter().flatten().find(|made| Typed::refill(made.bind(py), layout, bytes));
        filled.map(|made| made.clone_ref(py).into_any())
    }

    /// Remembers an object; returns the one that it forgets.
    fn keep(&mut self, made: Py<Typed>) -> Option<Py<Typed>> {
        let place = self.oldest;
        self.oldest = (place + 1) % self.made.len();
        self.made[place].replace(made)
    }
}

impl Decoder {
    /// A decoder of one type, or of whatever the topic holds.
    pub(super) fn of(spec: Option<&TopicSpec>) -> Self {
        let known = spec.map_or_else(|| Known::new(0, &[]), |spec| Known::new(spec.kind, &spec.schema));
        Decoder { known, fixed: spec.is_some(), again: Again::default() }
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// A message of the type learned last. Runs no Python code.
    #[inline]
    pub(super) fn message<'a>(&self, py: Python<'_>, body: Body<'a>) -> Message<'a> {
        match &body {
            Body::Inline(bytes) => match self.again(py, bytes) {
                Some(made) => Message::Made(made),
                None => Message::Taken { known: self.known.clone(), body },
            },
            _ => Message::Taken { known: self.known.clone(), body },
        }
    }

    /// The same for a message that an earlier one's object can be filled with.
    #[inline]
    pub(super) fn again(&self, py: Python<'_>, bytes: &[u8]) -> Option<Py<PyAny>> {
        self.again.filled(py, self.known.layout.get()?, bytes)
    }

    /// Takes the messages that follow to be of this type.
    pub(super) fn learn(&mut self, spec: &TopicSpec) {
        if self.known.kind != spec.kind || self.known.schema != spec.schema {
            self.known = Known::new(spec.kind, &spec.schema);
        }
    }

    /// Remembers an object made, to be used again; returns the one that it forgets, to be dropped without the lock.
    pub(super) fn keep(&mut self, made: Py<Typed>) -> Option<Py<Typed>> {
        self.again.keep(made)
    }
}

impl<'a> Body<'a> {
    /// Copies a small message out.
    #[inline]
    pub(super) fn take(payload: Payload<'_>, room: &'a mut Room) -> Self {
        match payload {
            Payload::Inline(bytes) => match room.0.get_mut(..bytes.len()) {
                Some(room) => Body::Inline(room.write_copy_of_slice(bytes)),
                None => Body::Large(bytes.to_vec()),
            },
            Payload::Block { block, meta } => {
                // What a slot holds beside the descriptor is far less than the room.
                let fits = &meta[..meta.len().min(room.0.len())];
                Body::Block { block, meta: room.0[..fits.len()].write_copy_of_slice(fits) }
            }
        }
    }
}

impl Message<'_> {
    /// Makes the object: a message, a dict, an image, a point cloud or a tensor.
    pub(super) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let (known, body) = match self {
            Message::Made(made) => return Ok(made.into_bound(py)),
            Message::Taken { known, body } => (known, body),
        };
        match body {
            Body::Inline(bytes) => known.decode(py, bytes),
            Body::Large(bytes) => known.decode(py, &bytes),
            Body::Block { block, meta } => match Kind::from_code(known.kind) {
                Some(kind) if kind.is_pool_backed() => {
                    Pooled::received(py, kind, block, meta)?.into_object(py)
                }
                _ => known.decode(py, block.bytes()),
            },
        }
    }
}

impl Known {
    fn new(kind: u8, schema: &[u8]) -> Arc<Self> {
        Arc::new(Known { kind, schema: schema.to_vec(), layout: OnceLock::new() })
    }
}

impl Known {
    fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        match Kind::from_code(self.kind) {
            Some(Kind::Typed) => Ok(Typed::of_bytes(py, self.layout(py)?, bytes)?.into_any()),
            Some(Kind::Dict) => convert::decode(py, bytes),
            _ => Err(unknown_kind(py, self.kind)),
        }
    }

    fn layout(&self, py: Python<'_>) -> PyResult<&'static Layout> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let schema = Schema::decode(&self.schema).map_err(|error| horus_error(py, error.to_string()))?;
        let layout = message::layout_of_schema(py, &self.schema, &schema)?;
        Ok(self.layout.get_or_init(|| layout))
    }
}
