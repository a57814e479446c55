//! Typed messages as native Python classes.
//!
//! One native base class holds the bytes of a message as they lie in shared memory; each type is a subclass
//! made from its schema, with a native descriptor for each field. A type defined by a user goes the same way
//! as the standard ones.

mod cell;
mod class;
mod field;
mod layout;
mod registry;
mod storage;

pub(crate) use class::Message;
pub(crate) use layout::Layout;
pub(crate) use registry::{add_standard, layout_of_class, layout_of_name, layout_of_schema};
