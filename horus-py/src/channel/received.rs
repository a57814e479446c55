//! A message on its way from the ring to a Python object.

use super::unknown_kind;
use crate::convert;
use crate::errors::horus_error;
use crate::message::{self, Layout, Message as Typed};
use crate::pooled::Pooled;
use horus_core::{Kind, Schema};
use horus_shm::{Payload, PinnedBlock, TopicSpec};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// What the messages of a topic are; kept from one message to the next, since it hardly ever changes.
#[derive(Debug)]
pub(super) struct Decoder {
    known: Arc<Known>,
    fixed: bool,
}

#[derive(Debug)]
struct Known {
    kind: u8,
    schema: Vec<u8>,
    layout: OnceLock<&'static Layout>,
}

/// One message, out of the ring, not yet an object.
pub(super) struct Message {
    known: Arc<Known>,
    body: Body,
}

/// Its bytes.
pub(super) enum Body {
    /// In this thread's buffer.
    Inline(Vec<u8>),
    Block {
        block: PinnedBlock,
        meta: Vec<u8>,
    },
}

thread_local! {
    /// The buffer of the last message, for the next one.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Decoder {
    /// A decoder of one type, or of whatever the topic holds.
    pub(super) fn of(spec: Option<&TopicSpec>) -> Self {
        let known = spec.map_or_else(|| Known::new(0, &[]), |spec| Known::new(spec.kind, &spec.schema));
        Decoder { known, fixed: spec.is_some() }
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// A message of the type learned last.
    pub(super) fn message(&self, body: Body) -> Message {
        Message { known: self.known.clone(), body }
    }

    /// Takes the messages that follow to be of this type.
    pub(super) fn learn(&mut self, spec: &TopicSpec) {
        if self.known.kind != spec.kind || self.known.schema != spec.schema {
            self.known = Known::new(spec.kind, &spec.schema);
        }
    }
}

impl Known {
    fn new(kind: u8, schema: &[u8]) -> Arc<Self> {
        Arc::new(Known { kind, schema: schema.to_vec(), layout: OnceLock::new() })
    }
}

impl Body {
    /// Copies a small message out, so that the object is made after the lock is given back.
    pub(super) fn take(payload: Payload<'_>) -> Self {
        match payload {
            Payload::Inline(bytes) => {
                let mut buffer = BUFFER.take();
                buffer.clear();
                buffer.extend_from_slice(bytes);
                Body::Inline(buffer)
            }
            Payload::Block { block, meta } => Body::Block { block, meta: meta.to_vec() },
        }
    }
}

impl Message {
    /// Makes the object: a message, a dict, an image, a point cloud or a tensor.
    pub(super) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let Message { known, body } = self;
        match body {
            Body::Inline(buffer) => {
                let made = known.decode(py, &buffer);
                BUFFER.replace(buffer);
                made
            }
            Body::Block { block, meta } => match Kind::from_code(known.kind) {
                Some(kind) if kind.is_pool_backed() => {
                    Pooled::received(py, kind, block, &meta)?.into_object(py)
                }
                _ => known.decode(py, block.bytes()),
            },
        }
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
