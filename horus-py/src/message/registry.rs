//! The layouts there are: the standard messages, and the types met on topics.

use super::cell::Cell;
use super::class::Message;
use super::layout::{About, Layout};
use horus_core::{FieldKind, MessageType, Schema, messages};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Each layout by its encoded schema, so that a type has one class wherever it comes from.
static LAYOUTS: Mutex<Option<HashMap<Vec<u8>, &'static Layout>>> = Mutex::new(None);

/// Adds the classes of the standard messages to the module.
pub(crate) fn add_standard(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<Message>()?;
    for message in messages::standard() {
        let layout = standard(py, message)?;
        module.add(message.name, layout.class(py)?)?;
    }
    Ok(())
}

/// The layout of the standard message of that name.
///
/// # Errors
/// `ValueError` with the nearest names.
pub(crate) fn layout_of_name(py: Python<'_>, name: &str) -> PyResult<&'static Layout> {
    let message = messages::find(name).map_err(|error| PyValueError::new_err(error.to_string()))?;
    standard(py, message)
}

/// The layout of a type met on a topic; its class is made if this is the first time.
///
/// # Errors
/// `TypeError` for a type with fields of a kind that this version doesn't know.
pub(crate) fn layout_of_schema(py: Python<'_>, encoded: &[u8], schema: &Schema) -> PyResult<&'static Layout> {
    if let Some(known) = find(encoded) {
        return Ok(known);
    }
    let defaults = vec![0; schema.size as usize];
    let about = About { doc: "A message type defined by another program.", default_topic: None };
    let layout = build(py, schema, about, &|_| "", &defaults)?;
    Ok(insert(encoded.to_vec(), layout))
}

/// Gives the module's own layout of a class, or `None` if it isn't a message class.
pub(crate) fn layout_of_class(class: &Bound<'_, PyType>) -> Option<&'static Layout> {
    class.is_subclass_of::<Message>().ok().filter(|is| *is)?;
    super::class::layout_of(class).ok()
}

fn standard(py: Python<'_>, message: &MessageType) -> PyResult<&'static Layout> {
    let encoded = message.schema().encode();
    if let Some(known) = find(&encoded) {
        return Ok(known);
    }
    let doc =
        |name: &str| message.fields.iter().find(|field| field.name == name).map_or("", |field| field.doc);
    let about = About { doc: message.doc, default_topic: message.default_topic };
    let layout = build(py, message.schema(), about, &doc, &message.default_bytes())?;
    Ok(insert(encoded, layout))
}

fn find(encoded: &[u8]) -> Option<&'static Layout> {
    let layouts = LAYOUTS.lock().unwrap_or_else(PoisonError::into_inner);
    layouts.as_ref().and_then(|layouts| layouts.get(encoded).copied())
}

/// Keeps the first of a type, also when two threads met it at once.
fn insert(encoded: Vec<u8>, layout: &'static Layout) -> &'static Layout {
    let mut layouts = LAYOUTS.lock().unwrap_or_else(PoisonError::into_inner);
    layouts.get_or_insert_default().entry(encoded).or_insert(layout)
}

fn build<'d>(
    py: Python<'_>,
    schema: &Schema,
    about: About<'_>,
    field_doc: &dyn Fn(&str) -> &'d str,
    defaults: &[u8],
) -> PyResult<&'static Layout> {
    let cells = schema.fields.iter().map(|field| {
        let cell = cell(py, &field.kind).map_err(|reason| {
            PyTypeError::new_err(format!("field '{}' of {} {}", field.name, schema.name, reason.value(py)))
        })?;
        Ok((cell, field_doc(&field.name).to_owned()))
    });
    let cells = cells.collect::<PyResult<_>>()?;
    Layout::leak(py, schema.clone(), about, cells, defaults)
}

fn cell(py: Python<'_>, kind: &FieldKind) -> PyResult<Cell> {
    Ok(match kind {
        FieldKind::Scalar(dtype) => Cell::Number(*dtype),
        FieldKind::Bool => Cell::Bool,
        FieldKind::Enum(names) => Cell::Enum(names.clone()),
        FieldKind::FixedString(capacity) => Cell::Text { capacity: *capacity as usize },
        FieldKind::Array(count, item) => Cell::Array(Box::new(cell(py, item)?), *count as usize),
        FieldKind::Nested(schema) => Cell::Nested(layout_of_schema(py, &schema.encode(), schema)?),
        FieldKind::Seq(item) => Cell::Seq(Box::new(cell(py, item)?)),
        FieldKind::String => Cell::LongText,
        _ => return Err(PyTypeError::new_err(format!("is a {kind}, which this version doesn't know"))),
    })
}
