//! A schema as bytes: what stands in a topic's file.
//!
//! `version u8 | schema`, a schema being `name | size u32 | count u16 | count × (name | offset u32 | kind)`, a name
//! `length u8 | UTF-8`, a kind one byte and what belongs to it. All little-endian. Equal schemas have equal bytes, so
//! the transport compares bytes and knows nothing of schemas.

use super::{Field, FieldKind, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, Schema};
use crate::dtype::Dtype;
use crate::error::SchemaError;

/// The version of the encoding; it changes when a program that knows the old one would misread.
pub(crate) const VERSION: u8 = 1;

// Scalars are their dtype's code, 1 to 31.
const BOOL: u8 = 32;
const ENUM: u8 = 33;
const FIXED_STRING: u8 = 34;
const ARRAY: u8 = 35;
const NESTED: u8 = 36;
const SEQ: u8 = 37;
const STRING: u8 = 38;

impl Schema {
    /// Returns the schema as bytes; equal schemas give equal bytes. Allocates.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(encoded_bytes(self));
        out.push(VERSION);
        write_schema(self, &mut out);
        out
    }

    /// Returns the schema that these bytes hold. Safe on any bytes: memory and time are linear in their number.
    ///
    /// # Errors
    /// [`SchemaError`] tells where the bytes stop making sense, or which field can't lie where they say.
    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        if bytes.len() > SCHEMA_BYTES_MAX {
            return Err(SchemaError::Limit { what: "bytes", limit: SCHEMA_BYTES_MAX });
        }
        let mut reader = Reader { bytes, at: 0 };
        match reader.u8("version")? {
            VERSION => {}
            found => return Err(SchemaError::Version { found }),
        }
        let schema = reader.schema(0)?;
        if reader.at != bytes.len() {
            return Err(reader.malformed("end"));
        }
        Ok(schema)
    }
}

/// Returns the length of the encoded schema in bytes.
pub(super) fn encoded_bytes(schema: &Schema) -> usize {
    1 + schema_bytes(schema)
}

fn schema_bytes(schema: &Schema) -> usize {
    let fields = schema.fields.iter().map(|field| 1 + field.name.len() + 4 + kind_bytes(&field.kind));
    1 + schema.name.len() + 4 + 2 + fields.sum::<usize>()
}

fn kind_bytes(kind: &FieldKind) -> usize {
    1 + match kind {
        FieldKind::Scalar(_) | FieldKind::Bool | FieldKind::String => 0,
        FieldKind::Enum(listed) => 2 + listed.iter().map(|(name, _)| 2 + name.len()).sum::<usize>(),
        FieldKind::FixedString(_) => 4,
        FieldKind::Array(_, item) => 4 + kind_bytes(item),
        FieldKind::Nested(schema) => schema_bytes(schema),
        FieldKind::Seq(item) => kind_bytes(item),
    }
}

fn write_schema(schema: &Schema, out: &mut Vec<u8>) {
    write_name(&schema.name, out);
    out.extend(schema.size.to_le_bytes());
    out.extend((schema.fields.len() as u16).to_le_bytes());
    for field in &schema.fields {
        write_name(&field.name, out);
        out.extend(field.offset.to_le_bytes());
        write_kind(&field.kind, out);
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.push(name.len() as u8);
    out.extend(name.as_bytes());
}

fn write_kind(kind: &FieldKind, out: &mut Vec<u8>) {
    match kind {
        FieldKind::Scalar(dtype) => out.push(*dtype as u8),
        FieldKind::Bool => out.push(BOOL),
        FieldKind::Enum(listed) => {
            out.push(ENUM);
            out.extend((listed.len() as u16).to_le_bytes());
            for (name, number) in listed {
                write_name(name, out);
                out.push(*number);
            }
        }
        FieldKind::FixedString(bytes) => {
            out.push(FIXED_STRING);
            out.extend(bytes.to_le_bytes());
        }
        FieldKind::Array(count, item) => {
            out.push(ARRAY);
            out.extend(count.to_le_bytes());
            write_kind(item, out);
        }
        FieldKind::Nested(schema) => {
            out.push(NESTED);
            write_schema(schema, out);
        }
        FieldKind::Seq(item) => {
            out.push(SEQ);
            write_kind(item, out);
        }
        FieldKind::String => out.push(STRING),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn malformed(&self, what: &'static str) -> SchemaError {
        SchemaError::Malformed { what, offset: self.at }
    }

    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], SchemaError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or_else(|| self.malformed(what))?;
        self.at += count;
        Ok(taken)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, SchemaError> {
        Ok(self.take(1, what)?[0])
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, SchemaError> {
        let bytes = self.take(2, what)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, SchemaError> {
        let bytes = self.take(4, what)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn name(&mut self, what: &'static str) -> Result<String, SchemaError> {
        let length = self.u8(what)?;
        let start = self.at;
        let bytes = self.take(length.into(), what)?;
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| SchemaError::Malformed { what, offset: start })
    }

    fn schema(&mut self, depth: u32) -> Result<Schema, SchemaError> {
        self.check_depth(depth)?;
        let name = self.name("type name")?;
        let size = self.u32("size")?;
        let count = self.u16("number of fields")?;
        let mut fields = Vec::new();
        for _ in 0..count {
            let name = self.name("field name")?;
            let offset = self.u32("offset")?;
            let kind = self.kind(depth + 1)?;
            fields.push(Field { name, offset, kind });
        }
        let schema = Schema::new(name, fields)?;
        if schema.size == size { Ok(schema) } else { Err(self.malformed("size that fits the fields")) }
    }

    fn kind(&mut self, depth: u32) -> Result<FieldKind, SchemaError> {
        self.check_depth(depth)?;
        Ok(match self.u8("kind")? {
            BOOL => FieldKind::Bool,
            ENUM => {
                let count = self.u16("number of names")?;
                let mut listed = Vec::new();
                for _ in 0..count {
                    listed.push((self.name("enum name")?, self.u8("enum number")?));
                }
                FieldKind::Enum(listed)
            }
            FIXED_STRING => FieldKind::FixedString(self.u32("length")?),
            ARRAY => FieldKind::Array(self.u32("count")?, Box::new(self.kind(depth + 1)?)),
            NESTED => FieldKind::Nested(self.schema(depth)?),
            SEQ => FieldKind::Seq(Box::new(self.kind(depth + 1)?)),
            STRING => FieldKind::String,
            code => match Dtype::from_code(code) {
                Some(dtype) => FieldKind::Scalar(dtype),
                None => {
                    self.at -= 1;
                    return Err(self.malformed("known kind"));
                }
            },
        })
    }

    fn check_depth(&self, depth: u32) -> Result<(), SchemaError> {
        match depth <= SCHEMA_DEPTH_MAX {
            true => Ok(()),
            false => Err(SchemaError::Limit { what: "levels", limit: SCHEMA_DEPTH_MAX as usize }),
        }
    }
}
