//! What the bytes of a typed message mean: its name and its fields.

mod codec;
mod difference;

use crate::dtype::Dtype;
use crate::error::SchemaError;
use crate::tails;
use std::collections::HashSet;
use std::fmt;

pub(crate) use codec::VERSION;

/// Deepest nesting of messages, arrays and sequences; reading a schema recurses as deep, so this bounds the stack.
pub const SCHEMA_DEPTH_MAX: u32 = 16;
/// Largest encoded schema in bytes; far above any that was written by hand, it bounds what a damaged topic costs.
pub const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Largest type in bytes. Each slot of a topic holds one message, so larger ones belong into the pool.
pub const TYPE_BYTES_MAX: u32 = 1 << 28;

/// The layout of one typed message.
///
/// Two processes share a topic only if their schemas are equal; names, offsets and kinds count, documentation and
/// defaults don't. A schema that exists has been checked: fields lie one after the other, aligned, without padding.
///
/// # Examples
/// ```
/// use horus_core::{Message, Schema, messages::LaserScan};
/// let schema = LaserScan::schema();
/// let ranges = schema.field("ranges").expect("a field of every scan");
/// assert_eq!((ranges.kind.to_string().as_str(), ranges.offset), ("seq<f32>", 40));
/// assert!(schema.is_variable());
/// assert_eq!(&Schema::decode(&schema.encode())?, schema);
/// # Ok::<(), horus_core::SchemaError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The type's name, for example `CmdVel`.
    pub name: String,
    /// The bytes of a message; with `seq` or `string` fields, of its fixed head.
    pub size: u32,
    /// The fields by rising offset.
    pub fields: Vec<Field>,
    variable: bool,
}

/// One field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, 1 to 255 bytes.
    pub name: String,
    /// Where it begins, in bytes from the start of the message.
    pub offset: u32,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// A number, little-endian.
    Scalar(Dtype),
    /// One byte; 0 is false, anything else true.
    Bool,
    /// One byte that stands for one of these names.
    Enum(Vec<(String, u8)>),
    /// UTF-8 text in this many bytes, filled up with zeros.
    FixedString(u32),
    /// This many of a kind, one after the other.
    Array(u32, Box<FieldKind>),
    /// Another message.
    Nested(Schema),
    /// Any number of a fixed kind. The head holds a count and an offset, the items stand behind the head.
    Seq(Box<FieldKind>),
    /// UTF-8 text of any length, held as a `Seq` of bytes.
    String,
}

impl Schema {
    /// Returns the schema of these fields, after checking that they lie one after the other, aligned and without gap.
    ///
    /// # Errors
    /// [`SchemaError::Field`] names the field that doesn't fit; [`SchemaError::Limit`] tells what is too much.
    pub fn new(name: impl Into<String>, fields: Vec<Field>) -> Result<Self, SchemaError> {
        let name = name.into();
        check_name("type", &name)?;
        if fields.is_empty() {
            return Err(SchemaError::Field {
                field: String::new(),
                reason: "is missing: a message needs one".into(),
            });
        }
        let mut end: u64 = 0;
        let mut names = HashSet::new();
        for field in &fields {
            let refuse = |reason: String| SchemaError::Field { field: field.name.clone(), reason };
            check_name("field", &field.name)?;
            if !names.insert(&field.name) {
                return Err(refuse("is there twice".into()));
            }
            let (size, align) = field.kind.layout(1).map_err(refuse)?;
            if u64::from(field.offset) != end {
                return Err(refuse(format!(
                    "lies at offset {}, the one before it ends at {end}",
                    field.offset
                )));
            }
            if !end.is_multiple_of(align.into()) {
                return Err(refuse(format!(
                    "lies at offset {end}, which is no multiple of its {align} bytes"
                )));
            }
            end += size;
            if end > u64::from(TYPE_BYTES_MAX) {
                return Err(SchemaError::Limit {
                    what: "bytes of one message",
                    limit: TYPE_BYTES_MAX as usize,
                });
            }
        }
        let schema =
            Self { name, size: end as u32, variable: fields.iter().any(|f| f.kind.is_variable()), fields };
        let align = schema.align();
        if !schema.size.is_multiple_of(align) {
            let last = schema.fields.last().expect("at least one field").name.clone();
            let reason =
                format!("ends at {}, which is no multiple of {align}: fill up the message", schema.size);
            return Err(SchemaError::Field { field: last, reason });
        }
        if codec::encoded_bytes(&schema) > SCHEMA_BYTES_MAX {
            return Err(SchemaError::Limit { what: "bytes", limit: SCHEMA_BYTES_MAX });
        }
        Ok(schema)
    }

    /// Returns whether messages differ in length: one of the fields is a `seq` or a `string`.
    pub fn is_variable(&self) -> bool {
        self.variable
    }

    /// Returns the boundary in bytes on which a message lies: the largest of its fields.
    pub fn align(&self) -> u32 {
        self.fields.iter().map(|field| field.kind.align()).max().unwrap_or(1)
    }

    /// Returns the field of this name, or nothing.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    /// Returns whether it only fills a gap: its name begins with `_`. Its bytes are zeros, and no tool shows it.
    pub fn is_filling(&self) -> bool {
        self.name.starts_with('_')
    }
}

impl FieldKind {
    /// Returns the bytes it takes in the message or its head.
    pub fn size(&self) -> u64 {
        match self {
            FieldKind::Scalar(dtype) => dtype.size().into(),
            FieldKind::Bool | FieldKind::Enum(_) => 1,
            FieldKind::FixedString(bytes) => (*bytes).into(),
            FieldKind::Array(count, item) => u64::from(*count).saturating_mul(item.size()),
            FieldKind::Nested(schema) => schema.size.into(),
            FieldKind::Seq(_) | FieldKind::String => tails::ENTRY_BYTES as u64,
        }
    }

    /// Returns the boundary in bytes on which it lies.
    pub fn align(&self) -> u32 {
        match self {
            FieldKind::Scalar(dtype) => dtype.align(),
            FieldKind::Bool | FieldKind::Enum(_) | FieldKind::FixedString(_) => 1,
            FieldKind::Array(_, item) => item.align(),
            FieldKind::Nested(schema) => schema.align(),
            FieldKind::Seq(_) | FieldKind::String => tails::TAIL_ALIGN as u32,
        }
    }

    /// Returns whether it is, or holds, a `seq` or a `string`.
    pub fn is_variable(&self) -> bool {
        match self {
            FieldKind::Seq(_) | FieldKind::String => true,
            FieldKind::Array(_, item) => item.is_variable(),
            FieldKind::Nested(schema) => schema.variable,
            _ => false,
        }
    }

    /// Returns size and alignment, or what is wrong with the kind.
    fn layout(&self, depth: u32) -> Result<(u64, u32), String> {
        if depth > SCHEMA_DEPTH_MAX {
            return Err(format!("is nested deeper than {SCHEMA_DEPTH_MAX} levels"));
        }
        match self {
            FieldKind::Scalar(dtype) if !dtype.is_scalar_field() => return Err(format!("can't be {dtype}")),
            FieldKind::Array(_, item) => {
                item.layout(depth + 1)?;
            }
            FieldKind::Nested(schema) => {
                for field in &schema.fields {
                    field
                        .kind
                        .layout(depth + 1)
                        .map_err(|reason| format!("has a field '{}' that {reason}", field.name))?;
                }
            }
            FieldKind::Seq(item) => {
                item.layout(depth + 1)?;
                if item.is_variable() {
                    return Err("is a seq of items that vary in size themselves".into());
                }
            }
            FieldKind::Enum(listed) => check_enum(listed)?,
            FieldKind::Scalar(_) | FieldKind::Bool | FieldKind::FixedString(_) | FieldKind::String => {}
        }
        match self.size() {
            0 => Err("is of no size".into()),
            size if size > u64::from(TYPE_BYTES_MAX) => {
                Err(format!("exceeds the limit of {TYPE_BYTES_MAX} bytes"))
            }
            size => Ok((size, self.align())),
        }
    }
}

fn check_enum(listed: &[(String, u8)]) -> Result<(), String> {
    let mut numbers = [false; 256];
    for (index, (name, number)) in listed.iter().enumerate() {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(format!("has a name of {} bytes for {number}", name.len()));
        }
        let repeated = std::mem::replace(&mut numbers[usize::from(*number)], true);
        if repeated || listed[..index].iter().any(|(other, _)| other == name) {
            return Err(format!("has {name} = {number} beside one of the same name or number"));
        }
    }
    if listed.is_empty() { Err("stands for no name".into()) } else { Ok(()) }
}

/// Longest name of a type or field, in bytes: its length is one byte in the encoded schema.
pub(crate) const NAME_BYTES_MAX: usize = 255;

fn check_name(what: &str, name: &str) -> Result<(), SchemaError> {
    let reason = match name.len() {
        0 => format!("is the {what}'s name and empty"),
        1..=NAME_BYTES_MAX if name.chars().any(char::is_control) => {
            format!("is a {what}'s name with control characters")
        }
        1..=NAME_BYTES_MAX => return Ok(()),
        n => format!("is the {what}'s name and has {n} bytes, the limit is {NAME_BYTES_MAX}"),
    };
    Err(SchemaError::Field { field: name.escape_debug().to_string(), reason })
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldKind::Scalar(dtype) => write!(f, "{dtype}"),
            FieldKind::Bool => f.write_str("bool"),
            FieldKind::Enum(listed) => {
                f.write_str("enum{")?;
                for (i, (name, number)) in listed.iter().enumerate() {
                    write!(f, "{}{name}={number}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
            FieldKind::FixedString(bytes) => write!(f, "string<{bytes}>"),
            FieldKind::Array(count, item) => write!(f, "{item}[{count}]"),
            FieldKind::Nested(schema) => f.write_str(&schema.name),
            FieldKind::Seq(item) => write!(f, "seq<{item}>"),
            FieldKind::String => f.write_str("string"),
        }
    }
}

#[cfg(test)]
#[path = "schema/tests.rs"]
mod tests;
