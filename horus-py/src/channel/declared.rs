//! The types that a topic may be declared with.

use crate::image::{DepthImage, Image};
use crate::message::{self, Layout};
use crate::point_cloud::PointCloud;
use crate::tensor::Tensor;
use horus_core::{DepthImageMeta, Kind, PointCloudMeta, TensorMeta};
use horus_shm::TopicSpec;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

/// A type of message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Declared {
    Typed(&'static Layout),
    Dict,
    /// Numbers in the pool: an image, a depth image, a point cloud or a tensor.
    Pooled(Kind),
}

impl PartialEq for Declared {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // One layout a type, see the registry.
            (Declared::Typed(a), Declared::Typed(b)) => std::ptr::eq(*a, *b),
            (Declared::Dict, Declared::Dict) => true,
            (Declared::Pooled(a), Declared::Pooled(b)) => a == b,
            _ => false,
        }
    }
}

impl Declared {
    /// Reads a type as users give it: a message class, `horus.Image` or another of its like, `dict`, or the name of one.
    ///
    /// # Errors
    /// `ValueError` for an unknown name, `TypeError` for anything else.
    pub(crate) fn parse(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(name) = given.cast::<PyString>() {
            return Self::named(given.py(), name.to_str()?);
        }
        Self::of_class(given).ok_or_else(|| {
            let shown =
                given.repr().map_or_else(|_| "that".to_owned(), |text| text.to_string_lossy().into_owned());
            PyTypeError::new_err(format!(
                "{shown} is no message type; use a class such as horus.CmdVel, or dict"
            ))
        })
    }

    /// Returns the type that a class stands for, if it does.
    pub(crate) fn of_class(given: &Bound<'_, PyAny>) -> Option<Self> {
        let class = given.cast::<PyType>().ok()?;
        let py = given.py();
        if class.is(py.get_type::<PyDict>()) {
            return Some(Declared::Dict);
        }
        let pooled = [
            (py.get_type::<Image>(), Kind::Image),
            (py.get_type::<DepthImage>(), Kind::DepthImage),
            (py.get_type::<PointCloud>(), Kind::PointCloud),
            (py.get_type::<Tensor>(), Kind::Tensor),
        ];
        if let Some((_, kind)) = pooled.iter().find(|(known, _)| class.is(known)) {
            return Some(Declared::Pooled(*kind));
        }
        message::layout_of_class(class).map(Declared::Typed)
    }

    fn named(py: Python<'_>, name: &str) -> PyResult<Self> {
        if let Some(kind) = pooled(name) {
            return Ok(Declared::Pooled(kind));
        }
        match name {
            "dict" | "GenericMessage" => Ok(Declared::Dict),
            _ => Ok(Declared::Typed(message::layout_of_name(py, name)?)),
        }
    }

    /// The topic of such messages when none is named.
    pub(crate) fn default_topic(self) -> Option<&'static str> {
        match self {
            Declared::Typed(layout) => layout.default_topic,
            Declared::Pooled(kind) => Some(topic_of(kind)),
            Declared::Dict => None,
        }
    }

    /// The topic of such messages, for a use that must have one.
    pub(crate) fn topic(self) -> PyResult<&'static str> {
        self.default_topic().ok_or_else(|| {
            PyValueError::new_err(format!("{} has no topic of its own; name one", self.shown()))
        })
    }

    /// As errors name it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Declared::Typed(layout) => &layout.name,
            Declared::Pooled(kind) => kind.type_name(),
            Declared::Dict => "a dict",
        }
    }

    /// What the transport is told.
    pub(crate) fn spec(self) -> TopicSpec {
        match self {
            Declared::Typed(layout) => layout.schema.spec(),
            Declared::Dict => Kind::Dict.spec(),
            Declared::Pooled(kind) => kind.spec(),
        }
    }
}

/// The pool-backed kind whose messages have this name.
fn pooled(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.is_pool_backed() && kind.type_name() == name)
}

fn topic_of(kind: Kind) -> &'static str {
    match kind {
        Kind::DepthImage => DepthImageMeta::TOPIC,
        Kind::PointCloud => PointCloudMeta::TOPIC,
        Kind::Tensor => TensorMeta::TOPIC,
        _ => "image",
    }
}
