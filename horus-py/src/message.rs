//! Typed messages as native Python classes.
//!
//! One native base class holds the bytes of a message as they lie in shared memory; each type is a subclass
//! made from its schema, with a native descriptor for each field. A type defined by a user goes the same way
//! as the standard ones. The items of `seq` and `string` fields are kept apart from the fixed bytes, each in an
//! object that never changes: a field is replaced as a whole, and arrays over the old items keep them.

mod cell;
mod class;
mod content;
mod field;
mod layout;
mod registry;
mod sequence;
mod storage;

pub(crate) use class::Message;
pub(crate) use content::Content;
pub(crate) use layout::Layout;
pub(crate) use registry::{add_standard, layout_of_class, layout_of_name, layout_of_schema};
