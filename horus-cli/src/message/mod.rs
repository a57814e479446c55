//! Messages of any topic, between the ring and what people read and write.

mod filter;
mod parse;
mod path;
mod shorten;

pub(crate) use filter::Filter;
pub(crate) use parse::{documents, parse};
pub(crate) use path::FieldPath;
pub(crate) use shorten::{without_arrays, without_data};
