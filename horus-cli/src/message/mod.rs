//! Messages of any topic, between the ring and what people read and write.

mod documents;
mod filter;
mod form;
pub(crate) mod notation;
pub(crate) mod numbers;
mod path;
mod read_json;
mod read_yaml;
#[cfg(test)]
mod round_trip;
mod shorten;

pub(crate) use documents::{Document, Documents, parse};
pub(crate) use filter::Filter;
pub(crate) use form::Form;
pub(crate) use path::FieldPath;
pub(crate) use shorten::{for_terminal, without_arrays};
