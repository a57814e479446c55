//! What can go wrong with schemas, values and blocks, in words.

use std::fmt;

/// A schema that describes no message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaError {
    /// The bytes end early, go on too long, or hold a number that stands for nothing.
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where, in bytes from the start.
        offset: usize,
    },
    /// A version of the encoding that this program doesn't know; rebuild the older of the two.
    Version {
        /// The version found.
        found: u8,
    },
    /// A field that can't lie where it is said to, or is of no size.
    Field {
        /// The field's name.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More than a schema can hold.
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaError::Malformed { what, offset } => write!(f, "no {what} at byte {offset} of the schema"),
            SchemaError::Version { found } => {
                write!(
                    f,
                    "the schema has version {found}, this program knows version {}",
                    crate::schema::VERSION
                )
            }
            SchemaError::Field { field, reason } => write!(f, "field '{field}' {reason}"),
            SchemaError::Limit { what, limit } => write!(f, "the schema exceeds the limit of {limit} {what}"),
        }
    }
}

impl std::error::Error for SchemaError {}

/// One step on the way to a part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A field of a typed message.
    Field(String),
    /// A key of a dict.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// A value that can't be read or written, and where in it.
///
/// `Display` gives the path first: `field 'pose.x': expected f64, found a string`, `key 'a' > item 3: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The way to the part, innermost first.
    reversed: Vec<Segment>,
    reason: String,
}

impl ValueError {
    /// Returns an error about the whole value.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reversed: Vec::new(), reason: reason.into() }
    }

    /// Returns the same error, seen from one level further out.
    #[must_use]
    pub fn within(mut self, segment: Segment) -> Self {
        self.reversed.push(segment);
        self
    }

    /// Returns what is wrong, without where.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the way to the part that is wrong, outermost first.
    pub fn path(&self) -> impl Iterator<Item = &Segment> {
        self.reversed.iter().rev()
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields: Vec<&str> = Vec::new();
        let mut parts: Vec<String> = Vec::new();
        for segment in self.path() {
            match segment {
                Segment::Field(name) => {
                    fields.push(name);
                    continue;
                }
                _ if !fields.is_empty() => {
                    parts.push(format!("field '{}'", std::mem::take(&mut fields).join(".")))
                }
                _ => {}
            }
            match segment {
                Segment::Key(key) => parts.push(format!("key '{key}'")),
                Segment::Item(index) => parts.push(format!("item {index}")),
                Segment::Field(_) => {}
            }
        }
        if !fields.is_empty() {
            parts.push(format!("field '{}'", fields.join(".")));
        }
        if !parts.is_empty() {
            write!(f, "{}: ", parts.join(" > "))?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ValueError {}

/// A descriptor or a geometry that stands for no image, point cloud or tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockError {
    /// A descriptor that no HORUS program writes.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The numbers would end outside the block or buffer.
    Bounds {
        /// The bytes the geometry needs.
        needed: u64,
        /// The bytes there are.
        available: u64,
    },
    /// A height, width or step that no image can have, a count that no cloud, a shape or strides that no tensor.
    Geometry {
        /// The values and what is wrong with them.
        reason: String,
    },
    /// No encoding, layout or dtype has this name, or it isn't one of this kind.
    Unknown {
        /// What it should name: `image encoding`.
        what: &'static str,
        /// The name as given.
        name: String,
        /// The names there are, with commas.
        known: String,
    },
    /// It belongs to the process that this one was forked from; make or receive it here.
    Forked,
}

impl BlockError {
    /// Returns the error of a name that is none of these.
    pub(crate) fn unknown(
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        BlockError::Unknown { what, name: name.to_owned(), known }
    }
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockError::Malformed { reason } => write!(f, "the block's descriptor is damaged: {reason}"),
            BlockError::Bounds { needed, available } => {
                write!(f, "the numbers need {needed} bytes, there are {available}")
            }
            BlockError::Geometry { reason } => f.write_str(reason),
            BlockError::Unknown { what, name, known } => {
                write!(f, "{what} {name:?} isn't known; one of {known}")
            }
            BlockError::Forked => f.write_str(
                "it belongs to the process that this one was forked from; make or receive it here",
            ),
        }
    }
}

impl std::error::Error for BlockError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_from_the_outside() {
        let error = ValueError::new("too long")
            .within(Segment::Field("x".into()))
            .within(Segment::Field("pose".into()));
        assert_eq!(error.to_string(), "field 'pose.x': too long");
        let error = ValueError::new("bad").within(Segment::Item(3)).within(Segment::Key("a".into()));
        assert_eq!(error.to_string(), "key 'a' > item 3: bad");
        let error = ValueError::new("bad").within(Segment::Item(1)).within(Segment::Field("ranges".into()));
        assert_eq!(error.to_string(), "field 'ranges' > item 1: bad");
        assert_eq!(ValueError::new("bad").to_string(), "bad");
    }
}
