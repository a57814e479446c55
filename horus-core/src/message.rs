//! Messages: plain data with a schema.

use crate::field::FieldType;
use crate::schema::Schema;
use std::fmt;

/// A type whose bytes travel as they are, and whose schema every tool can read.
///
/// Derived, never written by hand: see [`derive@crate::Message`].
///
/// # Examples
/// Bytes that stand for nothing can't be compared or stored, so padding is refused, and the message names the field:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Gap {
///     flag: u8,
///     speed: f64, // padding before field `speed` of message `Gap`: put larger fields first, …
/// }
/// ```
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Tail {
///     speed: f64,
///     flag: u8, // padding after field `flag`, the last of message `Tail`: …
/// }
/// ```
/// ```
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Filled {
///     speed: f64,
///     flag: u8,
///     reserved: [u8; 7],
/// }
/// ```
///
/// A type that isn't plain data is no field:
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Plain(f64);
///
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Holder {
///     inner: Plain, // `Plain` can't be a field of a message
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "add #[derive(Message)] and #[repr(C)]"
)]
pub trait Message: FieldType + Default + Send + Sync {
    /// The name that the topic holds and that errors tell, for example `CmdVel`.
    const NAME: &'static str;
    /// The topic where such a message goes when none is named.
    const TOPIC: Option<&'static str>;
    /// The documentation of the type.
    const DOC: &'static str;
    /// The documentation of each field, in their order.
    const FIELDS: &'static [FieldInfo];

    /// Returns the layout. Cheap after the first call.
    fn schema() -> &'static Schema;
}

/// What people should know of a field; no part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The field's name.
    pub name: &'static str,
    /// Its documentation, with the unit.
    pub doc: &'static str,
}

/// A message type as a value: what generators of classes, stubs and documentation read.
#[derive(Clone, Copy)]
pub struct MessageType {
    /// The type's name.
    pub name: &'static str,
    /// The topic where such a message goes when none is named.
    pub default_topic: Option<&'static str>,
    /// The documentation of the type.
    pub doc: &'static str,
    /// The documentation of each field, in their order.
    pub fields: &'static [FieldInfo],
    schema: fn() -> &'static Schema,
    default_bytes: fn() -> Vec<u8>,
}

impl MessageType {
    /// Returns the description of a message type.
    pub const fn of<T: Message>() -> Self {
        Self {
            name: T::NAME,
            default_topic: T::TOPIC,
            doc: T::DOC,
            fields: T::FIELDS,
            schema: T::schema,
            default_bytes: || bytemuck::bytes_of(&T::default()).to_vec(),
        }
    }

    /// Returns the layout. Cheap after the first call.
    pub fn schema(&self) -> &'static Schema {
        (self.schema)()
    }

    /// Returns the bytes of a message whose fields all have their defaults.
    pub fn default_bytes(&self) -> Vec<u8> {
        (self.default_bytes)()
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageType").field("name", &self.name).finish_non_exhaustive()
    }
}

/// No standard message has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMessage {
    /// The name as given.
    pub name: String,
    /// The nearest names there are, best first; may be empty.
    pub suggestions: Vec<&'static str>,
}

impl fmt::Display for UnknownMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no message type is named {:?}", self.name)?;
        for (i, name) in self.suggestions.iter().enumerate() {
            write!(f, "{}'{name}'", if i == 0 { "; did you mean " } else { " or " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownMessage {}

/// What the derive's expansion calls; no part of the public interface.
#[doc(hidden)]
pub mod derived {
    use crate::schema::{Field, Schema};

    /// Returns the schema of a type that the derive has checked.
    ///
    /// # Panics
    /// If the type has so many fields or names that its schema exceeds [`crate::SCHEMA_BYTES_MAX`]; all else was
    /// refused when the type was compiled.
    pub fn schema(name: &str, fields: Vec<Field>) -> Schema {
        Schema::new(name, fields).unwrap_or_else(|error| panic!("message {name}: {error}"))
    }

    /// Returns the largest of the numbers.
    pub const fn deepest(depths: &[u32]) -> u32 {
        let mut deepest = 0;
        let mut i = 0;
        while i < depths.len() {
            if depths[i] > deepest {
                deepest = depths[i];
            }
            i += 1;
        }
        deepest
    }
}
